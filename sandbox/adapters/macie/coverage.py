"""Which buckets a job reads, which of their objects, and what is looked for in them.

Of bucket criteria there are the account, the name and tags; of scopes the key, the extension, size and tags. A sample
of objects is chosen by their keys, the same at every run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from zlib import crc32

from ministack.services import s3

from . import library
from .detector import MANAGED, Look, Managed, format_of
from .state import Fault, Record, Session

_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "EQ": lambda value, wanted: value == wanted,
    "NE": lambda value, wanted: value != wanted,
    "STARTS_WITH": lambda value, wanted: value.startswith(wanted),
    "CONTAINS": lambda value, wanted: wanted in value,
    "GT": lambda value, wanted: float(value) > float(wanted),
    "GTE": lambda value, wanted: float(value) >= float(wanted),
    "LT": lambda value, wanted: float(value) < float(wanted),
    "LTE": lambda value, wanted: float(value) <= float(wanted),
}
_KNOWN = ("ACCOUNT_ID", "S3_BUCKET_NAME", "OBJECT_KEY", "OBJECT_EXTENSION", "OBJECT_SIZE")


def check(definition: Record) -> None:
    """Refuse criteria and scopes that the sandbox lacks.

    Args:
        definition: The job's ``s3JobDefinition``.

    Raises:
        Fault: If there are some.
    """
    parts = (definition.get("bucketCriteria") or {}, definition.get("scoping") or {})
    for block in (part.get(side) or {} for part in parts for side in ("includes", "excludes")):
        for one in block.get("and") or []:
            simple = one.get("simpleCriterion") or one.get("simpleScopeTerm") or {}
            if simple.get("key", _KNOWN[0]) not in _KNOWN:
                raise Fault("NotImplementedException", f"the sandbox has no criterion {simple['key']} for jobs")


def buckets(macie: Session, definition: Record) -> list[str]:
    """The buckets that a job reads, also those that are not there.

    Args:
        macie: Macie.
        definition: The job's ``s3JobDefinition``.
    """
    if definition.get("bucketDefinitions"):
        return [name for one in definition["bucketDefinitions"] for name in one["buckets"]]
    criteria = definition.get("bucketCriteria") or {}

    def facts(name: str) -> dict[str, str]:
        return {"ACCOUNT_ID": macie.account, "S3_BUCKET_NAME": name}

    return [
        name
        for name in s3._buckets
        if name != macie.export.get("bucketName") and _within(criteria, facts(name), s3._bucket_tags.get(name) or {})
    ]


def reads(definition: Record, percentage: int, bucket: str, key: str, record: Record) -> bool:
    """Whether a job reads an object of its buckets.

    Args:
        definition: The job's ``s3JobDefinition``.
        percentage: How many of the objects it reads.
        bucket: The bucket.
        key: The object's key.
        record: MiniStack's record of it.
    """
    facts = {"OBJECT_KEY": f"{bucket}/{key}", "OBJECT_EXTENSION": format_of(key), "OBJECT_SIZE": str(record["size"])}
    tags = s3._object_tags.get((bucket, key, record.get("version_id"))) or {}
    return crc32(key.encode()) % 100 < percentage and _within(definition.get("scoping") or {}, facts, tags)


def _within(criteria: Record, facts: dict[str, str], tags: dict[str, str]) -> bool:
    """Whether all conditions of ``includes`` hold, and not all of ``excludes``."""

    def holds(one: Record) -> bool:
        simple = one.get("simpleCriterion") or one.get("simpleScopeTerm")
        if simple:
            tests = [_COMPARE[simple.get("comparator", "EQ")](facts[simple["key"]], text) for text in simple["values"]]
            return all(tests) if simple.get("comparator") == "NE" else any(tests)
        wanted = one.get("tagCriterion") or one.get("tagScopeTerm") or {}
        found = [
            tag.get("key") in tags and tag.get("value", tags[tag["key"]]) == tags[tag["key"]]
            for tag in wanted.get("tagValues") or []
        ]
        return not any(found) if wanted.get("comparator") == "NE" else any(found)

    includes = (criteria.get("includes") or {}).get("and") or []
    excludes = (criteria.get("excludes") or {}).get("and") or []
    return all(map(holds, includes)) and not (excludes and all(map(holds, excludes)))


def look_of_job(macie: Session, job: Record) -> Look:
    """What a job looks for.

    Args:
        macie: Macie.
        job: The job.
    """
    selector, named = job.get("managedDataIdentifierSelector", "RECOMMENDED"), job.get("managedDataIdentifierIds") or []
    chosen: dict[str, list[Managed]] = {
        "NONE": [],
        "INCLUDE": [one for one in MANAGED if one.id in named],
        "EXCLUDE": [one for one in MANAGED if one.id not in named],
    }
    managed = chosen.get(selector, list(MANAGED))
    return _look(macie, managed, job.get("customDataIdentifierIds") or [], job.get("allowListIds") or [])


def look_of_discovery(macie: Session) -> Look:
    """What automated discovery looks for: as its inspection template says, which names no custom identifiers at first.

    Args:
        macie: Macie.
    """
    includes, excludes = macie.template.get("includes") or {}, macie.template.get("excludes") or {}
    managed = [one for one in MANAGED if one.id not in (excludes.get("managedDataIdentifierIds") or [])]
    return _look(macie, managed, includes.get("customDataIdentifierIds") or [], includes.get("allowListIds") or [])


def _look(macie: Session, managed: list[Managed], custom: Iterable[str], lists: Iterable[str]) -> Look:
    known = [macie.custom_data_identifiers[id] for id in custom if id in macie.custom_data_identifiers]
    patterns: list[re.Pattern[str]] = []
    texts: set[str] = set()
    for record in (macie.allow_lists[id] for id in lists if id in macie.allow_lists):
        if "regex" in record["criteria"]:
            patterns.append(re.compile(record["criteria"]["regex"]))
        else:
            texts.update(word.lower() for word in library.words(record) or [])

    def allowed(text: str) -> bool:
        return text.lower() in texts or any(pattern.search(text) for pattern in patterns)

    return Look(managed, known, allowed)
