"""An installation on this machine: AWS by ministack, ECS by `longshore local --serve`, and between
them what `sam build` and `sam deploy` make of the project, as users of it build and deploy."""

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import boto3
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
OURS = TARGET / "e2e"
PROJECT = OURS / "project"
JOBS = PROJECT / "config" / "jobs.yaml"
CLI = TARGET / "debug" / "longshore"
REGION = "eu-west-1"
ACCOUNT = "000000000000"
# ministack has it from the start.
VPC = "vpc-00000001"

# Nothing of whoever runs this: no profile, no account, no settings.
for name in [name for name in os.environ if name.startswith(("AWS_", "LONGSHORE_", "SAM_"))]:
    del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
    "PATH": f"{TARGET}/cargo-lambda/bin:{os.environ['PATH']}",
    "SAM_CLI_TELEMETRY": "0",
    "__SAM_CLI_APP_DIR": str(OURS / "sam"),
}


class Failed(Exception):
    """What had to be seen was not, or a program that is needed failed."""


def until(what, look, limit_s=60):
    """Looks until there is something, and returns it."""
    end = time.monotonic() + limit_s
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise Failed(f"{what}: not seen within {limit_s} s; the logs are in {OURS}")
        time.sleep(0.1)


def run(log, *command):
    """Runs a program in the project to its end; its log is shown when it fails."""
    path = OURS / f"{log}.log"
    with path.open("w") as out:
        done = subprocess.run(command, cwd=PROJECT, stdout=out, stderr=out)
    if done.returncode != 0:
        tail = "\n".join(path.read_text().splitlines()[-30:])
        raise Failed(f"{Path(command[0]).name} exited with {done.returncode}:\n{tail}")


def client(service, endpoint=None, region=REGION):
    """A client of ministack, or of another server."""
    endpoint = endpoint or os.environ["AWS_ENDPOINT_URL"]
    return boto3.client(service, endpoint_url=endpoint, region_name=region)


def longshore(*arguments):
    """Runs the command line against the installation; returns its exit code and output."""
    command = [CLI, *arguments, "--on", "aws", "--jobs", JOBS]
    done = subprocess.run(command, capture_output=True, text=True)
    sys.stderr.write(done.stderr)
    return done.returncode, done.stdout


def lay_out_project(jobs):
    """A project as its users have it: our sources and our template.yaml, jobs of its own. Beside
    them is our own target/, so that no crate is compiled twice but longshore itself."""
    JOBS.parent.mkdir(parents=True, exist_ok=True)
    for name in ("Cargo.toml", "Cargo.lock", "src", "tests", "benches", "target"):
        link = PROJECT / name
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT / name)
    shutil.copyfile(jobs, JOBS)
    shutil.copyfile(ROOT / "template.yaml", PROJECT / "template.yaml")


def build():
    """triggers.yaml, and the functions as SAM builds them."""
    run("render", CLI, "render", "--jobs", JOBS)
    run("sam-build", TARGET / "sam/bin/sam", "build", "--parameter-overrides", *parameters())


def parameters():
    arm = platform.machine() in ("aarch64", "arm64")
    return [f"Architecture={'arm64' if arm else 'x86_64'}"]


def deploy():
    """`sam deploy`, with the template as it is."""
    run(
        "sam-deploy", TARGET / "sam/bin/sam", "deploy", "--stack-name", "longshore", "--resolve-s3",
        "--no-confirm-changeset", "--no-progressbar", "--capabilities", "CAPABILITY_IAM",
        "CAPABILITY_AUTO_EXPAND", "--parameter-overrides", *parameters(),
    )
    # CloudFormation makes a number of a parameter where a number is asked for. ministack leaves it
    # text, and its poller cannot compare `MaximumConcurrency`: the same once more, as a number.
    functions = client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        limit = int(mapping["ScalingConfig"]["MaximumConcurrency"])
        functions.update_event_source_mapping(
            UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": limit}
        )


