"""One embedded AWS for the tests that deploy small things, and stacks in it without the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sandbox.process import Sandbox
from sandbox.run import Run
from sandbox.scenarios import Broken
from tests.sandbox.demos import Demos

_DEMOS = pytest.StashKey[Demos]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the tests of the demos come last; until then they run beside the others."""
    items.sort(key=_needs_demos)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the demos of the architectures that tests were collected for."""
    wanted = {
        str(item.callspec.params["architecture"])
        for item in session.items
        if isinstance(item, pytest.Function) and _needs_demos(item)
    }
    elsewhere = session.config.pluginmanager.has_plugin("beside")
    if wanted and not session.config.option.collectonly and not elsewhere:
        session.config.stash[_DEMOS] = Demos(sorted(wanted))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the demos, also when the tests were interrupted."""
    if _DEMOS in session.config.stash:
        session.config.stash[_DEMOS].close()


def _needs_demos(item: pytest.Item) -> bool:
    return "demos" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def demos(pytestconfig: pytest.Config) -> Demos:
    """The demos of the architectures."""
    return pytestconfig.stash[_DEMOS]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A running embedded AWS."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    """What scenarios have in hand."""
    return Run(sandbox)


@contextmanager
def deployed(run: Run, stack: str, template: dict[str, Any]) -> Iterator[None]:
    """Deploy a template as CloudFormation does, and delete the stack afterwards.

    Raises:
        Broken: If a resource fails, with CloudFormation's reasons.
    """
    cloudformation, s3 = run.client("cloudformation", run.region(stack)), run.client("s3")
    bucket = "templates-of-tests"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=stack, Body=json.dumps(template).encode())
    url = f"{run.sandbox.endpoint}/{bucket}/{stack}"
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
    cloudformation.create_stack(StackName=stack, TemplateURL=url, Capabilities=capabilities)
    try:
        state = run.wait(stack, lambda: _ended(cloudformation, stack))
        if state != "CREATE_COMPLETE":
            raise Broken(" / ".join(_reasons(cloudformation, stack)))
        yield
    finally:
        cloudformation.delete_stack(StackName=stack)
        run.wait(f"end of {stack}", lambda: _is_gone(cloudformation, stack))


def _ended(cloudformation: Any, stack: str) -> str | None:
    state: str = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    return None if state.endswith("_IN_PROGRESS") else state


def _is_gone(cloudformation: Any, stack: str) -> bool:
    living = cloudformation.list_stacks()["StackSummaries"]
    return not any(one["StackName"] == stack and one["StackStatus"] != "DELETE_COMPLETE" for one in living)


def _reasons(cloudformation: Any, stack: str) -> list[str]:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return [event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
