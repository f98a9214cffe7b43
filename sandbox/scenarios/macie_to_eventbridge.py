"""Sensitive objects through Amazon Macie and EventBridge to people and systems, and what becomes of failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.cdk import Cdk
from sandbox.operations import body, closed, denied, keys, listener, subscription, tool, waiting
from sandbox.run import Run

from . import Broken, Deployment, Outcome, scenario

APP, AUDIT, COMPANY, VARIANTS = "MacieToEventBridge", "Audit", "DataSecurity", "MacieToEventBridgeVariants"
EXAMPLE = "examples/macie_to_eventbridge"
SETTINGS = {"automated_discovery": True}
DEPLOYMENTS = (
    Deployment((APP,), context={"architectures": "macie_to_eventbridge", "macie_to_eventbridge": json.dumps(SETTINGS)}),
    Deployment((AUDIT, COMPANY), app=f"{EXAMPLE}/app.py"),
    Deployment((VARIANTS,), app="sandbox/scenarios/apps/macie_to_eventbridge.py"),
)
NUMBER = "536-90-{:04}"
RULE, QUEUE, ALARM = "AWS::Events::Rule", "AWS::SQS::Queue", "AWS::CloudWatch::Alarm"


@scenario("sensitive data reaches people, tickets, triage and audit")
def high(run: Run) -> Outcome:
    """An object with many secrets is told everywhere, once, by place and count and never by what it says."""
    out = run.outputs(APP)
    topic = out["NotificationTopicArn"]
    with subscription(run, topic) as people, placed(run, "customers", "staff.csv", secrets=12):
        told = run.wait("the notification", lambda: waiting(run, people))
        ticket = run.wait("the ticket", lambda: tickets(run, "staff.csv"))
    message = json.loads(told[0]["Message"])
    must_be(message == ticket[0], f"the notification differs from the ticket: {message}")
    detection = ticket[0]["result"]["sensitiveData"][0]["detections"][0]
    what = (ticket[0]["severity"], ticket[0]["bucket"], detection["type"], detection["count"])
    must_be(what == ("High", "customers", "USA_SOCIAL_SECURITY_NUMBER", 12), f"the ticket says {what}")
    must_be("536-90" not in json.dumps(message), "the ticket has the data itself in it")
    audit = run.resource(AUDIT, QUEUE, "TicketQueue")
    run.wait("the finding at the audit bus", lambda: [one for one in waiting(run, audit) if key_of(one) == "staff.csv"])
    machine = run.resource(COMPANY, "AWS::StepFunctions::StateMachine")
    states = run.client("stepfunctions")
    run.wait("the triage", lambda: states.list_executions(stateMachineArn=machine)["executions"])
    must_be(len(told) == len(ticket) == 1, f"told {len(told)} times, {len(ticket)} tickets")
    return Outcome("1 object with 12 secrets", "1 notification, ticket, triage, audit: place and count only")


@scenario("results are exported")
def results(run: Run) -> Outcome:
    """Macie refused the export until bucket and key let it; now each object it read has a result, also a clean one."""
    bucket = run.outputs(APP)["ResultsBucketName"]

    def read() -> set[str]:
        found = [json.loads(body(run, bucket, key)) for key in keys(run, bucket, "AWSLogs/")]
        return {one["resourcesAffected"]["s3Object"]["key"] for one in found}

    with placed(run, "customers", "menu.txt", secrets=0):
        got = run.wait("the results", lambda: found if {"menu.txt", "staff.csv"} <= (found := read()) else None)
    export = run.client("macie2").get_classification_export_configuration()["configuration"]["s3Destination"]
    must_be(export["bucketName"] == bucket, f"results go to {export}")
    log = run.resource(APP, "AWS::Logs::LogGroup", "Provider")
    said = [one["message"] for one in run.client("logs").filter_log_events(logGroupName=log)["events"]]
    must_be(any("(yet)" in line for line in said), f"the provider does not say that it tried again: {said}")
    return Outcome("1 more object, clean", f"{len(got)} results in S3", "first export refused, tried again")


@scenario("what is not severe, and what is a sample")
def filtered(run: Run) -> Outcome:
    """A low finding and samples do not pass the routes for high ones; a route that asks for them gets them."""
    before = len(tickets(run))
    with placed(run, "customers", "one.csv", secrets=1):
        types = ["SensitiveData:S3Object/Multiple", "Policy:IAMUser/S3BucketPublic"]
        run.client("macie2").create_sample_findings(findingTypes=types)
        got = run.wait("both in the lake", lambda: found if {"one.csv", "samples"} <= set(found := lake(run)) else None)
        audit = waiting(run, run.resource(AUDIT, QUEUE, "TicketQueue"))
        must_be("one.csv" in [key_of(one) for one in audit], "the low finding is not at the audit bus")
        must_be(not [one for one in audit if one["sample"]], "a sample is at the audit bus")
        must_be(len(tickets(run)) == before, f"tickets of what is not severe: {tickets(run)[before:]}")
    return Outcome(
        "1 low finding, 2 samples", f"{got.count('one.csv') + got.count('samples')} in the lake", "0 tickets"
    )


@scenario("the ticket queue refuses EventBridge")
def target_cut(run: Run) -> Outcome:
    """What cannot be delivered waits in the route's dead-letter queue, and reaches that route alone when replayed."""
    out = run.outputs(APP)
    with listener(run, out["AlarmTopicArn"]) as ears, subscription(run, out["NotificationTopicArn"]) as people:
        with closed(run, out["TicketQueueUrl"]), placed(run, "customers", "cut.csv", secrets=12):
            dead = run.wait("the dead-letter queue", lambda: waiting(run, out["TicketsDeadLetterQueueUrl"]))
            ears.must_hear("TicketsUndelivered")
        run.wait("the notification", lambda: waiting(run, people))
        tool(run, f"{EXAMPLE}/replay.py", "--queue-url", out["TicketsDeadLetterQueueUrl"])
        run.wait("the ticket", lambda: tickets(run, "cut.csv"))
        must_be(len(waiting(run, people)) == 1, "people were told of the replay")
    must_be(dead[0]["detail"]["resourcesAffected"]["s3Object"]["key"] == "cut.csv", f"the event is {dead[0]}")
    must_be(not waiting(run, out["TicketsDeadLetterQueueUrl"]), "the dead-letter queue is not empty after the replay")
    return Outcome("1 finding", "1 ticket after the replay, and no other route heard it", "1 in its queue, alarm rang")


