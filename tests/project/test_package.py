"""What consumers install: the wheel's contents, its types, what importing it loads, and the trap of the source root."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import aws_cdk
import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

PACKAGE = ROOT / "constructs" / "cdk_refarch"
ARCHITECTURES = sorted(path.parent.name for path in PACKAGE.glob("*/README.md"))

CONSUMER = """
import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_refarch import FleetCapacity, FleetDeployment, GoldenImage, ImageBuilderCicd, ImageComponent, ImageRegion
from cdk_refarch import InstanceRefresh, ManagedComponent, RollingFleet
from cdk_refarch import AlarmTopic, BucketLifecycle, GlueTable, IotToFirehose, S3Sink
from cdk_refarch import CodeCommitLeakGuard, LeakNotification, LeakResponse
from cdk_refarch import ClassificationJob, FindingRoute, MacieToEventBridge, Notification, Quarantine, Route
from cdk_refarch import DnsRecord, DomainIdentity, FeedbackHook, Pause, Reputation, SendingStream, SesConfigSets
from cdk_refarch import ConnectionAlias, Desktop, ExistingDirectory, IpGroup, IpRule, RedirectionRecord, StandbyDesktop
from cdk_refarch import WorkspacesFailover, WorkspacesSite

DOCUMENT = {
    "schemaVersion": 1.0,
    "phases": [
        {
            "name": "build",
            "steps": [{"name": "Own", "action": "ExecuteBash", "inputs": {"commands": ["dnf -y install git"]}}],
        }
    ],
}
app = cdk.App()
stack = cdk.Stack(app, "Consumer")
topic = AlarmTopic(stack, "Alarms")
first = IotToFirehose(stack, "First", topic_filter="a/+", alarm_topic=topic)
second = IotToFirehose(
    stack,
    "Second",
    sql="SELECT * FROM 'b'",
    sinks=[S3Sink(lifecycle=BucketLifecycle(expire_after_days=90)), S3Sink(id="Lake", bucket=s3.Bucket(stack, "Lake"))],
    alarm_topic=topic,
)
document: iam.PolicyDocument = first.grant_publish(iam.PolicyDocument())
table = GlueTable(database_name="d", table_name="t")
names: list[str] = [alarm.alarm_name for alarm in second.alarms.values()]
bucket: s3.IBucket = second.deliveries["Lake"].bucket
macie = MacieToEventBridge(
    stack,
    "Macie",
    jobs=[ClassificationJob(id="Weekly", buckets=["lake"], schedule="MONDAY")],
    routes=[Route(id="Own", target=sqs.Queue(stack, "Own"), finding_types=["Policy:IAMUser/S3BucketPublic"])],
    notification=Notification(emails=["security@example.com"], min_severity="MEDIUM"),
    quarantine=Quarantine(dry_run=False, buckets=["team-*"]),
    reconcile=True,
    alarm_topic=topic,
)
late: FindingRoute = macie.route("Late", sns.Topic(stack, "Told"), categories=["POLICY"], min_severity="LOW")
sources: list[str] = [route.replay_source for route in macie.routes.values()]
email = SesConfigSets(
    stack,
    "Email",
    identity=DomainIdentity(domain="example.com"),
    streams={"news": SendingStream(pool="MANAGED", reputation=Reputation(pause=Pause()))},
    alarm_topic=topic,
)
hook: FeedbackHook = email.on_bounce("Bounced", sqs.Queue(stack, "Bounced"), bounce_types=["Permanent"])
records: tuple[DnsRecord, ...] = email.dns_records
grant: iam.Grant = email.grant_send(iam.User(stack, "Sender"), stream="news", from_addresses=["*@example.com"])
vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
image = GoldenImage(
    stack,
    "Image",
    vpc=vpc,
    components=[ManagedComponent(name="update-linux"), ImageComponent(id="Own", document=DOCUMENT)],
    distribution=[ImageRegion(), ImageRegion(region="eu-central-1")],
    alarm_topic=topic,
)
image.on_failed("Told", sns.Topic(stack, "Failures"))
fleet = RollingFleet(
    cdk.Stack(app, "Fleet"),
    "Fleet",
    vpc=ec2.Vpc.from_vpc_attributes(
        stack, "Other", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1"]
    ),
    image=image.machine_image,
    instance_type=ec2.InstanceType("t3.small"),
    capacity=FleetCapacity(minimum=1),
    update=InstanceRefresh(bake=cdk.Duration.minutes(1)),
)
delivery = ImageBuilderCicd(stack, "Delivery", fleets=[FleetDeployment(), FleetDeployment(id="B", stack_name="Web")])
started: iam.Grant = delivery.grant_start(iam.User(stack, "Operator"))
leaks = CodeCommitLeakGuard(
    cdk.Stack(app, "Leaks"),
    "Guard",
    repositories=[codecommit.Repository.from_repository_name(stack, "Code", "shop")],
    delivery="trigger",
    response=LeakResponse(dry_run=True, user_paths=["/people/"], exempt_users=["emergency"]),
    notification=LeakNotification(emails=["security@example.com"], security_hub=True),
    alarm_topic=topic,
)
scanning: iam.Grant = leaks.grant_full_scan(iam.User(cdk.Stack.of(leaks), "Auditor"))
disabled = leaks.metric_leaks(period=cdk.Duration.hours(1)).metric_name
sites = [
    WorkspacesSite(
        cdk.Stack(app, f"Site-{region}", env=cdk.Environment(region=region)),
        "Site",
        fqdn="desktop.example.com",
        directory=ExistingDirectory(directory_id=directory),
        ip_groups=[IpGroup(id="Office", rules=[IpRule(cidr="198.51.100.0/24")])],
        desktops=[desktop],
    )
    for region, directory, desktop in (
        ("eu-west-1", "d-1111111111", Desktop(user_name="ann", bundle_id="wsb-0a1b2c3d4")),
        ("eu-central-1", "d-2222222222", StandbyDesktop(user_name="ann", primary_region="eu-west-1")),
    )
]
redirection = cdk.Stack(app, "Redirection", env=cdk.Environment(region="eu-central-1"))
failover = WorkspacesFailover(
    redirection,
    "Failover",
    primary=sites[0],
    failover=sites[1],
    zone=route53.PublicHostedZone(redirection, "Zone", zone_name="example.com"),
    trigger_alarms=[sites[0].alarms["MostlyUnhealthy"]],
)
alias: ConnectionAlias = sites[0].connection_alias
record: RedirectionRecord = failover.record
results: s3.IBucket | None = macie.discovery.results.bucket if macie.discovery.results else None
app.synth()
"""

# The cache is that of make check: aws_cdk alone takes a minute without.
MYPY = ("-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), "--python-executable")

MISTAKE = """
from cdk_refarch import CodeCommitLeakGuard, IotToFirehose, LeakResponse, MacieToEventBridge, RollingFleet
from cdk_refarch import S3Sink, SendingStream, SesConfigSets, TicketQueue, WorkspacesFailover

