"""Fine-grained access control of a domain: roles, who is mapped to them, and its REST interface.

Callers are IAM roles and users, known by their signature; there is no database of internal users, and no limits within
documents or by field. Who is mapped to ``all_access`` or ``security_manager`` may change the roles, which is our
reading of what AWS says of further master users.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from .indices import Problem

Record = dict[str, Any]
Answer = tuple[int, Any]
_MASTERS = ("all_access", "security_manager")
_GROUPS: dict[str, tuple[str, ...]] = {
    "cluster_all": ("cluster:*",),
    "cluster_composite_ops": (
        "indices:data/write/bulk",
        "indices:admin/aliases*",
        "indices:data/write/reindex",
        "cluster_composite_ops_ro",
    ),
    "cluster_composite_ops_ro": (
        "indices:data/read/mget",
        "indices:data/read/msearch",
        "indices:admin/aliases/exists*",
        "indices:admin/aliases/get*",
        "indices:data/read/scroll",
        "indices:admin/resolve/index",
    ),
    "cluster_manage_index_templates": ("indices:admin/template/*", "indices:admin/index_template/*"),
    "cluster_monitor": ("cluster:monitor/*",),
    "create_index": ("indices:admin/create", "indices:admin/mapping/put"),
    "crud": ("read", "write"),
    "data_access": ("indices:data/*", "crud"),
    "delete": ("indices:data/write/delete*",),
    "get": ("indices:data/read/get*", "indices:data/read/mget*"),
    "index": (
        "indices:data/write/index*",
        "indices:data/write/update*",
        "indices:admin/mapping/put",
        "indices:data/write/bulk*",
    ),
    "indices_all": ("indices:*",),
    "indices_monitor": ("indices:monitor/*",),
    "manage": ("indices:monitor/*", "indices:admin/*"),
    "manage_aliases": ("indices:admin/aliases*",),
    "read": ("indices:data/read*", "indices:admin/mappings/fields/get*", "indices:admin/resolve/index"),
    "search": ("indices:data/read/search*", "indices:data/read/msearch*", "suggest"),
    "suggest": ("indices:data/read/suggest*",),
    "unlimited": ("*",),
    "write": ("indices:data/write*", "indices:admin/mapping/put"),
}
"""https://docs.opensearch.org/latest/security/access-control/default-action-groups/"""


_ALL = {"index_patterns": ["*"], "allowed_actions": ["*"]}
_STATIC: dict[str, Record] = {
    "all_access": {"cluster_permissions": ["*"], "index_permissions": [_ALL], "tenant_permissions": []},
    "readall": {
        "cluster_permissions": ["cluster_composite_ops_ro"],
        "index_permissions": [{"index_patterns": ["*"], "allowed_actions": ["read"]}],
        "tenant_permissions": [],
    },
    "security_manager": {"cluster_permissions": ["*"], "index_permissions": [_ALL], "tenant_permissions": []},
}
_MEMBERS = {
    "roles": ("cluster_permissions", "index_permissions", "tenant_permissions", "description"),
    "rolesmapping": ("backend_roles", "and_backend_roles", "hosts", "users", "description"),
}


