"""Keys that are pushed: found, made inactive and told of, and what happens when something is in the way."""

from __future__ import annotations

import base64
import json

from sandbox import key_ids
from sandbox.operations import denied, faulty, listener, told, waiting, watched
from sandbox.run import Run
from sandbox.server import REGION

from . import Deployment, Outcome, must_be, scenario
from ._leaks import (
    APP,
    APP_NAME,
    FUNCTION,
    QUEUE,
    REPOSITORY,
    ROLE,
    SHOP,
    alone,
    credentials,
    ears,
    must_become_inactive,
    pushed,
    repository,
    scans,
    start,
    status,
    usable,
    user_key,
)
from ._repository import clone

SETTINGS = {"repositories": [REPOSITORY], "user_paths": ["/people/"], "exempt_users": ["robot"]}
DEPLOYMENTS = (
    Deployment((APP,), context={"architectures": APP_NAME, APP_NAME: json.dumps(SETTINGS)}),
    Deployment((SHOP,), app="examples/codecommit_leak_guard/app.py"),
)
COMMITS = 200
LAST_SLICE = 199
TOO_LARGE = 6 * 1024 * 1024 + 1
FOREIGN = "210987654321"


@scenario("a first push with a key")
@alone
def first_push(run: Run) -> Outcome:
    """The key of the first push is inactive within seconds; people are told where it is, and never the key."""
    key = user_key(run, "ana")
    must_be(usable(run, key), "the key cannot be used")
    topic = run.outputs(APP)["NotificationTopicArn"]
    with repository(run) as work, ears(run, topic) as people:
        files = {"README.md": b"# Services\n", "config/aws.ini": b"# ours\n" + credentials(key)}
        commit = work.put(files, "Configure")
        must_become_inactive(run, key)
        said = people.must_hear("disabled", key)
    where = (said["repository"], said["commit"], said["path"], said["line"], said["user"], said["with_secret"])
    must_be(where == (REPOSITORY, commit, "config/aws.ini", 3, "ana", True), f"told was {where}")
    return Outcome("1 first push with a key", "key inactive and told of, with file and line", "the key: refused by AWS")


@scenario("a key added and removed in one push")
@alone
def removed(run: Run) -> Outcome:
    """What a push adds and removes again stays in the history, and is found; in base64 and in a message as well."""
    keys = [user_key(run, name) for name in ("ben", "cleo", "dora")]
    topic = run.outputs(APP)["NotificationTopicArn"]
    with repository(run) as work, ears(run, topic) as people:
        first, _ = work.put_and_remove({"debug.env": credentials(keys[0])})
        encoded = base64.encodebytes(credentials(keys[1]))
        work.put({"secret.yaml": b"data:\n  credentials: " + encoded.replace(b"\n", b"") + b"\n"}, "Add a secret")
        work.put({"notes.txt": b"nothing\n"}, f"It works with {keys[2]['AccessKeyId']}")
        for key in keys:
            must_become_inactive(run, key)
        said = [people.must_hear("disabled", key) for key in keys]
    must_be((said[0]["commit"], said[0]["path"]) == (first, "debug.env"), f"told was {said[0]}")
    must_be(said[2]["where"] == "message", f"told was {said[2]}")
    return Outcome("3 keys: removed again, in base64, in a commit's message", "3 inactive and told of")


@scenario("200 commits in one push")
@alone
def many(run: Run) -> Outcome:
    """A push that one call of the function has no time for is scanned to its end by further calls."""
    keys = [user_key(run, name) for name in ("emil", "fay")]
    function = run.resource(APP, FUNCTION, "Scan")
    before = len(scans(run))
    told(run, "/_sandbox/lambda/time", {"function": function, "seconds": 92})
    with repository(run) as work, watched(run, "codecommit:GetCommit") as calls:
        special = {0: {"old.env": credentials(keys[0])}, COMMITS - 1: {"new.env": credentials(keys[1])}}
        work.put_many(COMMITS, special)
        for key in keys:
            must_become_inactive(run, key)
        run.wait("the end of the scan", lambda: len(scans(run)) > before, 90)
        must_be(calls() >= COMMITS, f"{calls()} commits were looked at")
    return Outcome(f"{COMMITS} commits in one push, keys in the first and the last", "2 inactive, all commits scanned")