@scenario("the dead-letter queue refuses EventBridge too")
def both_cut(run: Run) -> Outcome:
    """A finding that neither queue takes is lost to the route, as the README says, and an alarm says so."""
    out = run.outputs(APP)
    queues = out["TicketQueueUrl"], out["TicketsDeadLetterQueueUrl"]
    with listener(run, out["AlarmTopicArn"]) as ears, closed(run, queues[0]), closed(run, queues[1]):  # noqa: SIM117
        with placed(run, "customers", "lost.csv", secrets=12):
            ears.must_hear("TicketsFailed")
    must_be(not tickets(run, "lost.csv"), "the finding arrived")
    return Outcome("1 finding", "none", "lost to the route as documented, alarm rang; it is in Macie")


@scenario("quarantine")
def quarantine(run: Run) -> Outcome:
    """The object is tagged, copied to the locked bucket, and public access is blocked; the object stays."""
    s3, copies, name, key = run.client("s3"), quarantine_bucket(run), "infected-bucket", "plans/staff.csv"

    def tags() -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=name, Key=key)["TagSet"]}

    with placed(run, name, key, secrets=12):
        finding = run.wait("the tag", lambda: tags().get("macie:quarantine"))
        copy = f"{name}/{finding}/{key}"
        must_be(keys(run, copies, f"{name}/") == [copy], f"the copies are {keys(run, copies, '')}")
        must_be(body(run, copies, copy) == body(run, name, key), "the copy differs")
        blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        must_be(all(blocked.values()) and len(blocked) == 4, f"public access is not blocked: {blocked}")
    version = s3.head_object(Bucket=copies, Key=copy)["VersionId"]
    try:
        s3.delete_object(Bucket=copies, Key=copy, VersionId=version)
    except s3.exceptions.ClientError as error:
        must_be(error.response["Error"]["Code"] == "AccessDenied", f"deleting the copy failed with {error}")
    else:
        raise Broken("the copy could be deleted")
    return Outcome("1 object in a public bucket", "tagged, copied, the copy locked, public access blocked")