class Security:
    """The roles of a domain and who is mapped to them.

    Args:
        master: The ARN of the master user.
    """

    def __init__(self, master: str) -> None:
        self.roles: dict[str, Record] = {}
        self.mappings: dict[str, Record] = {}
        self.lock = threading.RLock()
        self.be_mastered_by(master)

    def be_mastered_by(self, arn: str) -> None:
        """Map who is master now to its roles, in the place of who was.

        Args:
            arn: An IAM user or role.
        """
        member = "users" if ":user/" in arn else "backend_roles"
        for name in _MASTERS:
            self.mappings[name] = {"backend_roles": [], "hosts": [], "users": [], member: [arn]}

    def roles_of(self, arn: str) -> list[str]:
        """The roles that somebody is mapped to.

        Args:
            arn: The IAM user or role.
        """
        with self.lock:
            return [
                name
                for name, one in self.mappings.items()
                if any(fnmatchcase(arn, who) for who in (*one.get("users", ()), *one.get("backend_roles", ())))
                or ("and_backend_roles" in one and one["and_backend_roles"] == [arn])
            ]

    def may(self, arn: str, action: str, index: str | None = None) -> bool:
        """Whether somebody may do something.

        Args:
            arn: The IAM user or role.
            action: The action, such as ``indices:data/write/bulk``.
            index: The index; None for what is asked of the cluster.
        """
        return any(action_fits(action, allowed) for allowed in self._allowed(arn, index))

    def _allowed(self, arn: str, index: str | None) -> Iterator[str]:
        for name in self.roles_of(arn):
            role = self.roles.get(name) or _STATIC.get(name) or {}
            if index is None:
                yield from role.get("cluster_permissions", ())
            for one in role.get("index_permissions", ()) if index is not None else ():
                if any(fnmatchcase(str(index), pattern) for pattern in one.get("index_patterns", ())):
                    yield from one.get("allowed_actions", ())

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answer a request of the security interface.

        Args:
            method: The method.
            path: What is behind ``_plugins/_security/api/``, such as ``rolesmapping/all_access``.
            body: The body.
        """
        kind, _, name = path.strip("/").partition("/")
        if kind not in _MEMBERS or "/" in name:
            return 400, {"error": f"no handler found for uri [/_plugins/_security/api/{path}] and method [{method}]"}
        with self.lock:
            try:
                return self._do(kind, name, method, json.loads(body) if body.strip() else None)
            except ValueError as error:
                return 400, {"status": "BAD_REQUEST", "message": f"Could not parse content of request: {error}"}

    def _do(self, kind: str, name: str, method: str, given: Any) -> Answer:
        store = self.roles if kind == "roles" else self.mappings
        shown = {**(_STATIC if kind == "roles" else {}), **store}
        if method == "GET":
            if name and name not in shown:
                return _missing(kind, name)
            some = {name: shown[name]} if name else shown
            return 200, {key: _shown(key, one, kind) for key, one in some.items()}
        if kind == "roles" and name in _STATIC:
            return 403, {"status": "FORBIDDEN", "message": f"Resource '{name}' is read-only."}
        if method == "PUT" and name:
            refused = self._refused(kind, name, given)
            if refused:
                return refused
            made = name not in store
            store[name] = {**_defaults(kind), **given}
            return _done(name, "created" if made else "updated")
        if method == "DELETE" and name:
            if name not in store:
                return _missing(kind, name)
            del store[name]
            return _done(name, "deleted")
        if method == "PATCH" and isinstance(given, list):
            return self._patch(kind, name, given, store)
        return 405, {"error": f"Incorrect HTTP method for uri, {method}"}

    def _refused(self, kind: str, name: str, given: Any) -> Answer | None:
        if not isinstance(given, dict) or (kind == "roles" and not given):
            return 400, {"status": "error", "reason": "Request body required for this action."}
        wrong = sorted(given.keys() - set(_MEMBERS[kind]))
        if wrong:
            return 400, {
                "status": "error",
                "reason": "Invalid configuration",
                "invalid_keys": {"keys": ",".join(wrong)},
            }
        if kind == "rolesmapping" and name not in {*self.roles, *_STATIC}:
            return 404, {"status": "NOT_FOUND", "message": f"role '{name}' not found."}
        lists = ("backend_roles", "hosts", "users", "cluster_permissions", "index_permissions")
        types = {key: "Array expected" for key in lists if key in given and not isinstance(given[key], list)}
        return (400, {"status": "error", "reason": "Wrong datatype", **types}) if types else None

    def _patch(self, kind: str, name: str, steps: list[Any], store: dict[str, Record]) -> Answer:
        if name and name not in store:
            return _missing(kind, name)
        whole = {name: store[name]} if name else dict(store)
        # A patch does not see empty lists.
        changed = {key: {name: value for name, value in one.items() if value != []} for key, one in whole.items()}
        changed = json.loads(json.dumps(changed))
        for step in steps:
            try:
                _apply(changed[name] if name else changed, step)
            except (KeyError, IndexError, TypeError) as error:
                return 400, {"status": "BAD_REQUEST", "message": f"no such path in target JSON document: {error}"}
        for key, one in changed.items():
            refused = self._refused(kind, key, one)
            if refused:
                return refused
            changed[key] = {**_defaults(kind), **one}
        for key in whole.keys() - changed.keys():
            del store[key]
        store |= changed
        return (
            (200, {"status": "OK", "message": f"'{name}' updated."})
            if name
            else (200, {"status": "OK", "message": "Resource updated."})
        )


def _defaults(kind: str) -> Record:
    return {"backend_roles": [], "hosts": [], "users": []} if kind == "rolesmapping" else {}


def _apply(target: Any, step: Mapping[str, Any]) -> None:
    """Carry out a step of a JSON patch."""
    *path, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].strip("/").split("/")]
    for part in path:
        target = target[int(part)] if isinstance(target, list) else target[part]
    if step["op"] not in ("add", "remove", "replace"):
        raise KeyError(step["op"])
    if isinstance(target, list):
        if step["op"] == "add":
            target.insert(len(target) if last == "-" else int(last), step["value"])
        elif step["op"] == "replace":
            target[int(last)] = step["value"]
        else:
            del target[int(last)]
    elif step["op"] == "remove":
        del target[last]
    else:
        if step["op"] == "replace" and last not in target:
            raise KeyError(step["path"])
        target[last] = step["value"]


def action_fits(action: str, allowed: str) -> bool:
    """Whether a permission, which may be a group of actions, has an action in it.

    Args:
        action: The action.
        allowed: The permission.
    """
    if allowed in _GROUPS:
        return any(action_fits(action, one) for one in _GROUPS[allowed])
    return fnmatchcase(action, allowed)


def denied(arn: str, action: str) -> Problem:
    """What the domain says to somebody who may not do something.

    Args:
        arn: The IAM user or role.
        action: The action.
    """
    backend = f"backend_roles=[{arn}]" if ":role/" in arn else "backend_roles=[]"
    who = f"User [name={arn}, {backend}, requestedTenant=null]"
    return Problem(403, "security_exception", f"no permissions for [{action}] and {who}")


def _shown(name: str, one: Record, kind: str) -> Record:
    static = kind == "roles" and name in _STATIC
    return {"reserved": static, "hidden": False, **one, **({"static": static} if kind == "roles" else {})}


def _missing(kind: str, name: str) -> Answer:
    return 404, {"status": "NOT_FOUND", "message": f"{kind.removesuffix('s')} '{name}' not found."}


def _done(name: str, what: str) -> Answer:
    status = 201 if what == "created" else 200
    return status, {"status": "CREATED" if what == "created" else "OK", "message": f"'{name}' {what}."}
