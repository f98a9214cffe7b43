"""What Redshift Serverless remembers in each account and region: namespaces, workgroups, integrations and users."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region

from sandbox.adapters.json_rpc import Fault, Record

if TYPE_CHECKING:
    from .database import Database

LOCK = threading.RLock()
"""Held by whoever looks at or changes what is remembered."""
NUMBERS = itertools.count(1000)
"""The ids of queries, transactions, jobs and tables."""
_ADMIN_ID = 100
_FIRST_ID = 101


@dataclass
class User:
    """A user of the databases of a namespace.

    Attributes:
        id: Its number.
        name: Its name, as it was given.
        is_super: Whether it may do everything.
        sees_all: Whether it has ``SYSLOG ACCESS UNRESTRICTED``.
        password: Its password; None if it has none.
        roles: The database roles that it has, in lower case.
    """

    id: int
    name: str
    is_super: bool = False
    sees_all: bool = False
    password: str | None = None
    roles: set[str] = field(default_factory=set)

    @property
    def sees_system(self) -> bool:
        """Whether it sees what others did in the system views."""
        return self.is_super or self.sees_all or bool(self.roles & {"sys:monitor", "sys:operator", "sys:superuser"})


@dataclass
class Namespace:
    """A namespace with its databases.

    Attributes:
        account: Its account.
        region: Its region.
        record: What the API says of it.
        policy: Its resource policy; empty for none.
        users: The users, by name in lower case.
        databases: The databases that have been used, by name.
    """

    account: str
    region: str
    record: Record
    policy: Record = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(_FIRST_ID))

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.record["namespaceName"])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.record["namespaceArn"])

    def add_user(self, name: str, **about: Any) -> User:
        """Make a user and return it.

        Args:
            name: Its name.
            about: More of what it is.
        """
        user = User(_ADMIN_ID if about.get("is_super") and not self.users else next(self._ids), name, **about)
        self.users[name.lower()] = user
        return user

    def of_identity(self, arn: str) -> User:
        """The user that stands for an IAM identity, made when it is first needed, such as ``IAMR:writer``.

        Args:
            arn: The identity's ARN. Its tag ``RedshiftDbRoles`` is not looked at.
        """
        kind, _, rest = arn.rpartition(":")[2].partition("/")
        name = f"IAMR:{rest.split('/')[0]}" if kind == "assumed-role" else f"IAM:{rest.rsplit('/', 1)[-1] or kind}"
        return self.users.get(name.lower()) or self.add_user(name)


@dataclass
class Workgroup:
    """A workgroup.

    Attributes:
        record: What the API says of it.
        namespace: The namespace that it computes for.
    """

    record: Record
    namespace: Namespace

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.record["workgroupArn"])


@dataclass
class Integration:
    """What tells a namespace of new objects in a bucket.

    Attributes:
        arn: Its ARN.
        name: Its name.
        bucket: The bucket.
        target: The namespace's ARN.
        record: The properties that it was made with.
        is_told: Whether the notification that it put on the bucket is still there.
    """

    arn: str
    name: str
    bucket: str
    target: str
    record: Record
    is_told: bool = True


@dataclass
class Home:
    """Redshift Serverless in an account and region.

    Attributes:
        namespaces: The namespaces, by name.
        workgroups: The workgroups, by name.
        integrations: The integrations, by ARN.
        snapshots: The snapshots, as the API has them.
    """

    namespaces: dict[str, Namespace] = field(default_factory=dict)
    workgroups: dict[str, Workgroup] = field(default_factory=dict)
    integrations: dict[str, Integration] = field(default_factory=dict)
    snapshots: list[Record] = field(default_factory=list)


_homes: dict[tuple[str, str], Home] = {}


def home(account: str = "", region: str = "") -> Home:
    """What is remembered of the account and region of the request, or of others.

    Args:
        account: The account.
        region: The region.
    """
    return _homes.setdefault((account or get_account_id(), region or get_region()), Home())


def homes() -> dict[tuple[str, str], Home]:
    """All that is remembered, by account and region."""
    return dict(_homes)


def arn_of(kind: str, id: str) -> str:
    """The ARN of a resource of Redshift Serverless.

    Args:
        kind: ``namespace`` or ``workgroup``.
        id: Its id.
    """
    return f"arn:aws:redshift-serverless:{get_region()}:{get_account_id()}:{kind}/{id}"


def namespace(name: str) -> Namespace:
    """A namespace.

    Args:
        name: Its name.

    Raises:
        Fault: If it is not there.
    """
    found = home().namespaces.get(name)
    if found is None:
        raise Fault("ResourceNotFoundException", f"The namespace {name} doesn't exist.")
    return found


def workgroup(name: str) -> Workgroup:
    """A workgroup.

    Args:
        name: Its name, or its ARN.

    Raises:
        Fault: If it is not there.
    """
    for found in home().workgroups.values():
        if name in (found.record["workgroupName"], found.arn):
            return found
    raise Fault("ResourceNotFoundException", f"The workgroup {name} doesn't exist.")


def workgroup_of(space: Namespace) -> Workgroup | None:
    """The workgroup that computes for a namespace; None as long as there is none.

    Args:
        space: The namespace.
    """
    found = home(space.account, space.region).workgroups.values()
    return next((one for one in found if one.namespace is space), None)


def now() -> float:
    """Seconds since 1970."""
    return time.time()
