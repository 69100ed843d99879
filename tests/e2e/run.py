"""Deploys the project onto an AWS of this machine, and holds that what happens there comes to a
verdict. Says what it saw; exits with 1 at the first thing that is not as it must be.

Four things are not as on AWS, and the code says why at each: task states reach their queue without
the rule, JOBS_FILE stands for /opt, MaximumConcurrency is set twice, and what Scheduler would send
is sent from here."""

import io
import json
import signal
import sys
import tempfile
import time
import urllib.request
import zipfile
from datetime import datetime, timezone

from installation import (
    JOBS, OURS, ROOT, Failed, Servers, build, client, deploy, lay_out_project, longshore,
    make_bucket, tag_subnets, until,
)

BEGUN = time.monotonic()
told = BEGUN
BUCKET = "longshore-harbour"
KEY = "incoming/cargo manifest (1).csv"
ZIP_BYTES_MAX = 5_000_000


def say(what, text):
    """Tells what was seen, and how long it took since the last that was told."""
    global told
    begun, told = told, time.monotonic()
    first, *more = text.splitlines()
    print(f"{told - begun:6.1f} s  {what:<10} {first}", flush=True)
    for line in more:
        print(f"{'':21}{line}", flush=True)


def same(what, found, expected):
    if found != expected:
        raise Failed(f"{what}: is {found!r}, must be {expected!r}")


class Account:
    """What stands beside the installation: a bucket, and two queues that listen."""

    def __init__(self, folder, ecs_endpoint):
        self.folder, self.sqs, self.events = folder, client("sqs"), client("events")
        self.ecs_endpoint = ecs_endpoint
        self.s3 = client("s3")
        tag_subnets()
        make_bucket(BUCKET)
        self.objects = self.listen("objects", "default", {"source": ["aws.s3"]})
        self.outcomes = self.listen("outcomes", "longshore", {"source": ["longshore"]})

    def listen(self, name, bus, pattern):
        """A queue that hears what a rule of its own lets through."""
        url = self.sqs.create_queue(QueueName=f"heard-{name}")["QueueUrl"]
        asked = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        rule, pattern = f"heard-{name}", json.dumps(pattern)
        self.events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
        target = {"Id": "queue", "Arn": asked["Attributes"]["QueueArn"]}
        self.events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])
        return url

    def queue(self, name):
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def take(self, url, wanted=lambda body: True):
        """The first message that is wanted, taken out with those before it."""
        def look():
            for message in self.sqs.receive_message(QueueUrl=url).get("Messages", []):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if wanted(json.loads(message["Body"])):
                    return message["Body"]
            return None

        return until(f"a message in {url}", look)

    def left(self, name):
        """How many messages a queue has, visible or being worked on."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        asked = self.sqs.get_queue_attributes(QueueUrl=self.queue(name), AttributeNames=names)
        return sum(int(asked["Attributes"][name]) for name in names)

    def ended(self, job):
        """The job's only run, once it has ended."""
        def look():
            runs = runs_of(job)
            return runs and runs[0]["verdict"] and runs

        runs = until(f"a verdict of {job}", look)
        same(f"runs of {job}", len(runs), 1)
        return runs[0]

    def tasks(self, run):
        """Every task that ECS ever had for the run's first attempt."""
        ecs = client("ecs", self.ecs_endpoint)
        started_by = f"longshore/{run['runId']}/1"
        return [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(
                cluster="harbour", startedBy=started_by, desiredStatus=status
            )["taskArns"]
        ]

    def words(self, run):
        """What the run's process has left."""
        return (self.folder / run["runId"]).read_text().strip()

    def outcome(self, run):
        """The event that told how the run ended."""
        is_told = lambda body: body["detail"]["runId"] == run["runId"]
        return json.loads(self.take(self.outcomes, is_told))


def runs_of(job):
    code, out = longshore("runs", job, "--output", "json")
    same("exit code of `longshore runs`", code, 0)
    return json.loads(out)["runs"]