@scenario("the quarantine fails")
def quarantine_fails(run: Run) -> Outcome:
    """What the function fails on three times is in its queue as an event; mended, the replay brings it through."""
    copies, queue = quarantine_bucket(run), run.resource(VARIANTS, QUEUE, "QuarantineFailedFindings")
    role, topic = run.resource(VARIANTS, "AWS::IAM::Role", "QuarantineFunctionRole"), alarm_topic(run, VARIANTS)
    (rule,) = run.resources(VARIANTS, RULE, "RoutesQuarantine")
    source = json.loads(run.client("events").describe_rule(Name=rule)["EventPattern"])["source"][-1]
    with placed(run, "infected-later", "late.csv", secrets=12):
        with listener(run, topic) as ears, denied(run, role, ["s3:PutObject"]):
            run.wait("the failed finding", lambda: waiting(run, queue), 30)
            ears.must_hear("QuarantineErrors")
            ears.must_hear("QuarantineFailedFindings")
            must_be(not keys(run, copies, "infected-later/"), "the copy was made")
        tool(run, f"{EXAMPLE}/replay.py", "--queue-url", queue, "--source", source)
        run.wait("the copy", lambda: keys(run, copies, "infected-later/"))
    return Outcome("1 object", "copied after the replay", "1 in the queue of failed findings, both alarms rang")


@scenario("EventBridge never heard of a finding")
def lost_event(run: Run) -> Outcome:
    """The reconciler sends it after, once; a second run finds nothing to do."""
    rules = [*run.resources(VARIANTS, RULE, "HeardRule"), *run.resources(VARIANTS, RULE, "RoutesLake")]
    events, function = run.client("events"), run.resource(VARIANTS, "AWS::Lambda::Function", "Reconciler")
    client = run.client("lambda")
    known = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=function, Environment={"Variables": {**known, "GRACE_SECONDS": "0"}}
    )

    def reconcile() -> int:
        answer = json.load(client.invoke(FunctionName=function, Payload=b"{}")["Payload"])
        must_be("emitted" in answer, f"the reconciler answered {answer}")
        return len(answer["emitted"])

    must_be(reconcile() == 0, "the first run sent something, though it only notes that from now on somebody listens")
    for rule in rules:
        events.disable_rule(Name=rule)
    with placed(run, "customers", "unheard.csv", secrets=2):
        run.wait("the finding", lambda: [key for key in found_in(run) if key == "unheard.csv"])
        for rule in rules:
            events.enable_rule(Name=rule)
        # Macie's list goes by whole seconds.
        run.wait("the reconciler", lambda: reconcile() == 1)
        must_be(reconcile() == 0, "the next run sent it again")
        run.wait("the finding in the lake", lambda: "unheard.csv" in lake(run))
        must_be(lake(run).count("unheard.csv") == 1, "the finding is in the lake more than once")
    return Outcome("1 finding whose event was lost", "1 in the lake, sent after; none by the next run")


@scenario("a job over a bucket that is not there")
def job_errors(run: Run) -> Outcome:
    """Macie writes why into its log of jobs, and the alarm rings; each stack counts what befell its own job."""
    cloudwatch = run.client("cloudwatch")

    def alarm(stack: str) -> dict[str, Any]:
        name = run.resource(stack, ALARM, "JobErrors")
        return dict(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0])

    def counted(stack: str) -> float:
        metric, now = {name: alarm(stack)[name] for name in ("Namespace", "MetricName")}, datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            **metric, StartTime=now - timedelta(hours=3), EndTime=now, Period=60, Statistics=["Sum"]
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    run.wait("the alarm", lambda: alarm(VARIANTS)["StateValue"] == "ALARM")
    # At deployment, no bucket has the tag that the weekly job asks for.
    counts = [counted(stack) for stack in (VARIANTS, COMPANY)]
    must_be(counts == [1, 1], f"the stacks count {counts} errors of jobs instead of one each")
    return Outcome("1 job at deployment", f"1 error; the weekly job of {COMPANY} found no bucket, 1 too", "alarm rang")


