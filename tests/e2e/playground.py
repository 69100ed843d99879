"""Deploys jobs of yours onto an AWS of this machine and leaves it there, to be asked and played with,
until Ctrl-C. Whenever the file changes, it is checked and deployed again."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from installation import (
    CLI, JOBS, OURS, REGION, VPC, Failed, Servers, build, client, deploy, lay_out_project,
    make_bucket, tag_subnets,
)

ENVIRONMENT = OURS / "environment"


def is_right(jobs):
    """Whether the file can be deployed; what is wrong with it is printed."""
    return subprocess.run([CLI, "check", "--jobs", jobs]).returncode == 0


def make_buckets():
    """Those of jobs.yaml that are not there yet."""
    jobs = yaml.safe_load(JOBS.read_text())["jobs"]
    triggers = [trigger for job in jobs.values() for trigger in job.get("triggers", [])]
    wanted = {trigger["s3"]["bucket"] for trigger in triggers if "s3" in trigger}
    there = {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]}
    for bucket in sorted(wanted - there):
        make_bucket(bucket)


def deploy_jobs(jobs):
    lay_out_project(jobs)
    build()
    deploy()
    make_buckets()


def tell_how_to_ask(jobs, ecs_endpoint):
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION",
             "AWS_DEFAULT_REGION")
    variables = {name: os.environ[name] for name in names} | {
        "AWS_ENDPOINT_URL_ECS": ecs_endpoint, "LONGSHORE_JOBS": str(jobs),
    }
    lines = ["unset AWS_PROFILE AWS_SESSION_TOKEN LONGSHORE_NAMESPACE LONGSHORE_ON\n"]
    lines += [f"export {name}='{value}'\n" for name, value in variables.items()]
    lines.append(f"export PATH='{CLI.parent}':\"$PATH\"\n")
    ENVIRONMENT.write_text("".join(lines))
    print(f"""
It is there. In another terminal:

    . {ENVIRONMENT.relative_to(Path.cwd())}   # AWS clients of that terminal ask this machine
    longshore run JOB --wait --on aws
    longshore runs --on aws

The region is {REGION}, the VPC {VPC}, its subnets have the tag `Type: private`, every cluster is
there, and so are the buckets of {jobs.name}. Schedules start nothing here, `longshore run` does.
Change {jobs.name}, and it is deployed again.
Ctrl-C ends it all, and forgets it.""", flush=True)


def deploy_whenever_it_changes(jobs, deployed):
    while True:
        time.sleep(0.5)
        try:
            content = jobs.read_bytes()
        except FileNotFoundError:
            continue  # an editor that puts a new file in the place of the old one
        if content == deployed:
            continue
        deployed = content
        if is_right(jobs):
            try:
                deploy_jobs(jobs)
                print("deployed again", flush=True)
            except Failed as failed:
                print(f"not deployed: {failed}", flush=True)


def main(jobs):
    if not jobs.is_file():
        raise Failed(f"there is no file {jobs}: say `make playground JOBS=mine.yaml`")
    OURS.mkdir(parents=True, exist_ok=True)
    deployed = jobs.read_bytes()
    if not is_right(jobs):
        raise Failed("nothing is deployed")
    with tempfile.TemporaryDirectory(prefix="longshore-") as folder, Servers(folder) as servers:
        print("building and deploying, a quarter of an hour the first time; the logs are in "
              f"{OURS.relative_to(Path.cwd())}", flush=True)
        tag_subnets()
        deploy_jobs(jobs)
        tell_how_to_ask(jobs, servers.ecs_endpoint)
        try:
            deploy_whenever_it_changes(jobs, deployed)
        finally:
            ENVIRONMENT.unlink(missing_ok=True)


if __name__ == "__main__":
    # So that what was started is ended also then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main(Path(sys.argv[1]).resolve())
    except Failed as failed:
        sys.exit(f"error: {failed}")
    except KeyboardInterrupt:
        print()
