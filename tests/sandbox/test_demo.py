"""The demo says what held and what did not, by table, file and exit status, and leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import sandbox.scenarios
from sandbox.__main__ import main
from sandbox.cdk import reasons
from sandbox.demo import Result, Row, run
from sandbox.display import Display
from sandbox.leftovers import Leftovers, Remains
from sandbox.process import ROOT
from sandbox.run import Run
from sandbox.scenarios import Outcome

APP = """
import aws_cdk as cdk
from aws_cdk import aws_s3 as s3, aws_sqs as sqs

app = cdk.App()
works = cdk.Stack(app, "Works")
sqs.Queue(works, "Queue")
s3.Bucket(works, "Kept")
s3.Bucket(works, "Lost")
far = cdk.Stack(app, "Far", env=cdk.Environment(account="123456789012", region="us-west-2"))
sqs.Queue(far, "Queue")
s3.Bucket(far, "Kept")
cdk.CfnOutput(far, "Region", value=far.region)
fails = cdk.Stack(app, "Fails")
cdk.CfnResource(fails, "Queue", type="AWS::SQS::Queue", properties={"DelaySeconds": 99999})
app.synth()
"""
WORKS = """
from sandbox.scenarios import Broken, Deployment, Outcome, scenario

DEPLOYMENTS = (Deployment(("Works", "Far"), app=APP, regions={"Far": "us-west-2"}),)