@scenario("Macie is enabled already")
def enabled_already(run: Run) -> Outcome:
    """A second session is refused, and neither that stack nor those that use the first one touch it."""
    macie, cloudformation = run.client("macie2"), run.client("cloudformation")
    created = macie.get_macie_session()["createdAt"]
    template = {"Resources": {"Session": {"Type": "AWS::Macie::Session"}}}
    cloudformation.create_stack(StackName="SecondSession", TemplateBody=json.dumps(template))
    events = run.wait("the refusal", lambda: refused(run, "SecondSession"))
    must_be("already" in events[0], f"the second session failed because of {events}")
    cloudformation.delete_stack(StackName="SecondSession")
    now = macie.get_macie_session()
    must_be((now["status"], now["createdAt"]) == ("ENABLED", created), f"the session is now {now}")
    return Outcome("1 more session, 3 stacks that use the first", "the first is untouched", "the second was refused")


@scenario("a second deployment")
def again(run: Run) -> Outcome:
    """Another setting is deployed; Macie stays enabled with all of its findings, and the setting is in force."""
    macie = run.client("macie2")
    created, before = macie.get_macie_session()["createdAt"], set(found_in(run))
    settings = json.dumps({**SETTINGS, "min_severity": "MEDIUM"})
    Cdk(run.sandbox, run.say).deploy(
        Deployment((APP,), context={"architectures": "macie_to_eventbridge", "macie_to_eventbridge": settings})
    )
    must_be(macie.get_macie_session()["createdAt"] == created, "Macie was disabled and enabled")
    must_be(before <= set(found_in(run)), "findings are gone")
    with placed(run, "customers", "medium.csv", secrets=3):
        run.wait("the ticket", lambda: tickets(run, "medium.csv"))
    return Outcome("min_severity=MEDIUM, 1 medium finding", f"1 ticket; {len(before)} findings from before are there")


@contextmanager
def placed(run: Run, bucket: str, key: str, *, secrets: int) -> Iterator[None]:
    """Have an object with made-up social security numbers in a team's bucket while the context lasts."""
    s3 = run.client("s3")
    s3.create_bucket(Bucket=bucket)
    lines = ["name,number", *(f"n{number},{NUMBER.format(number + 1)}" for number in range(secrets))]
    s3.put_object(Bucket=bucket, Key=key, Body="\n".join(lines).encode())
    try:
        yield
    finally:
        s3.delete_object(Bucket=bucket, Key=key)
        s3.delete_bucket(Bucket=bucket)


def tickets(run: Run, key: str = "") -> list[dict[str, Any]]:
    """The tickets of an object, or all."""
    found = waiting(run, run.outputs(APP)["TicketQueueUrl"])
    return [one for one in found if not key or key_of(one) == key]


def key_of(finding: dict[str, Any]) -> str:
    """The key of the object of a finding as targets get it."""
    return str((finding.get("object") or {}).get("key", ""))


def lake(run: Run) -> list[str]:
    """The keys of the objects whose findings are in the lake; ``samples`` for samples."""
    bucket = run.resource(VARIANTS, "AWS::S3::Bucket", "LakeS3Bucket")
    return [
        "samples" if one["sample"] else key_of(one)
        for key in keys(run, bucket, "data/")
        for one in documents(body(run, bucket, key).decode())
    ]


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The JSON documents of a text, with or without anything between them."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        found, end = decoder.raw_decode(text)
        yield found
        text = text[end:]


def found_in(run: Run) -> list[str]:
    """The keys of the objects that Macie has findings of."""
    macie = run.client("macie2")
    pages = macie.get_paginator("list_findings").paginate(PaginationConfig={"PageSize": 50})
    listed = [page["findingIds"] for page in pages if page["findingIds"]]
    found = [one for ids in listed for one in macie.get_findings(findingIds=ids)["findings"]]
    return [one["resourcesAffected"]["s3Object"]["key"] for one in found if one["resourcesAffected"].get("s3Object")]


def quarantine_bucket(run: Run) -> str:
    """The locked bucket."""
    return run.resource(VARIANTS, "AWS::S3::Bucket", "QuarantineBucket")


def alarm_topic(run: Run, stack: str) -> str:
    """The alarm topic of a stack."""
    return run.resource(stack, "AWS::SNS::Topic", "Alarms")


def refused(run: Run, stack: str) -> list[str]:
    """Why the resources of a stack could not be created."""
    events = run.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [one["ResourceStatusReason"] for one in events if one["ResourceStatus"] == "CREATE_FAILED"]


def must_be(holds: bool, otherwise: str) -> None:
    """Check.

    Raises:
        Broken: If it does not hold.
    """
    if not holds:
        raise Broken(otherwise[:400])
