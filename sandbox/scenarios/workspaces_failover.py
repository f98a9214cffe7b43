"""Desktops in two regions: users are redirected and come back, and what happens when something is in the way."""

from __future__ import annotations

import json

from sandbox.operations import denied, listener, told, waiting
from sandbox.resolver import txt
from sandbox.run import Run

from . import Deployment, Outcome, must_be, scenario
from ._desktops import (
    APP,
    APP_NAME,
    BUNDLE,
    FAR,
    FQDN,
    NEAR,
    OTHER,
    PRIMARY,
    REGIONS,
    STANDBY,
    Site,
    answers,
    calls,
    existing_directory,
    identifier,
    must_end,
    region_gone,
    runbook,
)

ALARMS, ROLE, QUEUE = "AWS::SNS::Topic", "AWS::IAM::Role", "AWS::SQS::Queue"
SETTINGS = {
    "users": ["ana", "ben"],
    "primary_bundle_id": BUNDLE,
    "standby": True,
    "automatic": True,
    "drill_minutes": 5,
}
DEPLOYMENTS = (
    Deployment(
        (PRIMARY, STANDBY, APP), context={"architectures": APP_NAME, APP_NAME: json.dumps(SETTINGS)}, regions=REGIONS
    ),
)
DEATHS = {
    "SiteRegistrationPro": "workspaces:RegisterWorkspaceDirectory",
    "AliasProvider": "workspaces:AssociateConnectionAlias",
}
"""Parts of the names of functions, and what they die after."""

BEFORE = (
    ("TerminateWorkspaces", "DeregisterWorkspaceDirectory"),
    ("DisassociateConnectionAlias", "DeleteConnectionAlias"),
    ("DisassociateConnectionAlias", "DeregisterWorkspaceDirectory"),
    ("DeregisterWorkspaceDirectory", "DeleteIpGroup"),
)
"""What must come before what when a site is deleted."""


@scenario("two regions behind one name")
def deployed(run: Run) -> Outcome:
    """Directory, replica, connector, desktops and standbys are there, and clients are told the primary site."""
    sites = {NEAR: run.outputs(PRIMARY)["DirectoryId"], FAR: run.outputs(STANDBY)["DirectoryId"]}
    for region, directory in sites.items():
        workspaces = run.client("workspaces", region)
        (found,) = workspaces.describe_workspace_directories(DirectoryIds=[directory])["Directories"]
        must_be(found["State"] == "REGISTERED", f"{directory} is {found['State']}")
        must_be(len(found.get("ipGroupIds", [])) == 1, f"{directory} has the IP groups {found.get('ipGroupIds')}")
        users = [one["UserName"] for one in workspaces.describe_workspaces(DirectoryId=directory)["Workspaces"]]
        must_be(sorted(users) == ["ana", "ben"], f"{directory} has WorkSpaces for {users}")
    near, far = identifier(run, PRIMARY), identifier(run, STANDBY)
    must_be(near != far, f"both sites have the identifier {near}")
    answers(run, PRIMARY)
    return Outcome("1 deployment of three stacks", f"TXT of {FQDN} is {near}, of the primary site")


@scenario("the primary site becomes unhealthy")
def unhealthy(run: Run) -> Outcome:
    """The alarm's data make the health check unhealthy: clients are told the failover site, and the primary again."""
    directory = run.outputs(PRIMARY)["DirectoryId"]
    what = {"region": NEAR, "directoryId": directory, "metric": "Unhealthy"}
    with listener(run, run.outputs(PRIMARY)["AlarmTopicArn"]) as ears:
        told(run, "/_sandbox/workspaces/metric", {**what, "value": 1})
        answers(run, STANDBY)
        ears.must_hear("MostlyUnhealthy")
    told(run, "/_sandbox/workspaces/metric", {**what, "value": 0})
    answers(run, PRIMARY)
    return Outcome("1 unhealthy WorkSpace, then none", "TXT is the failover site's, then the primary's", "alarm rang")


@scenario("the failover site drifts")
def drift(run: Run) -> Outcome:
    """A connector that is inoperable: the guard's alarm rings, and the runbook does not send users there."""
    directory = run.outputs(STANDBY)["DirectoryId"]
    what = {"region": FAR, "directoryId": directory}
    with listener(run, run.outputs(APP)["AlarmTopicArn"]) as ears:
        told(run, "/_sandbox/workspaces/directory", {**what, "stage": "Inoperable", "reason": "Credentials expired"})
        must_end(runbook(run, action="failover", dryRun=False), "FAILED", "Credentials expired")
        ears.must_hear("Drift")
        ears.must_hear("RunbookFailed")
    told(run, "/_sandbox/workspaces/directory", {**what, "stage": "Active"})
    must_end(runbook(run, action="failover"), "SUCCEEDED")
    answers(run, PRIMARY)
    return Outcome("1 failover while the connector is inoperable", "TXT as it was", "1 run refused, 2 alarms rang")


