"""What a pipeline's CloudFormation actions do: change sets and stacks, with the action's role and the deploy role."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers

from sandbox.adapters import access, loop

from . import artifacts, deploy_roles, roles, templates
from .actions import ActionError, Work

WHO = "cloudformation.amazonaws.com"
_PATIENCE = 0.05
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
_NEW = ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")


def deploy(work: Work) -> None:
    """Do what a CloudFormation action is for.

    Args:
        work: The action.

    Raises:
        ActionError: If it fails.
        access.Refused: If the action's role may not do it.
    """
    modes: dict[str, Callable[[Deployment], None]] = {
        "CHANGE_SET_REPLACE": Deployment.replace_change_set,
        "CHANGE_SET_EXECUTE": Deployment.execute_change_set,
        "CREATE_UPDATE": Deployment.create_or_update,
        "REPLACE_ON_FAILURE": Deployment.create_or_replace,
        "DELETE_ONLY": Deployment.delete,
    }
    mode = work.run.configuration.get("ActionMode", "")
    if mode not in modes:
        raise ActionError("ConfigurationError", f"the sandbox has no ActionMode {mode}")
    with request_scope(work.session.account, work.region):
        deployment = Deployment(work)
        modes[mode](deployment)
        deployment.report(with_outputs=mode not in ("CHANGE_SET_REPLACE", "DELETE_ONLY"))


class Deployment:
    """A CloudFormation action at work.

    Args:
        work: The action.
    """

    def __init__(self, work: Work) -> None:
        self._work, self._given = work, work.run.configuration
        self._name = self._given["StackName"]

    @property
    def _stack(self) -> Any:
        found = cloudformation._stacks.get(self._name)
        return None if found is None or found["StackStatus"] == "DELETE_COMPLETE" else found

    @property
    def _arn(self) -> str:
        if self._stack is not None:
            return str(self._stack["StackId"])
        return f"arn:aws:cloudformation:{self._work.region}:{self._work.session.account}:stack/{self._name}/*"

    def _require(self, action: str, conditions: Mapping[str, str] | None = None) -> None:
        access.require(self._work.session, f"cloudformation:{action}", self._arn, conditions)

    def replace_change_set(self) -> None:
        """Make a change set, in place of the one that has its name."""
        name = self._given["ChangeSetName"]
        named = {"cloudformation:ChangeSetName": name}
        for action in ("DescribeStacks", "DescribeChangeSet", "DeleteChangeSet"):
            self._require(action, named)
        self._require("CreateChangeSet", {**named, "cloudformation:RoleArn": self._role()})
        self._refuse_stuck()
        is_new = self._stack is None or self._stack["StackStatus"] in _NEW
        if self._stack is not None:
            self._called(changesets._delete_change_set, {"StackName": [self._name], "ChangeSetName": [name]})
        request = self._request() | {"ChangeSetName": [name], "ChangeSetType": ["CREATE" if is_new else "UPDATE"]}
        self._called(changesets._create_change_set, request)
        _, made = changesets._find_change_set(name, self._name)
        made["_role"] = self._role()
        self._work.run.external = {"id": made["ChangeSetId"]}
        if made["Status"] == "FAILED" and not _is_nothing(made["StatusReason"]):
            raise ActionError("JobFailed", f"Change set {name} failed: {made['StatusReason']}")
        self._work.run.external["summary"] = made["StatusReason"] or f"Change set {name} was created."

    def execute_change_set(self) -> None:
        """Execute a change set; there is nothing to do for one without changes."""
        name = self._given["ChangeSetName"]
        for action in ("DescribeStacks", "DescribeChangeSet", "ExecuteChangeSet"):
            self._require(action, {"cloudformation:ChangeSetName": name})
        _, found = changesets._find_change_set(name, self._name)
        if found is None:
            raise ActionError("JobFailed", f"ChangeSet [{name}] does not exist")
        if _is_nothing(found["StatusReason"]):
            self._work.run.external = {"id": found["ChangeSetId"], "summary": found["StatusReason"]}
            return
        session = self._deploy_session(found.get("_role", "")) if found.get("_role") else self._work.session
        self._begin(changesets._execute_change_set, {"StackName": [self._name], "ChangeSetName": [name]}, session)
        while found["ExecutionStatus"] == "EXECUTE_IN_PROGRESS":
            time.sleep(_PATIENCE)
        self._await()

    def create_or_update(self) -> None:
        """Create the stack, or update it."""
        self._require("DescribeStacks")
        self._refuse_stuck()
        action = "UpdateStack" if self._stack is not None else "CreateStack"
        self._require(action, {"cloudformation:RoleArn": self._role()})
        session, request = self._deploy_session(self._role()), self._request()
        try:
            self._begin(handlers._ACTION_HANDLERS[action], request, session)
        except ActionError as error:
            if not _is_nothing(str(error)):
                raise
            return
        self._await()

    def create_or_replace(self) -> None:
        """Create the stack or update it; one that has failed is deleted first."""
        if self._stack is not None and self._stack["StackStatus"] in _STUCK:
            self.delete()
        self.create_or_update()

    def delete(self) -> None:
        """Delete the stack, if it is there."""
        self._require("DescribeStacks")
        if self._stack is None:
            return
        self._require("DeleteStack", {"cloudformation:RoleArn": self._role()})
        session = self._deploy_session(self._role())
        self._begin(handlers._ACTION_HANDLERS["DeleteStack"], {"StackName": [self._name]}, session)
        self._await()

    def report(self, *, with_outputs: bool) -> None:
        """Note what came of it, with the stack's outputs as variables and as the output artifact.

        Args:
            with_outputs: Whether the stack has its outputs now.
        """
        run, stack = self._work.run, self._stack
        if stack is not None:
            run.external.setdefault("id", stack["StackId"])
        if stack is None or not with_outputs:
            return
        run.variables = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs") or []}
        if "OutputFileName" in self._given:
            self._work.output({self._given["OutputFileName"]: (json.dumps(run.variables).encode(), False)})

    def _role(self) -> str:
        role = self._given.get("RoleArn", "")
        if not role:
            raise ActionError("ConfigurationError", "The action's configuration must have a RoleArn")
        return role

    def _deploy_session(self, role: str) -> access.Session:
        try:
            return roles.assume(role, WHO, self._work.region, self._arn)
        except access.Refused as error:
            raise ActionError("JobFailed", f"Role {role} is invalid or cannot be assumed: {error}") from error

    def _request(self) -> dict[str, list[str]]:
        """What CloudFormation is asked, once both roles may read the template and its parameters."""
        role = self._role()
        access.require(self._work.session, "iam:PassRole", role, {"iam:PassedToService": WHO})
        session = self._deploy_session(role)
        body = self._file(self._given.get("TemplatePath", "")).decode()
        settings = json.loads(self._file(path)) if (path := self._given.get("TemplateConfiguration")) else {}
        overrides = json.loads(self._given.get("ParameterOverrides") or "{}")
        given = {**(settings.get("Parameters") or {}), **{key: self._value(one) for key, one in overrides.items()}}
        asked = templates.request(self._name, body, given, settings.get("Tags") or {})
        for parameter in templates.parameters(body, given):
            arn = f"arn:aws:ssm:{self._work.region}:{session.account}:parameter/{parameter.lstrip('/')}"
            for one in (self._work.session, session):
                access.require(one, "ssm:GetParameters", arn)
        capabilities = filter(None, re.split(r"[,\s]+", self._given.get("Capabilities", "")))
        return asked | {f"Capabilities.member.{number}": [one] for number, one in enumerate(capabilities, 1)}

    def _file(self, path: str) -> bytes:
        artifact, separator, name = path.partition("::")
        if not separator:
            raise ActionError("ConfigurationError", f"{path} must be an artifact's name, two colons and a path")
        try:
            return artifacts.file(self._work.input(artifact), name)
        except LookupError as error:
            raise ActionError("ConfigurationError", f"File [{name}] does not exist in artifact [{artifact}]") from error

    def _value(self, override: Any) -> str:
        """The value of a parameter, which can come from a file of an artifact or be where the artifact is."""
        if not isinstance(override, dict):
            return str(override)
        (function, arguments), *_ = override.items()
        if function == "Fn::GetParam":
            artifact, name, key = arguments
            return str(json.loads(self._file(f"{artifact}::{name}"))[key])
        if function == "Fn::GetArtifactAtt":
            at = self._work.run.inputs[arguments[0]]
            return {"BucketName": at.bucket, "ObjectKey": at.key}[arguments[1]]
        raise ActionError("ConfigurationError", f"the sandbox has no {function} in ParameterOverrides")

    def _refuse_stuck(self) -> None:
        status = self._stack["StackStatus"] if self._stack is not None else ""
        if status in _STUCK or (status.endswith("_IN_PROGRESS") and status not in _NEW):
            raise ActionError("JobFailed", f"Stack:{self._arn} is in {status} state and can not be updated.")

    def _begin(self, call: Callable[[Any], Any], request: dict[str, list[str]], session: access.Session) -> None:
        """Begin an operation of the stack, which goes on as a task of the loop, with the rights of a role."""

        def begin() -> Any:
            with deploy_roles.acting(session):
                return call(request)

        _refuse(loop.call(begin))

    def _called(self, call: Callable[[Any], Any], request: dict[str, list[str]]) -> None:
        _refuse(loop.call(lambda: call(request)))

    def _await(self) -> None:
        """Wait for the end of the stack's operation, and fail if it failed."""
        while (stack := self._stack) is not None and stack["StackStatus"].endswith("_IN_PROGRESS"):
            time.sleep(_PATIENCE)
        if stack is None:
            return
        status = stack["StackStatus"]
        if "ROLLBACK" in status or status.endswith("_FAILED"):
            raise ActionError("JobFailed", f"Stack {self._name} is in {status}.{self._first_failure(stack)}")

    def _first_failure(self, stack: Mapping[str, Any]) -> str:
        """What failed first, if the action's role may see the stack's events."""
        try:
            self._require("DescribeStackEvents")
        except access.Refused:
            return ""
        events = cloudformation._stack_events.get(stack["StackId"]) or []
        begin = max((number for number, one in enumerate(events) if _begins(one)), default=0)
        failed = (one for one in events[begin:] if one["ResourceStatus"].endswith("_FAILED"))
        found = next(failed, None)
        return f" {found['LogicalResourceId']}: {found['ResourceStatusReason']}" if found else ""


def _begins(event: Mapping[str, Any]) -> bool:
    begun = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
    return event["ResourceType"] == "AWS::CloudFormation::Stack" and event["ResourceStatus"] in begun


def _is_nothing(reason: str) -> bool:
    return any(text in reason for text in _NOTHING)


def _refuse(answer: tuple[int, Any, Any]) -> None:
    status, _, body = answer
    if status >= 400:
        text = body.decode() if isinstance(body, bytes) else str(body)
        found = re.search(r"<Message>(.*?)</Message>", text, re.DOTALL)
        raise ActionError("JobFailed", unescape(found[1]) if found else text)
