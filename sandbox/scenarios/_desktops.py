"""What the scenarios of workspaces_failover have in common: two sites, what DNS answers, and the runbook."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sandbox.cdk import Cdk, DeploymentFailed
from sandbox.operations import told
from sandbox.resolver import txt
from sandbox.run import Run

from . import Deployment, must_be

PRIMARY, STANDBY, APP = "WorkspacesFailoverPrimary", "WorkspacesFailoverStandby", "WorkspacesFailover"
NEAR, FAR = "us-east-1", "us-west-2"
REGIONS = {STANDBY: FAR, APP: FAR}
FQDN, OTHER_FQDN = "desktop.example.com", "other.example.com"
BUNDLE = "wsb-0a1b2c3d4"
OTHER = f"Other{PRIMARY}"
"""A site on a directory that is there, which scenarios deploy and delete by themselves."""


def identifier(run: Run, stack: str) -> str:
    """Return the connection identifier of a site.

    Args:
        run: The embedded AWS.
        stack: The stack of the site.
    """
    return run.outputs(stack)["ConnectionIdentifier"]


def answers(run: Run, stack: str) -> None:
    """Wait until DNS answers with a site.

    Args:
        run: The embedded AWS.
        stack: The stack of the site.
    """
    expected = [identifier(run, stack)]
    run.wait(f"the answer {expected} of {stack}", lambda: txt(run, FQDN) == expected)


def runbook(run: Run, **given: object) -> dict[str, Any]:
    """Run the runbook to its end, and return the execution.

    Args:
        run: The embedded AWS.
        given: Its input.
    """
    states = run.client("stepfunctions", FAR)
    arn = run.outputs(APP)["StateMachineArn"]
    started = states.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = states.describe_execution(executionArn=started)
        return None if found["status"] == "RUNNING" else found

    return run.wait(f"the runbook with {given}", ended, 60)


def must_end(execution: dict[str, Any], status: str, cause: str = "") -> None:
    """Break off unless the runbook ended as it should.

    Args:
        execution: The execution.
        status: Its status.
        cause: What its cause must have in it.
    """
    said = execution.get("cause", "")
    must_be(execution["status"] == status, f"the runbook is {execution['status']}: {said or execution}")
    must_be(cause in said, f"the runbook must say {cause!r}, got {said!r}")


def calls(run: Run, region: str = NEAR, since: int = 0) -> list[str]:
    """Return the operations of WorkSpaces and Directory Service that changed something, oldest first.

    Args:
        run: The embedded AWS.
        region: Where.
        since: How many are left out.
    """
    found = told(run, "/_sandbox/workspaces/calls", {"region": region})["calls"]
    return [one["operation"] for one in found if not one["error"]][since:]


@contextmanager
def region_gone(run: Run, region: str) -> Iterator[None]:
    """Let nothing of WorkSpaces answer in a region while the context lasts.

    Args:
        run: The embedded AWS.
        region: The region.
    """
    told(run, "/_sandbox/workspaces/region", {"region": region, "up": False})
    try:
        yield
    finally:
        told(run, "/_sandbox/workspaces/region", {"region": region, "up": True})


@contextmanager
def existing_directory(run: Run) -> Iterator[str]:
    """Make a directory by hand, as somebody did long ago, and delete it when the context ends.

    Args:
        run: The embedded AWS.

    Yields:
        Its id.
    """
    asked = {"region": NEAR, "type": "MicrosoftAD", "name": "old.example.com"}
    directory = str(told(run, "/_sandbox/workspaces/existing", asked)["directoryId"])
    yield directory
    run.client("ds").delete_directory(DirectoryId=directory)


def other_site(directory: str, users: Sequence[str] = ("ana",)) -> Deployment:
    """Return the deployment of a site of its own, on a directory that is there.

    Args:
        directory: The directory.
        users: Who gets a WorkSpace.
    """
    settings = {
        "fqdn": OTHER_FQDN,
        "primary_directory_id": directory,
        "failover_directory_id": "d-0123456789",
        "users": list(users),
        "primary_bundle_id": BUNDLE,
        "standby": True,
    }
    context = {
        "architectures": APP_NAME,
        "prefix": "Other",
        "removal": "destroy",
        APP_NAME: json.dumps(settings),
    }
    return Deployment((OTHER,), context=context)


APP_NAME = "workspaces_failover"


class Site:
    """The other site: deployed, deployed again, deleted.

    Args:
        run: The embedded AWS.
        directory: Its directory.
    """

    def __init__(self, run: Run, directory: str) -> None:
        self._cdk, self._deployment = Cdk(run.sandbox), other_site(directory)

    def deploy(self) -> None:
        """Deploy it.

        Raises:
            DeploymentFailed: If it cannot be.
        """
        self._cdk.deploy(self._deployment)

    def refused(self) -> str:
        """Deploy it where that must fail, and return the reason."""
        try:
            self.deploy()
        except DeploymentFailed as problem:
            return str(problem)
        must_be(False, f"{OTHER} must not be deployed, and was")
        return ""

    def destroy(self) -> None:
        """Delete it.

        Raises:
            DeploymentFailed: If it cannot be.
        """
        self._cdk.destroy(self._deployment)