def the_layer_holds_jobs_yaml():
    functions = client("lambda")
    for function in ("longshore-dispatch", "longshore-sweep"):
        layers = functions.get_function_configuration(FunctionName=function)["Layers"]
        same(f"layers of {function}", len(layers), 1)
        content = functions.get_layer_version_by_arn(Arn=layers[0]["Arn"])["Content"]
        with urllib.request.urlopen(content["Location"]) as answer:
            layer = zipfile.ZipFile(io.BytesIO(answer.read()))
        same("files of the layer", layer.namelist(), ["jobs.yaml"])
        same("jobs.yaml in the layer", layer.read("jobs.yaml"), JOBS.read_bytes())
    say("layer", "what dispatch and sweep find at /opt on AWS is our jobs.yaml")


def the_functions_are_small():
    # Lambda fetches and unpacks it before every cold start.
    size = client("lambda").get_function_configuration(FunctionName="longshore-dispatch")["CodeSize"]
    if size > ZIP_BYTES_MAX:
        raise Failed(f"the functions' zip has {size:,} bytes, may have {ZIP_BYTES_MAX:,}")
    say("zip", f"the functions' binary, zipped: {size:,} bytes of {ZIP_BYTES_MAX:,}")


def an_object_comes_to_a_verdict(account):
    account.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"crate,kg\ntea,40\n")
    run = account.ended("weigh")
    same("verdict", (run["verdict"], run["exitCode"]), ("Succeeded", 0))
    same("what the process wrote", account.words(run), f"{KEY} weighs 16")
    item = client("dynamodb").get_item(
        TableName="longshore-runs", Key={"pk": {"S": f"R#{run['runId']}"}}
    )["Item"]
    same("verdict in the table", item["vd"]["S"], "Succeeded")
    task = run["attempts"][0]["launches"][0]["task"]
    same("tasks of the run", account.tasks(run), [task])
    same("outcome", account.outcome(run)["detail-type"], "Run Succeeded")
    say("object", f"s3://{BUCKET}/{KEY}: {run['runId']} Succeeded, as {task.rsplit('/')[-1]}")


def the_same_event_again_starts_nothing(account):
    event = account.take(account.objects)
    account.sqs.send_message(QueueUrl=account.queue("longshore-events"), MessageBody=event)
    until("the second delivery taken", lambda: account.left("longshore-events") == 0)
    run = account.ended("weigh")
    same("tasks of the run", len(account.tasks(run)), 1)
    same("attempts", len(run["attempts"]), 1)
    say("duplicate", "the same event once more: still one run, one task")


def a_schedule_comes_to_a_verdict(account):
    # ministack sends a schedule's input as it is written, and Scheduler fills in its attributes. So
    # the message is made of the deployed schedule as Scheduler makes it, and sent where that says.
    schedule = client("scheduler").get_schedule(Name="longshore-nightly", GroupName="longshore")
    due = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    attributes = {
        "<aws.scheduler.schedule-arn>": schedule["Arn"],
        "<aws.scheduler.scheduled-time>": due,
    }
    message = schedule["Target"]["Input"]
    for name, value in attributes.items():
        if name not in message:
            raise Failed(f"the schedule's input has no {name}: {message}")
        message = message.replace(name, value)
    queue = account.queue(schedule["Target"]["Arn"].rsplit(":")[-1])
    account.sqs.send_message(QueueUrl=queue, MessageBody=message)
    run = account.ended("nightly")
    same("verdict", run["verdict"], "Succeeded")
    same("what the process wrote", account.words(run), f"report for {due[:10]}")
    expression = schedule["ScheduleExpression"]
    say("schedule", f"{expression}, sent for Scheduler: {run['runId']} Succeeded")


def a_failure_is_told(account):
    code, _ = longshore("run", "broken", "--wait")
    same("exit code of `longshore run broken --wait`", code, 3)
    run = account.ended("broken")
    same("verdict", (run["verdict"], run["exitCode"]), ("Failed", 3))
    event = account.outcome(run)
    heard = (event["source"], event["detail-type"], event["detail"]["exitCode"])
    same("outcome", heard, ("longshore", "Run Failed", 3))
    say("failure", f"{run['runId']} exited with 3: `Run Failed`, exitCode 3, heard on the bus")


