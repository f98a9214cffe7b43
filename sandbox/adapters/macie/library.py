"""Custom data identifiers, allow lists and findings filters: made, read, changed, listed, deleted, tagged."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ministack.core.responses import now_iso
from ministack.services import s3

from .state import Fault, Record, Session, page, session


@dataclass(frozen=True)
class Kind:
    """A kind of resource.

    Attributes:
        segment: What its ARNs have before the id.
        name: What it is called in messages.
        defaults: What it has unless the request says otherwise.
        check: Yields what Macie refuses in one.
    """

    segment: str
    name: str
    defaults: Mapping[str, Any]
    check: Callable[[Record], list[str]]

    def of(self, macie: Session) -> dict[str, Record]:
        """The resources of the kind, by id.

        Args:
            macie: Macie.
        """
        found: dict[str, Record] = getattr(macie, f"{self.segment.replace('-', '_')}s")
        return found

    def get(self, macie: Session, id: str) -> Record:
        """A resource.

        Args:
            macie: Macie.
            id: Its id.

        Raises:
            Fault: If it is not there.
        """
        found = self.of(macie).get(id)
        if found is None:
            raise Fault("ResourceNotFoundException", f"The {self.name} {id} does not exist.")
        return found

    def create(self, request: Record) -> Record:
        """Make a resource.

        Args:
            request: The members of the request that makes it.

        Raises:
            Fault: If Macie refuses it.
        """
        macie = session()
        self._refuse(request)
        id = str(uuid4())
        own = {name: value for name, value in request.items() if name != "clientToken"}
        now = now_iso()
        made = {**self.defaults, **own, "id": id, "arn": macie.arn(self.segment, id)}
        self.of(macie)[id] = {**made, "createdAt": now, "updatedAt": now}
        return self.of(macie)[id]

    def update(self, id: str, changes: Record) -> Record:
        """Change a resource.

        Args:
            id: Its id.
            changes: The members that change.

        Raises:
            Fault: If it is not there, or Macie refuses it.
        """
        found = self.get(session(), id)
        changed = {**found, **changes, "id": id, "updatedAt": now_iso()}
        self._refuse(changed)
        found.update(changed)
        return found

    def delete(self, id: str) -> None:
        """Delete a resource.

        Args:
            id: Its id.

        Raises:
            Fault: If it is not there.
        """
        macie = session()
        self.get(macie, id)
        del self.of(macie)[id]

    def _refuse(self, record: Record) -> None:
        problems = [] if 1 <= len(record["name"]) <= 128 else ["name must be from 1 to 128 characters"]
        for problem in [*problems, *self.check(record)]:
            raise Fault("ValidationException", f"The {self.name} is not valid: {problem}.")


def _lengths(record: Record, name: str, most: int, least: int) -> list[str]:
    words = record.get(name) or []
    if len(words) > most or any(not least <= len(word) <= 90 for word in words):
        return [f"{name} must be at most {most}, of {least} to 90 characters"]
    return []


def _regex(text: str) -> list[str]:
    try:
        re.compile(text)
    except re.error as error:
        return [f"regex cannot be compiled: {error}"]
    return [] if 1 <= len(text) <= 512 else ["regex must be from 1 to 512 characters"]


def _check_identifier(record: Record) -> list[str]:
    distance = record.get("maximumMatchDistance", 50)
    return [
        *_regex(record["regex"]),
        *_lengths(record, "keywords", 50, 3),
        *_lengths(record, "ignoreWords", 10, 4),
        *([] if 1 <= distance <= 300 else ["maximumMatchDistance must be from 1 to 300"]),
    ]


def _check_allow_list(record: Record) -> list[str]:
    criteria = record["criteria"]
    if ("regex" in criteria) == ("s3WordsList" in criteria):
        return ["criteria must be either regex or s3WordsList"]
    return _regex(criteria["regex"]) if "regex" in criteria else []


IDENTIFIER = Kind("custom-data-identifier", "custom data identifier", {"maximumMatchDistance": 50}, _check_identifier)
ALLOW_LIST = Kind("allow-list", "allow list", {}, _check_allow_list)
FILTER = Kind("findings-filter", "findings filter", {"action": "NOOP", "position": 1}, lambda record: [])


def words(record: Record) -> list[str] | None:
    """The words of an allow list in S3, a line each; None if the object is not there.

    Args:
        record: The allow list.
    """
    place = record["criteria"]["s3WordsList"]
    found = s3._get_object_data(place["bucketName"], place["objectKey"])
    return None if found is None else [line.strip() for line in found.decode().splitlines() if line.strip()]


def _identifier(record: Record) -> Record:
    return {**record, "customDataIdentifierId": record["id"], "deleted": False}


def status(record: Record) -> str:
    """Whether an allow list can be used, as Macie puts it.

    Args:
        record: The allow list.
    """
    return "OK" if "regex" in record["criteria"] or words(record) is not None else "S3_OBJECT_NOT_FOUND"


def _allow_list(record: Record) -> Record:
    return {**record, "status": {"code": status(record)}}


def _operations(
    kind: Kind, name: str, listed: str, answer: Callable[[Record], Record]
) -> dict[str, Callable[[Record], Record]]:
    def delete(request: Record) -> Record:
        kind.delete(request["id"])
        return {}

    def list_all(request: Record) -> Record:
        found, token = page(list(kind.of(session()).values()), request)
        return {listed: found, **token}

    return {
        f"Create{name}": lambda request: answer(kind.create(request)),
        f"Get{name}": lambda request: answer(kind.get(session(), request["id"])),
        f"Update{name}": lambda request: kind.update(request["id"], request),
        f"Delete{name}": delete,
        f"List{name}s": list_all,
    }


def _tags(macie: Session, arn: str) -> dict[str, str]:
    kinds = (macie.jobs, *(kind.of(macie) for kind in (IDENTIFIER, ALLOW_LIST, FILTER)))
    found = next((one[arn.rsplit("/", 1)[-1]] for one in kinds if arn.rsplit("/", 1)[-1] in one), None)
    if found is None:
        raise Fault("ResourceNotFoundException", f"The resource {arn} does not exist.")
    tags: dict[str, str] = found.setdefault("tags", {})
    return tags


def _tag(request: Record) -> Record:
    _tags(session(), request["resourceArn"]).update(request["tags"])
    return {}


def _untag(request: Record) -> Record:
    for key in request["tagKeys"]:
        _tags(session(), request["resourceArn"]).pop(key, None)
    return {}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    **_operations(IDENTIFIER, "CustomDataIdentifier", "items", _identifier),
    **_operations(ALLOW_LIST, "AllowList", "allowLists", _allow_list),
    **_operations(FILTER, "FindingsFilter", "findingsFilterListItems", dict),
    "ListTagsForResource": lambda request: {"tags": _tags(session(), request["resourceArn"])},
    "TagResource": _tag,
    "UntagResource": _untag,
}
