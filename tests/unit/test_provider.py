"""The code of custom resources: each provider's function has its own module and the protocol, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import cx_api

from cdk_refarch._parts import provider
from cdk_refarch._parts.operation import Operation
from tests.handlers.loading import SHARED
from tests.unit.templates import Template

NO_PROVIDERS = {"cloudformation", *(name for shared in SHARED.values() for name in shared)}
MODULES = sorted({path.stem for path in provider.PROVIDERS.glob("*.py")} - NO_PROVIDERS)


def make(stack: cdk.Stack, module: str, lasts: cdk.Duration | None = None) -> provider.Provider:
    """Make a provider."""
    return provider.Provider(
        stack,
        "Provider",
        module=module,
        description="Makes things",
        statements=[],
        operation=Operation(
            encryption_key=kms.Key(stack, "Key"),
            alarm_topic=None,
            removal_policy=cdk.RemovalPolicy.RETAIN,
            log_retention=logs.RetentionDays.ONE_DAY,
        ),
        shared=SHARED.get(module, ()),
        lasts=lasts,
    )


def asset(module: str) -> tuple[str, set[str]]:
    """Return the hash of a provider's code, and its files."""
    app = cdk.App()
    stack = cdk.Stack(app, "Stack")
    made = make(stack, module)
    assert Template(stack).of(made.function)["Handler"] == f"{module}.handler"
    assembly = app.synth()
    assert isinstance(assembly, cx_api.CloudAssembly)
    (folder,) = Path(assembly.directory).glob("asset.*")
    return folder.name, {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("module", MODULES)
def test_the_code_of_a_provider_is_its_modules_and_the_protocol(module: str) -> None:
    assert asset(module)[1] == {f"{name}.py" for name in ("cloudformation", module, *SHARED.get(module, ()))}


def test_what_else_is_in_the_folder_does_not_change_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "providers"
    shutil.copytree(provider.PROVIDERS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provider, "PROVIDERS", copy)
    before = asset("macie")
    (copy / "__pycache__").mkdir()
    for name in ("other.py", "__pycache__/macie.cpython-314.pyc"):
        (copy / name).touch()
    assert asset("macie") == before
    with (copy / "cloudformation.py").open("a") as protocol:
        protocol.write("# changed\n")
    assert asset("macie") != before


def test_a_function_that_goes_on_may_call_itself_before_and_after_its_resources_are_there() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    made = make(stack, "macie", cdk.Duration.minutes(50))
    resource = made.resource(stack, "Resource", "Thing", {"Name": "a", "Left": None})
    template = Template(stack)
    function = template.of(made.function)
    assert function["Environment"] == {"Variables": {"LASTS_SECONDS": "3000"}}
    (policy,) = template.all("AWS::IAM::Policy")
    itself = template.resolve(made.function.function_arn)
    assert policy["Properties"]["PolicyDocument"]["Statement"] == [
        {"Action": "lambda:InvokeFunction", "Effect": "Allow", "Resource": itself}
    ]
    assert policy["Properties"]["Roles"] == [{"Ref": function["Role"]["Fn::GetAtt"][0]}]
    (policy_id,) = (name for name, one in template.json["Resources"].items() if one == policy)
    thing = template.resource(resource)
    assert thing["DependsOn"] == [policy_id]
    assert thing["Properties"] == {"ServiceToken": itself, "Name": "a", "ServiceTimeout": "3600"}


def test_a_function_that_does_not_go_on_may_not_call_itself() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    made = make(stack, "macie")
    resource = made.resource(stack, "Resource", "Thing", {})
    template = Template(stack)
    assert "Environment" not in template.of(made.function)
    assert template.all("AWS::IAM::Policy") == []
    assert template.of(resource)["ServiceTimeout"] == "600"
    assert "DependsOn" not in template.resource(resource)