@scenario("a message arrives")
def arrives(run):
    queue, sqs = run.resource("Works", "AWS::SQS::Queue"), run.client("sqs")
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    return Outcome("1 message", sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"])

@scenario("a message arrives in another region")
def arrives_there(run):
    queue, sqs = run.resource("Far", "AWS::SQS::Queue"), run.client("sqs", run.region("Far"))
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    sqs.create_queue(QueueName="left-there")
    return Outcome(run.outputs("Far")["Region"], sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"])

@scenario("a promise is broken")
def broken(run):
    raise Broken("nothing came; look at the [queue]")

@scenario("a call is refused")
def refused(run):
    run.client("s3").create_bucket(Bucket="left-behind")
    run.client("s3").delete_bucket(Bucket=run.resource("Works", "AWS::S3::Bucket", "Lost"))
    run.client("s3").list_objects_v2(Bucket="not-there")
"""
FAILS = """
from sandbox.scenarios import Deployment, scenario

DEPLOYMENTS = (Deployment(("Fails",), app=APP),)

@scenario("never run")
def never(run):
    raise AssertionError
"""
LOST = FAILS.replace("Fails", "Far")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Demos of three architectures of which one works, but not wholly, and the others cannot be deployed."""
    folder = tmp_path_factory.mktemp("demos")
    app = folder / "app" / "app.py"
    app.parent.mkdir()
    app.write_text(APP)
    for name, content in (("fake_fails", FAILS), ("fake_lost", LOST), ("fake_works", WORKS)):
        (folder / f"{name}.py").write_text(f"APP = {str(app)!r}\n{content}")
    sandbox.scenarios.__path__.append(str(folder))
    yield folder
    sandbox.scenarios.__path__.remove(str(folder))


@pytest.fixture(scope="module")
def ran(scripts: Path) -> tuple[int, str, dict[str, Any]]:
    """The exit status, what was shown, and the results by architecture of one run of all."""
    said, file = io.StringIO(), scripts / "results.json"
    status = run(
        ["fake_fails", "fake_lost", "fake_works"], file, Display(Console(file=said, width=100, highlight=False))
    )
    return status, said.getvalue(), {one["architecture"]: one for one in json.loads(file.read_text())}


def test_the_exit_status_says_that_something_did_not_hold(ran: tuple[int, str, dict[str, Any]]) -> None:
    status, said, results = ran
    assert status == 1
    assert not any(one["ok"] for one in results.values())
    assert "NOT all held: 2 of 6 scenarios" in said


def test_each_scenario_has_a_row_and_a_broken_one_does_not_stop_the_others(
    ran: tuple[int, str, dict[str, Any]],
) -> None:
    _, said, results = ran
    first, there, second, third = results["fake_works"]["scenarios"]
    assert first["ok"]
    assert first["outcome"] == {"sent": "1 message", "arrived": "hello", "failed": "nothing failed"}
    assert there["outcome"] == {"sent": "us-west-2", "arrived": "hello", "failed": "nothing failed"}
    assert second["problem"] == "nothing came; look at the [queue]"
    assert third["problem"].startswith("NoSuchBucket: ")
    assert "BROKEN: nothing came;" in said


def test_a_failed_deployment_is_said_with_its_reason_and_the_others_go_on(
    ran: tuple[int, str, dict[str, Any]],
) -> None:
    _, _, results = ran
    assert results["fake_fails"]["scenarios"] == []
    assert results["fake_fails"]["problems"] == [
        "cdk deploy Fails must succeed, got AWS::SQS::Queue Queue Properties validation failed for resource Queue with "
        "message: #/DelaySeconds: 99999 is not less or equal to 900; run it by hand in make sandbox to see all of it"
    ]


def test_a_stack_in_another_region_than_the_demo_says_is_not_deployed(ran: tuple[int, str, dict[str, Any]]) -> None:
    _, _, results = ran
    assert results["fake_lost"]["problems"] == [
        "stack Far must be for us-east-1, where the demo looks for it, got us-west-2; name its region in "
        "Deployment.regions"
    ]


def test_what_is_kept_lost_and_left_behind_is_told_apart(ran: tuple[int, str, dict[str, Any]]) -> None:
    _, said, results = ran
    kept, problems = results["fake_works"]["remains"]["kept"], results["fake_works"]["remains"]["problems"]
    assert [one.split()[0] for one in kept] == ["AWS::S3::Bucket"] * 2
    assert "(Far/Kept" in kept[0]
    assert "(Works/Kept" in kept[1]
    assert len(problems) == 3
    assert "(Works/Lost" in problems[0]
    assert problems[0].endswith("must be retained after cdk destroy, but is gone")
    assert problems[1] == "AWS::S3::Bucket left-behind must not be left behind: it is of no stack"
    assert problems[2].endswith("/left-there in us-west-2 must not be left behind: it is of no stack")
    assert results["fake_works"]["resources"] == {"AWS::S3::Bucket": 3, "AWS::SQS::Queue": 2}
    assert results["fake_works"]["remains"]["unchecked"] == []
    assert "retained as meant: 2 S3::Bucket" in said


def test_a_resource_that_a_deleted_stack_leaves_is_a_problem(sandbox: sandbox.process.Sandbox) -> None:
    live, name = Run(sandbox), "should-go"
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}}}
    cloudformation = live.client("cloudformation")
    leftovers = Leftovers(live)
    cloudformation.create_stack(StackName="Leaves", TemplateBody=json.dumps(template))
    live.wait("stack", lambda: live.resources("Leaves", "AWS::SQS::Queue"))
    leftovers.remember(["Leaves"])
    assert [line for line in leftovers.check().problems if "Leaves" in line] == [
        "stack Leaves must be gone after cdk destroy, but is there",
        f"AWS::SQS::Queue {sandbox.endpoint}/123456789012/{name} (Leaves/Queue) must be gone after cdk destroy, "
        "but is there",
    ]
    cloudformation.delete_stack(StackName="Leaves")
    live.wait("end", lambda: not [line for line in leftovers.check().problems if "Leaves" in line])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle_leaves_no_process_and_no_file(
    number: signal.Signals, scripts: Path, tmp_path: Path
) -> None:
    code = """
    import sys, sandbox.scenarios
    from sandbox.__main__ import main
    sandbox.scenarios.__path__.append(sys.argv[1])
    sys.exit(main(["demo", "--architecture", "fake_works"]))
    """
    demo = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(scripts)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "MARK_OF_THE_TEST": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with demo:
        assert demo.stdout is not None
        assert any("cdk bootstrap" in line for line in demo.stdout)
        end = time.monotonic() + 10
        while len(_marked(tmp_path)) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        assert len(_marked(tmp_path)) >= 3
        assert len(list(tmp_path.glob("cdk-refarch-*"))) == 1
        demo.send_signal(number)
        demo.send_signal(number)
        _, errors = demo.communicate(timeout=15)
    assert errors == "Interrupted; the embedded AWS and all that ran in it are gone.\n"
    assert demo.returncode == 128 + number
    assert _marked(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def _marked(folder: Path) -> list[str]:
    """The processes that were started with the folder in their environment or on their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes() + (process / "cmdline").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--architecture", "iot_to_fire"], "argument --architecture: must be one of "),
        (["demo", "--json", "/nowhere/at/all.json"], "argument --json: must be in a folder that exists, got "),
        (["serve", "--port", "http"], "argument --port: invalid int value: 'http'"),
    ],
)
def test_a_bad_command_line_is_refused_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert said.startswith(f"error: {message}")
    assert said.count("\n") == 1


def test_reasons_are_the_resources_that_failed_and_not_those_that_followed() -> None:
    said = [
        "A | 3/9 | 9:24:05 AM | CREATE_FAILED        | AWS::SQS::Queue | In/Queue (InQueue1) Bad delay.",
        "A | 3/9 | 9:24:05 AM | CREATE_FAILED        | AWS::S3::Bucket | In/B (InB1) Resource creation cancelled",
        "Failed resources:",
        "A | 9:24:05 AM | CREATE_FAILED        | AWS::SQS::Queue | In/Queue (InQueue1) Bad delay.",
        "❌  A failed to deploy",
    ]
    assert reasons(said) == "AWS::SQS::Queue In/Queue (InQueue1) Bad delay."


def test_reasons_of_an_app_that_does_not_synthesize_are_its_own_words() -> None:
    said = ["Traceback (most recent call last):", "  File ...", "ValueError: context key x must be y", "", "exited 1"]
    assert reasons(said) == "ValueError: context key x must be y"
    found = [
        "ERROR delay too long (House: rules)",
        "   App/Queue (Queue) aws-cdk-lib.CfnResource",
        "   Suggested fix: x",
        "",
    ]
    assert reasons([*found, "Synthesis finished with errors"]) == "App/Queue delay too long (House: rules)"
    assert reasons(["one", "the last", ""]) == "the last"
    assert reasons([]) == "no word from it"


def test_reasons_of_an_app_whose_checks_fail_are_the_findings() -> None:
    said = [
        "ERROR Buffer: 'soon' is not of type 'integer' (CloudFormation Validate)",
        "   App/Ingest/Stream (IngestStream1) aws-cdk-lib.aws_kinesisfirehose.CfnDeliveryStream",
        "Synthesis finished with errors",
    ]
    assert reasons(said) == "App/Ingest/Stream Buffer: 'soon' is not of type 'integer' (CloudFormation Validate)"


@pytest.mark.parametrize("width", [100, 160])
def test_the_table_loses_no_letter_and_has_no_colour_in_a_file(width: int) -> None:
    words = "data/day=2026-11-23/hour=09/a-name-that-is-longer-than-any-column-can-be"
    rows = [Row("arrives", 1.2, 9, Outcome("1 message", words, "in [errors]/")), Row("breaks", 0.1, 9, None, "why not")]
    result = Result(
        "image_builder_cicd", ("A",), Counter({"AWS::S3::Bucket": 2, "AWS::X::Y": 1}), frozenset({"AWS::X::Y"})
    )
    result.rows, result.remains = rows, Remains((), ("AWS::S3::Bucket x must be gone",), ("AWS::X::Y",), ())
    said = io.StringIO()
    display = Display(Console(file=said, width=width, highlight=False))
    display.table([result])
    display.verdict([result])
    text = said.getvalue()
    assert max(map(len, text.partition("image_builder_cicd:")[0].splitlines())) <= width
    column = "".join(cells[4].strip() for line in text.splitlines() if len(cells := line.split("│")) > 4)
    assert words in column
    assert all(part in text for part in ("in [errors]/", "1 recorded", "2 emulated", "BROKEN: why not", "NOT all held"))
    assert "\x1b" not in text
    assert "…" not in text
