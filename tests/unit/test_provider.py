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
from tests.unit.templates import Template

MODULES = sorted(path.stem for path in provider.PROVIDERS.glob("*.py") if path.stem != "cloudformation")


def asset(module: str) -> tuple[str, set[str]]:
    """Return the hash of a provider's code, and its files."""
    app = cdk.App()
    stack = cdk.Stack(app, "Stack")
    made = provider.Provider(
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
    )
    assert Template(stack).of(made.function)["Handler"] == f"{module}.handler"
    assembly = app.synth()
    assert isinstance(assembly, cx_api.CloudAssembly)
    (folder,) = Path(assembly.directory).glob("asset.*")
    return folder.name, {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("module", MODULES)
def test_the_code_of_a_provider_is_its_module_and_the_protocol(module: str) -> None:
    assert asset(module)[1] == {"cloudformation.py", f"{module}.py"}


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