def an_incident_is_found_explained_and_mended(account):
    account.s3.put_object(Bucket=BUCKET, Key="manifests/1.csv", Body=b"tea\n")
    run_id = account.ended("price")["runId"]
    code, out = longshore("runs", "--failed", "--since", "1h", "--output", "json")
    same("exit code of `longshore runs --failed`", code, 0)
    same("failed runs of price", [r["runId"] for r in json.loads(out)["runs"] if r["job"] == "price"],
         [run_id])
    code, out = longshore("why", run_id, "--output", "json")
    why = json.loads(out)
    same("exit code of `longshore why`", code, 1)
    if "exited with code 4" not in json.dumps(why):
        raise Failed(f"`longshore why` does not say what the container said: {out}")
    printed = until("the log of the failed task", lambda: longshore("logs", run_id)[1])
    same("its log", printed, "there is no price list for manifests/1.csv\n")
    (account.folder / "prices").touch()
    code, _ = longshore("rerun", run_id, "--wait", "--key", "mended")
    same("exit code of `longshore rerun --wait`", code, 0)
    again = runs_of("price")[0]
    same("verdict of the rerun", again["verdict"], "Succeeded")
    if not again["occurrence"].startswith(f"rerun of {run_id}"):
        raise Failed(f"the rerun does not name what it does again: {again['occurrence']}")
    same("what the process wrote", account.words(again), "manifests/1.csv is priced")
    code, story = longshore("show", run_id)
    if again["runId"] not in story:
        raise Failed(f"the failed run does not name its rerun:\n{story}")
    say("incident", f"{run_id} Failed, found, explained, mended; {again['runId']} did it again")


def poison_is_put_aside(account):
    for poison, word in (("to whom it may concern", "JSON"), ('{"job": "nobody"}', "nobody")):
        account.sqs.send_message(QueueUrl=account.queue("longshore-events"), MessageBody=poison)
        until("a dead letter", lambda: account.left("longshore-reject"))
        code, out = longshore("replay", "--dry-run", "--queue", "reject", "--output", "json")
        told = json.loads(out)
        same(f"dead letters that stay ({out})", (code, len(told["letters"]), told["stay"]), (1, 1, 1))
        rejected = json.loads(account.take(account.queue("longshore-reject")))
        same("rejected body", rejected["body"], poison)
        if word not in rejected["reason"]:
            raise Failed(f"the reason does not say {word}: {rejected['reason']}")
        say("poison", f"`{poison}` is in the reject queue: {rejected['reason']}")


def nothing_is_overdue(account):
    answer = client("lambda").invoke(FunctionName="longshore-sweep", Payload=b"{}")
    payload = answer["Payload"].read().decode()
    same(f"error of sweep ({payload})", answer.get("FunctionError"), None)
    for name in ("events", "states", "events-dead", "states-dead", "reject"):
        until(f"longshore-{name} empty", lambda: account.left(f"longshore-{name}") == 0)
    say("sweep", f"{payload}; all five queues are empty")


def the_command_line_tells(account):
    code, table = longshore("runs")
    same("exit code of `longshore runs`", code, 0)
    run = account.ended("weigh")
    code, story = longshore("show", run["runId"])
    same("exit code of `longshore show`", code, 0)
    for word in ("claimed", "Succeeded"):
        if word not in story:
            raise Failed(f"`longshore show` does not say `{word}`:\n{story}")
    say("runs", f"longshore runs --on aws\n{table}")
    say("show", f"longshore show {run['runId']} --on aws\n{story}")


def main():
    OURS.mkdir(parents=True, exist_ok=True)
    lay_out_project(ROOT / "tests" / "e2e" / "jobs.yaml")
    build()
    say("build", "longshore render, sam build")
    with tempfile.TemporaryDirectory(prefix="longshore-e2e-") as folder, Servers(folder) as servers:
        say("servers", f"ministack and `longshore local --serve`, at {servers.ecs_endpoint}")
        deploy()
        say("deploy", "sam deploy: both stacks are there")
        the_layer_holds_jobs_yaml()
        the_functions_are_small()
        account = Account(servers.folder, servers.ecs_endpoint)
        an_object_comes_to_a_verdict(account)
        the_same_event_again_starts_nothing(account)
        a_schedule_comes_to_a_verdict(account)
        a_failure_is_told(account)
        an_incident_is_found_explained_and_mended(account)
        poison_is_put_aside(account)
        nothing_is_overdue(account)
        the_command_line_tells(account)
    say("end", f"everything is as it must be, after {time.monotonic() - BEGUN:.0f} s")


if __name__ == "__main__":
    # So that what was started is ended also then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except Failed as failed:
        say("FAILED", str(failed))
        sys.exit(1)