@scenario("a force push, a new branch with a merge, and an annotated tag")
@alone
def references(run: Run) -> Outcome:
    """However commits get into the repository: each is scanned, and one that was is not looked at again."""
    keys = [user_key(run, name) for name in ("gus", "hana", "ines", "jon")]
    with repository(run) as work:
        for number in range(2):
            work.put({"base.txt": b"%d\n" % number})
        work.replace({"forced.env": credentials(keys[0])})
        must_become_inactive(run, keys[0])
        work.switch("feature", "HEAD")
        work.commit({"feature.env": credentials(keys[1])}, "A feature")
        work.switch("main")
        work.commit({"main.txt": b"main\n"}, "Meanwhile")
        work.merge("feature", {"merged.env": credentials(keys[2])})
        work.push("feature", "main")
        for key in keys[1:3]:
            must_become_inactive(run, key)
        work.switch("release", "HEAD")
        work.commit({"release.env": credentials(keys[3])}, "A release")
        work.tag("v1", "The first release")
        work.push("v1")
        must_become_inactive(run, keys[3])
    return Outcome("4 keys: by force, on a new branch, in a merge, under a tag", "4 inactive")


@scenario("what is not scanned")
@alone
def not_scanned(run: Run) -> Outcome:
    """A binary is passed over, an example of AWS is no leak, and a file that is too large is told of."""
    example = {
        "AccessKeyId": "AKIAIOSFODNN7" + "EXAMPLE",
        "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    }
    files = {
        "logo.png": b"\x89PNG\r\n\x1a\n\x00\x00" + bytes(range(256)) * 20,
        "docs.md": credentials(example),
        "dump.sql": b"INSERT INTO t VALUES (1);\n" * (TOO_LARGE // 26 + 1),
    }
    with repository(run) as work, ears(run, run.outputs(APP)["NotificationTopicArn"]) as people:
        work.put(files, "Add files")
        said = people.must_hear("reported")
        others = [one["outcome"] for one in people.heard() if one["outcome"] != "reported"]
    must_be([one["path"] for one in said["places"]] == ["dump.sql"], f"told was {said}")
    must_be(not others, f"also told was {others}")
    return Outcome("a picture, an example of AWS, a dump of 6 MB", "nothing found", "1 file told of as not scanned")


@scenario("CodeCommit and IAM throttle")
@alone
def throttled(run: Run) -> Outcome:
    """Calls that are refused for being too many are made again, until the key is inactive."""
    key = user_key(run, "kim")
    refused = {"error": "ThrottlingException", "times": 3, "function": "Scan"}
    with (
        repository(run) as work,
        faulty(run, "codecommit:GetBlob", **refused),  # type: ignore[arg-type]
        faulty(run, "iam:UpdateAccessKey", "Throttling", 4, function="Response"),
    ):
        work.put({"kim.env": credentials(key)})
        run.wait("the key to become inactive", lambda: status(run, key) == "Inactive", 90)
    return Outcome("1 key, 7 calls throttled", "inactive")


@scenario("IAM refuses")
@alone
def refused(run: Run) -> Outcome:
    """A key that could not be disabled is told of as loud as can be, and the alarm rings."""
    key, role = user_key(run, "lars"), run.resource(APP, ROLE, "Response")
    out = run.outputs(APP)
    with (
        repository(run) as work,
        ears(run, out["NotificationTopicArn"]) as people,
        listener(run, out["AlarmTopicArn"]) as operators,
        denied(run, role, ["iam:UpdateAccessKey"]),
    ):
        work.put({"lars.env": credentials(key)})
        said = people.must_hear("could_not_disable", key)
        operators.must_hear("CouldNotAct")
    must_be(said["severity"] == "CRITICAL" and "iam:UpdateAccessKey" in said["reason"], f"told was {said}")
    must_be(status(run, key) == "Active", "the key is inactive")
    return Outcome("1 key, IAM refuses", "told of with what is missing, alarm rang", "1 key still active")


@scenario("keys that are only told of")
@alone
def told_only(run: Run) -> Outcome:
    """Keys of exempt and break-glass users, of users elsewhere, of the root user and of others stay as they are."""
    exempt, spared = user_key(run, "robot"), user_key(run, "glass", tags={"break-glass": "true"})
    elsewhere = user_key(run, "mia", path="/machines/")
    root = told(run, "/_sandbox/iam/root-key", {})
    keys = {
        "exempt": exempt,
        "break_glass": spared,
        "could_not_disable": elsewhere,
        "no_user": {"AccessKeyId": root["accessKeyId"], "SecretAccessKey": root["secretAccessKey"]},
        "foreign_account": {"AccessKeyId": key_ids.key_id(FOREIGN), "SecretAccessKey": key_ids.secret_key()},
    }
    with repository(run) as work, ears(run, run.outputs(APP)["NotificationTopicArn"]) as people:
        work.put({f"{name}.env": credentials(key) for name, key in keys.items()})
        said = {name: people.must_hear(name, key) for name, key in keys.items()}
    must_be(said["foreign_account"]["account"] == FOREIGN, f"told was {said['foreign_account']}")
    active = [status(run, key) for key in (exempt, spared, elsewhere)]
    must_be(active == ["Active"] * 3, f"the keys are {active}")
    return Outcome("5 keys: exempt, break-glass, elsewhere, root, another account", "5 told of", "none was touched")


@scenario("the same event twice, and a death in between")
@alone
def twice(run: Run) -> Outcome:
    """The function dies after it has disabled the key, and the event comes again: done once, told once, as done."""
    key, function = user_key(run, "nora"), run.resource(APP, FUNCTION, "Response")
    told(run, "/_sandbox/lambda/crash", {"function": function, "region": REGION, "call": "iam:UpdateAccessKey"})
    with (
        repository(run) as work,
        ears(run, run.outputs(APP)["NotificationTopicArn"]) as people,
        watched(run, "iam:UpdateAccessKey") as calls,
    ):
        old = work.put({"README.md": b"# Services\n"})
        new = work.put({"nora.env": credentials(key)})
        people.must_hear("disabled", key)
        start(run, pushed(run, {"commitId": new, "oldCommitId": old}))
        heard = [one["outcome"] for one in people.heard()]
        must_be(heard == ["disabled"], f"told was {heard}")
        must_be(calls() == 1, f"the key was disabled {calls()} times")
    return Outcome("1 push, its event twice, 1 death of the function", "disabled once, told once")


@scenario("a history that is too long for one run")
@alone
def handed_over(run: Run) -> Outcome:
    """A run hands over to another one; the key that somebody has activated again meanwhile is inactive again."""
    key, before = user_key(run, "olga"), len(scans(run))
    with repository(run) as work, ears(run, run.outputs(APP)["NotificationTopicArn"]) as people:
        work.put({"olga.env": credentials(key)})
        must_become_inactive(run, key)
        run.wait("the end of the scan", lambda: len(scans(run)) > before)
        run.client("iam").update_access_key(UserName="olga", AccessKeyId=key["AccessKeyId"], Status="Active")
        # The last slice of a run, as if there had been 199 before.
        start(run, {"walk": "long", "request": {"full_scan": {"repository": REPOSITORY}}, "slice": LAST_SLICE})
        must_become_inactive(run, key)
        said = people.must_hear("reported")
    must_be(said["walk"] == "long" and len(scans(run)) == before + 3, f"told was {said}")
    return Outcome("1 full scan from its 200th slice on", "goes on in another run; inactive again, summary told")


@scenario("the scan fails for good")
@alone
def set_aside(run: Run) -> Outcome:
    """A push that cannot be scanned waits in the queue, and is scanned when the machine is given it again."""
    key, role = user_key(run, "otto"), run.resource(APP, ROLE, "ScanFunction")
    out = run.outputs(APP)
    with repository(run) as work:
        with (
            listener(run, out["AlarmTopicArn"]) as operators,
            denied(run, role, ["codecommit:GetDifferences"]),
        ):
            work.put({"otto.env": credentials(key)})
            (event,) = run.wait("the queue of failed scans", lambda: waiting(run, out["FailedScansUrl"]), 90)
            operators.must_hear("FailedScans")
        must_be(status(run, key) == "Active", "the key is inactive")
        start(run, event)
        must_become_inactive(run, key)
    run.client("sqs").purge_queue(QueueUrl=out["FailedScansUrl"])
    return Outcome("1 push that cannot be read", "key inactive after the replay", "1 in the queue, alarm rang")


@scenario("nobody can be told")
@alone
def mute(run: Run) -> Outcome:
    """The key is made inactive all the same; the finding waits in the queue and is told of when it is given again."""
    key, role = user_key(run, "pia"), run.resource(APP, ROLE, "Response")
    out = run.outputs(APP)
    with repository(run) as work, ears(run, out["NotificationTopicArn"]) as people:
        with denied(run, role, ["sns:Publish"]):
            work.put({"pia.env": credentials(key)})
            must_become_inactive(run, key)
            (again,) = run.wait("the queue of failed scans", lambda: waiting(run, out["FailedScansUrl"]), 90)
        start(run, again)
        people.must_hear("disabled", key)
    run.client("sqs").purge_queue(QueueUrl=out["FailedScansUrl"])
    return Outcome("1 push, the topic refuses", "key inactive at once, told of after the replay", "1 in the queue")


@scenario("the machine cannot be started")
@alone
def undelivered(run: Run) -> Outcome:
    """A push that does not reach the machine waits in the dead-letter queue as the event that it was."""
    key, role = user_key(run, "quin"), run.resource(APP, ROLE, "Pushes")
    out = run.outputs(APP)
    with repository(run) as work:
        with listener(run, out["AlarmTopicArn"]) as operators, denied(run, role, ["states:StartExecution"]):
            work.put({"quin.env": credentials(key)})
            (event,) = run.wait("the dead-letter queue", lambda: waiting(run, out["DeadLetterQueueUrl"]))
            operators.must_hear("PushesUndelivered")
        start(run, event)
        must_become_inactive(run, key)
    return Outcome(
        "1 push that does not reach the machine", "key inactive after the replay", "1 in the queue, alarm rang"
    )


@scenario("by trigger: quarantine, and a session that is revoked")
@alone
def triggered(run: Run) -> Outcome:
    """The shop's repository calls the guard by itself: its user is put under quarantine, its role's sessions end."""
    out, key = run.outputs(SHOP), user_key(run, "rosa")
    role = run.resource(SHOP, ROLE, "Deploy")
    iam, arn = run.client("iam"), run.client("iam").get_role(RoleName=role)["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "iam:ListAccountAliases", "Resource": "*"}
    iam.put_role_policy(
        RoleName=role, PolicyName="Try", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    told(run, "/_sandbox/cloudtrail", {"on": True})
    session = run.client("sts").assume_role(RoleArn=arn, RoleSessionName="laptop")["Credentials"]
    must_be(usable(run, session), "the session cannot be used")
    with clone(run, out["RepositoryName"]) as work:
        work.put({"deploy.env": credentials(session), "rosa.env": credentials(key)})
        must_become_inactive(run, key)
        run.wait("the end of the session", lambda: not usable(run, session))
        incidents = run.resource(SHOP, QUEUE, "Incidents")
        said = run.wait("2 incidents", lambda: found if len(found := waiting(run, incidents)) == 2 else None)
    told(run, "/_sandbox/cloudtrail", {"on": False})
    outcomes = sorted(one["outcome"] for one in said)
    must_be(outcomes == ["disabled", "revoked"], f"told was {outcomes}")
    attached = [one["PolicyName"] for one in iam.list_attached_user_policies(UserName="rosa")["AttachedPolicies"]]
    must_be(len(attached) == 1, f"attached to the user is {attached}")
    return Outcome(
        "a push to the shop: a user's key, a role's session", "key inactive, user quarantined, session revoked"
    )


@scenario("a whole history, by an auditor")
@alone
def history(run: Run) -> Outcome:
    """Somebody who may start scans and nothing else has a whole history scanned: what was there before the guard."""
    out = run.outputs(SHOP)
    role = run.resource(SHOP, ROLE, "TriggersFunctionRole")
    key = user_key(run, "sven", path="/machines/")
    # As it was before there was a guard: nobody hears of this push.
    with clone(run, out["RepositoryName"]) as work, denied(run, role, ["states:StartExecution"]):
        work.put_and_remove({"sven.env": credentials(key)}, "old")
        queue = run.resource(SHOP, QUEUE, "TriggersFailedEvents")
        run.wait("the queue of failed calls", lambda: waiting(run, queue))
    must_be(status(run, key) == "Active", "the key is inactive")
    auditor = run.sandbox.client("stepfunctions", role=out["AuditorArn"])
    done = start(run, {"full_scan": {"repository": out["RepositoryName"]}}, SHOP, client=auditor)
    must_become_inactive(run, key)
    progress = done["progress"]
    must_be(progress["findings"] >= 1 and progress["commits"] >= 3, f"the summary is {progress}")
    return Outcome(
        f"{progress['commits']} commits, {progress['files']} files", f"{progress['findings']} found, key inactive"
    )
