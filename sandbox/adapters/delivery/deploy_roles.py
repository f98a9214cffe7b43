"""The role that CloudFormation deploys with: asked for each call that creating, changing or deleting a resource makes.

MiniStack's CloudFormation may do everything. Where a stack is deployed with a role, what the role lacks fails the
resource as on AWS, and the stack rolls back; the rollback is asked too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.services.cloudformation import provisioners, stacks

from sandbox.adapters import access, schemas

from . import calls
from .grants import Change
from .needs import needs

_acting: ContextVar[access.Session | None] = ContextVar("deploy_role", default=None)


class _DeniedError(ValueError):
    """A resource cannot be provisioned because the role may not; the message is as CloudFormation puts it."""


@contextmanager
def acting(session: access.Session) -> Iterator[None]:
    """Let the stack operations that begin here have the rights of a role.

    Args:
        session: The role, assumed.
    """
    token = _acting.set(session)
    try:
        yield
    finally:
        _acting.reset(token)


def install() -> None:
    """Ask the role before each change of a resource."""
    provision, update, delete = stacks._provision_resource, stacks._update_resource, stacks._delete_resource

    def provisioned(kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        _ask("create", kind, stack, logical_id, new=properties)
        return provision(kind, logical_id, properties, stack)

    def updated(kind: str, id: str, old: dict[str, Any], new: dict[str, Any], stack: str, *rest: Any) -> Any:
        if old != new:
            replaced = provisioners._replacing_change(kind, old, new)
            name = rest[0] if rest and rest[0] else id
            _ask("create" if replaced else "update", kind, stack, name, "" if replaced else id, old, new)
        return update(kind, id, old, new, stack, *rest)

    def deleted(kind: str, id: str, properties: dict[str, Any], stack: str = "", name: str = "") -> Any:
        _ask("delete", kind, stack or "", name or id, id, properties)
        return delete(kind, id, properties, stack, name)

    stacks._provision_resource = provisioned
    stacks._update_resource = updated
    stacks._delete_resource = deleted


def _ask(
    operation: str,
    kind: str,
    stack: str,
    logical_id: str,
    physical_id: str = "",
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
) -> None:
    session = _acting.get()
    if session is None:
        return
    place = (session.account, session.region)
    change = Change(operation, kind, stack, logical_id, physical_id, old or {}, new or {}, *place)
    try:
        if kind not in calls.KINDS:
            _ask_at_all(session, change)
            return
        for need in needs(calls.KINDS[kind], change):
            access.require(session, need.action, need.resource, need.conditions)
    except access.Refused as error:
        name = kind.split("::")[1]
        text = f"User: {error} (Service: {name}, Status Code: 403)"
        raise _DeniedError(f'Resource handler returned message: "{text}" (HandlerErrorCode: AccessDenied)') from error


def _ask_at_all(session: access.Session, change: Change) -> None:
    """Of other types: whether the role may do on any resource at all what the type's schema says first."""
    schema = schemas.load(change.kind)
    wanted = schema.permissions(change.operation) if schema else []
    if not wanted:
        return
    statements = [one for found in iam_evaluator._gather_role_policies(session.role, session.account) for one in found]
    for statement in statements:
        if statement.effect == "Allow" and any(
            iam_evaluator._action_matches(action, statement.actions, statement.not_actions) for action in wanted
        ):
            return
    raise access.Refused(
        f"{session.principal} is not authorized to perform: {wanted[0]} on resource: {change.physical_id or '*'} "
        f"because no identity-based policy allows the {wanted[0]} action"
    )