IotToFirehose(None, "x", topic_filter=1, sinks=[S3Sink(compression="LZ4")])
MacieToEventBridge(None, "x", ticket_queue=TicketQueue(min_severity="CRITICAL"))
SesConfigSets(None, "x", identity="example.com", streams={"news": SendingStream(pool="OWN")})
RollingFleet(None, "x", vpc=None, image="ami-1", instance_type="t3.small")
CodeCommitLeakGuard(None, "x", delivery="poll", repositories=["shop"], response=LeakResponse(user_paths=7))
WorkspacesFailover(None, "x", primary="a", failover="b", zone="example.com", ttl=60)
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        ".",
    ]
    subprocess.run(build, cwd=ROOT, check=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_source_root_holds_no_python_and_no_package_of_its_own() -> None:
    assert [path.name for path in (ROOT / "constructs").glob("*.py*")] == []
    assert not (ROOT / "constructs" / "__init__.py").exists()
    assert list(ROOT.glob("tests/**/constructs")) == []


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"cdk_refarch", "cdk_refarch-0.1.0.dist-info"}
    sources = {str(path.relative_to(PACKAGE.parent)) for path in PACKAGE.rglob("*") if path.is_file()}
    expected = {name for name in sources if "__pycache__" not in name}
    assert {name for name in names if name.startswith("cdk_refarch/")} == expected
    assert {"cdk_refarch/py.typed", "cdk_refarch/__init__.pyi"} <= set(names)