def make_bucket(name):
    """A bucket that tells EventBridge of its objects."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


def tag_subnets():
    """The subnets of the VPC that ministack has from the start are found as `Type: private`."""
    ec2 = client("ec2")
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [VPC]}])["Subnets"]
    ids = [subnet["SubnetId"] for subnet in subnets]
    ec2.create_tags(Resources=ids, Tags=[{"Key": "Type", "Value": "private"}])


def clusters():
    """Those that the deployed jobs run in."""
    jobs = yaml.safe_load(JOBS.read_text())
    return {job.get("cluster", "default") for job in [jobs.get("defaults", {}), *jobs["jobs"].values()]}


class Logs(threading.Thread):
    """Does what Fargate's awslogs does: what tasks print is in CloudWatch Logs line by line."""

    def __init__(self, folder, ecs_endpoint):
        super().__init__(daemon=True)
        self.folder, self.ecs = folder, client("ecs", ecs_endpoint)
        # Tasks of the local ECS, and so their logs, are of the region `local`.
        self.logs = client("logs", region="local")
        self.streams, self.told, self.over = {}, {}, threading.Event()

    def run(self):
        while not self.over.wait(0.3):
            for log in self.folder.glob("*.log"):
                printed = log.read_bytes()
                end = printed.rfind(b"\n") + 1
                lines = printed[self.told.get(log, 0):end].decode(errors="replace").splitlines()
                if lines:
                    self.told[log] = end
                    self.tell(log, lines)

    def tell(self, log, lines):
        if log not in self.streams:
            self.streams[log] = self.make_stream(log)
        stream = self.streams[log]
        if stream:
            now = int(time.time() * 1000)
            events = [{"timestamp": now, "message": line or " "} for line in lines]
            self.logs.put_log_events(**stream, logEvents=events)

    def make_stream(self, log):
        """The stream that the task's definition names; `None` where nobody keeps what it prints."""
        described = (self.task(cluster, log.stem) for cluster in clusters())
        task = next(filter(None, described), None)
        if not task:
            return None
        definition = self.ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
        container = definition["taskDefinition"]["containerDefinitions"][0]
        options = container.get("logConfiguration", {}).get("options")
        if not options:
            return None
        group = options["awslogs-group"]
        stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{log.stem}"
        with contextlib.suppress(self.logs.exceptions.ResourceAlreadyExistsException):
            self.logs.create_log_group(logGroupName=group)
        self.logs.create_log_stream(logGroupName=group, logStreamName=stream)
        return {"logGroupName": group, "logStreamName": stream}

    def task(self, cluster, name):
        return next(iter(self.ecs.describe_tasks(cluster=cluster, tasks=[name])["tasks"]), None)


class Servers:
    """ministack and the ECS, for as long as the `with` lasts. `folder` is where tasks run."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.started = []
        self.logs = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def start(self):
        # Each must know the other's address, and only ours can be told to choose one and say so.
        port = free_port()
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        # Task states go straight into the queue: no one but AWS may send events as `aws.ecs`, not
        # even on ministack, so the rule between the two is deployed, and not passed through.
        states = f"http://127.0.0.1:{port}/{ACCOUNT}/longshore-states"
        ecs = self.spawn(
            "ecs", {}, CLI, "local", "--serve", "127.0.0.1:0", "--events-queue", states,
            "--ledger", self.folder / "ecs.db", "--output", "json", stdout=subprocess.PIPE,
        )
        self.ecs_endpoint = json.loads(ecs.stdout.readline() or "{}").get("endpoint")
        if not self.ecs_endpoint:
            raise Failed(f"the ECS did not start: see {OURS}/ecs.log")
        # ministack gives its own environment to the functions: ECS is elsewhere for them. It does
        # not lay layers out at /opt for this runtime, so they are told where jobs.yaml is.
        own = {
            "AWS_ENDPOINT_URL_ECS": self.ecs_endpoint,
            "JOBS_FILE": str(JOBS),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "TMPDIR": str(self.folder),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "STATE_DIR": str(self.folder / "state"),
        }
        self.spawn("ministack", own, TARGET / "ministack/bin/ministack")
        until("ministack", lambda: self.answers("/_localstack/health"))
        self.logs = Logs(self.folder / "ecs.tasks", self.ecs_endpoint)
        self.logs.start()

    def spawn(self, log, variables, *command, stdout=None):
        with (OURS / f"{log}.log").open("w") as out:
            # A session of its own: Ctrl-C is for us, and we end them in their order.
            child = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | variables, stdin=subprocess.DEVNULL,
                stdout=stdout or out, stderr=out, start_new_session=True,
            )
        self.started.append(child)
        return child

    def answers(self, path):
        if self.started[-1].poll() is not None:
            raise Failed(f"ministack ended: see {OURS}/ministack.log")
        try:
            with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + path, timeout=5):
                return True
        except OSError:
            return False

    def end(self):
        """Ends what was started, the last first; the functions of ministack are of its group."""
        if self.logs:
            self.logs.over.set()
            self.logs.join()
        for child in reversed(self.started):
            child.terminate()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