@scenario("the primary region is gone")
def gone(run: Run) -> Outcome:
    """The runbook fails over without it, refuses to fail back until it is there, and fails back then."""
    topic = run.outputs(APP)["AlarmTopicArn"]
    with region_gone(run, NEAR), listener(run, topic) as ears:
        must_end(runbook(run, action="failover", dryRun=False), "SUCCEEDED")
        answers(run, STANDBY)
        ears.must_hear("PrimaryDisabled")
        must_end(runbook(run, action="failback", dryRun=False), "FAILED", "service-unreachable")
        must_be(txt(run, FQDN) == [identifier(run, STANDBY)], "users were sent to a region that is gone")
    must_end(runbook(run, action="failback", dryRun=False), "SUCCEEDED")
    answers(run, PRIMARY)
    return Outcome("1 failover, 2 failbacks", "TXT over and back again", "1 failback refused, alarm rang")


@scenario("a dry run, and a drill")
def drill(run: Run) -> Outcome:
    """The dry run changes nothing; the drill sends users over, holds, and brings them back."""
    must_end(runbook(run, action="drill"), "SUCCEEDED")
    must_be(txt(run, FQDN) == [identifier(run, PRIMARY)], "the dry run has redirected users")
    states = run.client("stepfunctions", FAR)
    started = states.start_execution(
        stateMachineArn=run.outputs(APP)["StateMachineArn"], input=json.dumps({"action": "drill", "dryRun": False})
    )["executionArn"]
    answers(run, STANDBY)
    answers(run, PRIMARY)
    run.wait("the drill's end", lambda: states.describe_execution(executionArn=started)["status"] != "RUNNING")
    must_end(states.describe_execution(executionArn=started), "SUCCEEDED")
    return Outcome("1 dry run, 1 drill", "TXT over and back again", "the dry run changed nothing")


@scenario("the switch cannot tell Route 53")
def cut(run: Run) -> Outcome:
    """Calls wait in the queue and its alarm rings; Route 53 stays with what it knew."""
    queue = run.resource(APP, QUEUE, "SwitchFailedEvents")
    with (
        listener(run, run.outputs(APP)["AlarmTopicArn"]) as ears,
        denied(run, run.resource(APP, ROLE, "FailoverSwitchFunctionRole"), ["cloudwatch:PutMetricData"]),
    ):
        run.wait("the queue of failed events", lambda: waiting(run, queue, FAR))
        ears.must_hear("SwitchFailed")
        answers(run, PRIMARY)
    run.client("sqs", FAR).purge_queue(QueueUrl=queue)
    return Outcome("calls each minute while denied", "TXT as it was", "calls in the switch's queue, alarm rang")


@scenario("a registration fails")
def failing(run: Run) -> Outcome:
    """The stack of another site rolls back with the words of the service, and leaves nothing behind."""
    error = {"error": "ERROR-state", "message": "The subnets have no free addresses"}
    with existing_directory(run) as directory:
        told(run, "/_sandbox/workspaces/fail", {"region": NEAR, "operation": "RegisterWorkspaceDirectory", **error})
        site = Site(run, directory)
        said = site.refused()
        must_be("The subnets have no free addresses" in said, f"the stack failed with {said!r}")
        site.destroy()
        found = run.client("workspaces").describe_workspace_directories(DirectoryIds=[directory])["Directories"]
        must_be(not found, f"WorkSpaces still knows {found}")
    return Outcome("1 registration that ends in ERROR", "the stack rolled back", "the words of the service")


@scenario("a function dies half-way")
def crashes(run: Run) -> Outcome:
    """It is called again and goes on: one registration, one association; deploying again changes nothing."""
    for function, call in DEATHS.items():
        told(run, "/_sandbox/lambda/crash", {"function": function, "region": NEAR, "call": call})
    with existing_directory(run) as directory:
        site, before = Site(run, directory), len(calls(run))
        site.deploy()
        made = calls(run, since=before)
        for one in ("RegisterWorkspaceDirectory", "AssociateConnectionAlias", "CreateWorkspaces"):
            must_be(made.count(one) == 1, f"{one} was called {made.count(one)} times")
        # Functions of other architectures may have died before, in the same embedded AWS.
        every = told(run, "/_sandbox/lambda/crashes", {})["crashes"]
        died = [one for one in every if one["call"] in DEATHS.values()]
        must_be(len(died) == len(DEATHS), f"functions died {len(died)} times: {died}")
        site.deploy()
        must_be(calls(run, since=before) == made, f"deploying again called {calls(run, since=before + len(made))}")
        before += len(made)
        site.destroy()
        order = calls(run, since=before)
        for first, second in BEFORE:
            must_be(order.index(first) < order.index(second), f"{OTHER} was deleted by {order}")
    return Outcome("2 functions killed after a call", "1 registration, 1 association, deleted in order", "2 retries")