@pytest.fixture(scope="session")
def consumer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel installed; its dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("consumer")
    venv.create(folder / "venv", with_pip=False)
    site = next((folder / "venv").glob("[Ll]ib*/**/site-packages"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True)
    # After its own packages, and without the .pth of the editable install, which only a real site folder obeys.
    (site / "dependencies.pth").write_text(str(next(Path(sys.prefix).glob("[Ll]ib*/**/site-packages"))))
    (folder / "app.py").write_text(CONSUMER)
    (folder / "mistake.py").write_text(MISTAKE)
    return folder


def in_consumer(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    env = {**os.environ, "CDK_OUTDIR": str(folder / "cdk.out"), "CDK_VALIDATION": "false"}
    return subprocess.run([str(python), *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_consumer_synthesizes_with_the_installed_wheel(consumer: Path) -> None:
    where = in_consumer(consumer, "-c", "import cdk_refarch; print(cdk_refarch.__file__)")
    assert str(consumer / "venv") in where.stdout
    done = in_consumer(consumer, "app.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert (consumer / "cdk.out" / "Consumer.template.json").exists()


def test_a_consumer_type_checks_strictly(consumer: Path) -> None:
    done = in_consumer(consumer, *MYPY, str(consumer / "venv" / "bin" / "python"), "app.py")
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 1 source file\n")


def test_a_type_checker_sees_wrong_arguments(consumer: Path) -> None:
    done = in_consumer(consumer, *MYPY, str(consumer / "venv" / "bin" / "python"), "mistake.py")
    assert done.stdout.count("error:") == 21


def test_the_public_names_are_those_of_the_stub() -> None:
    import cdk_refarch

    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imported = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(cdk_refarch.__all__) == imported
    assert sorted(cdk_refarch.__all__) == list(cdk_refarch.__all__)
    for name in imported:
        assert getattr(cdk_refarch, name).__name__ == name
    with pytest.raises(AttributeError):
        cdk_refarch.NoSuchName  # type: ignore[attr-defined]  # noqa: B018


def loaded(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_no_architecture_and_no_cdk() -> None:
    modules = loaded("import cdk_refarch")
    assert not any(name.startswith(("aws_cdk", "jsii", "cdk_refarch.")) for name in modules)


ALLOWED = {
    "codecommit_leak_guard": {
        "aws_cloudwatch", "aws_cloudwatch_actions", "aws_codecommit", "aws_dynamodb", "aws_events", "aws_iam",
        "aws_kms", "aws_lambda", "aws_logs", "aws_sns", "aws_sqs", "aws_stepfunctions",
    },
    "image_builder_cicd.delivery.image_builder_cicd": {
        "aws_cloudwatch", "aws_cloudwatch_actions", "aws_codebuild", "aws_codepipeline", "aws_events", "aws_iam",
        "aws_kms", "aws_lambda", "aws_logs", "aws_s3", "aws_sns", "aws_sqs",
    },
    "image_builder_cicd.fleet.rolling_fleet": {
        "aws_autoscaling", "aws_cloudwatch", "aws_cloudwatch_actions", "aws_ec2", "aws_events", "aws_iam", "aws_kms",
        "aws_logs", "aws_sns",
    },
    "image_builder_cicd.image.distribution_role": {"aws_ec2", "aws_iam", "aws_kms"},
    "image_builder_cicd.image.golden_image": {
        "aws_cloudwatch", "aws_cloudwatch_actions", "aws_ec2", "aws_events", "aws_iam", "aws_imagebuilder", "aws_kms",
        "aws_logs", "aws_sns", "aws_sqs",
    },
    "iot_to_firehose": {
        "aws_cloudwatch", "aws_cloudwatch_actions", "aws_iam", "aws_iot", "aws_kinesisfirehose", "aws_kms", "aws_logs",
        "aws_s3", "aws_sns", "aws_sqs",
    },
    "macie_to_eventbridge": {
        "aws_cloudwatch", "aws_cloudwatch_actions", "aws_events", "aws_iam", "aws_kms", "aws_lambda", "aws_logs",
        "aws_macie", "aws_s3", "aws_sns", "aws_sqs",
    },
    "ses_config_sets": {
        "aws_cloudwatch", "aws_cloudwatch_actions", "aws_iam", "aws_kms", "aws_logs", "aws_route53", "aws_ses",
        "aws_sns", "aws_sqs",
    },
    "workspaces_failover.connection_alias": {
        "aws_iam", "aws_kms", "aws_lambda", "aws_logs", "aws_sns", "aws_sqs", "aws_workspaces",
    },
    "workspaces_failover.redirection_record": {"aws_route53"},
    "workspaces_failover.workspaces_failover": {
        "aws_cloudwatch", "aws_cloudwatch_actions", "aws_directoryservice", "aws_events", "aws_iam", "aws_kms",
        "aws_lambda", "aws_logs", "aws_route53", "aws_sns", "aws_sqs", "aws_ssm", "aws_stepfunctions",
        "aws_workspaces",
    },
    "workspaces_failover.workspaces_site": {
        "aws_cloudwatch", "aws_cloudwatch_actions", "aws_directoryservice", "aws_ec2", "aws_iam", "aws_kms",
        "aws_lambda", "aws_logs", "aws_sns", "aws_sqs", "aws_workspaces",
    },
}  # fmt: skip
"""The service modules that an architecture, or a part of it, uses; the CDK loads some more with them."""

LATE = {
    "codecommit_leak_guard": {"aws_codebuild", "aws_codepipeline", "aws_securityhub", "aws_ssm"},
    "image_builder_cicd.delivery.image_builder_cicd": {"aws_codecommit", "aws_imagebuilder", "aws_autoscaling"},
    "image_builder_cicd.fleet.rolling_fleet": {"aws_imagebuilder", "aws_codepipeline", "aws_lambda"},
    "image_builder_cicd.image.distribution_role": {"aws_imagebuilder", "aws_lambda"},
    "image_builder_cicd.image.golden_image": {"aws_autoscaling", "aws_codepipeline", "aws_lambda"},
    "iot_to_firehose": {"aws_dynamodb", "aws_glue", "aws_opensearchservice", "aws_redshift", "aws_stepfunctions"},
    "macie_to_eventbridge": {"aws_dynamodb", "aws_kinesisfirehose", "aws_stepfunctions"},
    "ses_config_sets": {"aws_athena", "aws_dynamodb", "aws_glue", "aws_kinesisfirehose", "aws_lambda"},
    "workspaces_failover.connection_alias": {"aws_cloudwatch", "aws_directoryservice", "aws_route53"},
    "workspaces_failover.redirection_record": {"aws_cloudwatch", "aws_lambda", "aws_workspaces"},
    "workspaces_failover.workspaces_failover": {"aws_secretsmanager", "aws_dynamodb", "aws_kinesisfirehose"},
    "workspaces_failover.workspaces_site": {"aws_route53", "aws_secretsmanager", "aws_ssm", "aws_stepfunctions"},
}
"""What takes its time to load, and is loaded only when it is asked for, or by the consumer."""


def services(modules: set[str]) -> set[str]:
    return {name.split(".")[1] for name in modules if name.startswith("aws_cdk.aws_") and "._" not in name}


def test_what_each_architecture_may_load_is_said() -> None:
    assert {name.partition(".")[0] for name in ALLOWED} == set(ARCHITECTURES)


FORKED = """
import json, os, sys, traceback
import aws_cdk

for code in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        # Never the end that Python has by itself: it would end the parent's Node.js too.
        try:
            exec(code)
            print(*sorted(sys.modules), flush=True)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(1)
"""
"""Runs each code in a process that has loaded the core of the CDK and nothing else, and tells what it loaded."""


PLAIN = """
import aws_cdk as cdk
from cdk_refarch import IotToFirehose
IotToFirehose(cdk.Stack(cdk.App(), "Fleet"), "Ingest", topic_filter="a")
"""
"""What makes a rule with a sink to S3 and nothing else."""


@pytest.fixture(scope="module")
def loading() -> dict[str, tuple[set[str], set[str]]]:
    """The modules that each architecture loads, and those that the services that it may load load."""
    codes = [
        code
        for architecture, allowed in ALLOWED.items()
        for code in (
            f"import cdk_refarch.{architecture}",
            "\n".join(f"import aws_cdk.{name}" for name in sorted(allowed)),
        )
    ]
    command = [sys.executable, "-c", FORKED, json.dumps([*codes, PLAIN])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *modules, plain = [set(line.split()) for line in done.stdout.splitlines()]
    return {"plain": (plain, plain), **dict(zip(ALLOWED, zip(modules[::2], modules[1::2], strict=True), strict=True))}


@pytest.mark.parametrize("architecture", ALLOWED)
def test_an_architecture_loads_no_service_that_only_another_uses(
    loading: dict[str, tuple[set[str], set[str]]], architecture: str
) -> None:
    own, allowed = loading[architecture]
    assert f"cdk_refarch.{architecture}" in own
    assert services(own) <= services(allowed)
    assert services(allowed).isdisjoint(LATE[architecture])


def test_a_sink_to_s3_loads_nothing_of_other_sinks_and_of_actions(
    loading: dict[str, tuple[set[str], set[str]]],
) -> None:
    loaded, _ = loading["plain"]
    assert "cdk_refarch._parts.s3_delivery.s3_delivery" in loaded
    others = ("cdk_refarch.iot_to_firehose.opensearch", "cdk_refarch.iot_to_firehose.redshift")
    parts = (*others, "cdk_refarch.iot_to_firehose.actions", "cdk_refarch._parts.network")
    assert not [name for name in loaded if name.startswith(parts)]
    assert services(loaded) <= services(loading["iot_to_firehose"][1])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_architectures_import_shared_parts_and_never_each_other(architecture: str) -> None:
    others = set(ARCHITECTURES) - {architecture}
    for path in (PACKAGE / architecture).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("cdk_refarch") or (isinstance(node, ast.ImportFrom) and node.level > 1):
                own = f"cdk_refarch.{architecture}"
                assert module.startswith(("cdk_refarch._parts", own)), f"{path}:{node.lineno}"
            assert others.isdisjoint(alias.name for alias in node.names), f"{path}:{node.lineno}"


def test_conftest_stops_when_the_source_root_hides_the_package_constructs(tmp_path: Path) -> None:
    (tmp_path / "constructs").mkdir()
    (tmp_path / "constructs" / "__init__.py").touch()
    for name in ("tests", "stacks", "cdk.json", "pyproject.toml", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "tests").unlink()
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "tests" / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "remove any .py from the folder constructs/" in done.stdout + done.stderr


def pinned() -> dict[str, str]:
    lines = "\n".join((ROOT / name).read_text() for name in ("requirements.txt", "requirements-dev.txt"))
    return {canonical(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)$", lines, re.MULTILINE)}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_installed_is_exactly_what_is_pinned() -> None:
    needed = set(pinned())
    found = {canonical(one.metadata["Name"]): one.version for one in importlib.metadata.distributions()}
    assert {name: found.get(name) for name in needed} == pinned()


def test_everything_that_a_pinned_package_needs_is_pinned_too() -> None:
    for name in pinned():
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonical(requirement.name) in pinned(), f"{name} needs {requirement}"


def test_the_command_line_is_the_pinned_one_and_the_lock_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/aws-cdk"]["version"] == "2.1148.1"
    assert "resolved" not in lock["packages"]["node_modules/aws-cdk"]


def test_the_recommended_feature_flags_are_pinned() -> None:
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    library = next(Path(aws_cdk.__file__).parent.glob("_jsii/aws-cdk-lib@*.jsii.tgz"))
    with tarfile.open(library) as archive:
        member = archive.extractfile("package/recommended-feature-flags.json")
        assert member is not None
        recommended = json.load(member)
    assert {name: flags.get(name) for name in recommended} == recommended
    for example in ROOT.glob("examples/**/cdk.json"):
        assert json.loads(example.read_text())["context"] == flags
