"""Jobs that Amazon Macie would not take, and rules that no finding meets, are refused before anything exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StringShape, StructureShape

from cdk_refarch.macie_to_eventbridge import criteria_checks, discovery_checks, job_checks
from cdk_refarch.macie_to_eventbridge.values import (
    AllowList,
    BucketCriteria,
    ClassificationJob,
    CustomDataIdentifier,
    SuppressionRule,
)
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused


def suppression(criteria: Any, **arguments: Any) -> Call:
    wanted = SuppressionRule(**{"id": "Scratch", "criteria": criteria, **arguments})
    return lambda: discovery_checks.check_suppression_rules(checks, [wanted])


def job(own: int = 1, lists: int = 1, **arguments: Any) -> Call:
    """Return the check of a job among so many identifiers and allow lists, called I0, I1 ... and A0, A1 ..."""
    identifiers = [CustomDataIdentifier(id=f"I{number}", regex="x") for number in range(own)]
    allow_lists = [AllowList(id=f"A{number}", regex="x") for number in range(lists)]
    place: dict[str, Any] = {} if {"buckets", "bucket_criteria"} & arguments.keys() else {"buckets": ["team-data"]}
    wanted = ClassificationJob(**{"id": "Weekly", **place, **arguments})
    return lambda: discovery_checks.check_jobs(checks, [wanted], identifiers, allow_lists)


def found(**arguments: Any) -> Call:
    return job(bucket_criteria=BucketCriteria(**arguments))


FIELDS = "see https://docs.aws.amazon.com/macie/latest/user/findings-filter-fields.html"
SOME = "give {'resourcesAffected.s3Bucket.name': ['scratch']}, say"
VALUES = f"give from 1 to 50 texts; {FIELDS}"

SUPPRESSED: list[Case] = [
    *(
        (
            suppression({"category": ["POLICY"]}, id=id),
            f"id must be a PascalCase word of 3 to 64 letters and digits, got {id!r}; call it PublicData, say",
        )
        for id in ("Ab", "A" * 65)
    ),
    (
        suppression({}),
        f"Scratch: criteria must be a mapping of fields to values, got an empty one, which all findings meet; {SOME}",
    ),
    (suppression(["x"]), f"Scratch: criteria must be a mapping of fields to values, got list ['x']; {SOME}"),
    (suppression({7: ["x"]}), f"Scratch: criteria must be text, got int 7; {SOME}"),
    (
        suppression({"severity": ["Low"]}),
        f"Scratch: criteria must be a mapping of fields of findings, got 'severity'; {FIELDS}",
    ),
    (
        suppression({"s3Bucket.name": ["a"]}),
        "Scratch: criteria must be a mapping of fields of findings, got 's3Bucket.name'; did you mean "
        "'resourcesAffected.s3Bucket.name'?",
    ),
    (
        suppression({"resourcesAffected.s3bucket.nam": ["a"]}),
        "Scratch: criteria must be a mapping of fields of findings, got 'resourcesAffected.s3bucket.nam'; did you mean "
        "'resourcesAffected.s3Bucket.name'?",
    ),
    (suppression({"accountId": "1"}), f"Scratch: criteria['accountId'] must be a list, got str '1'; {VALUES}"),
    (
        suppression({"accountId": []}),
        f"Scratch: criteria['accountId'] must be a list of 1 to 50 values, got a list of 0; {VALUES}",
    ),
    (
        suppression({"accountId": [str(n) for n in range(51)]}),
        f"Scratch: criteria['accountId'] must be a list of 1 to 50 values, got a list of 51; {VALUES}",
    ),
    (suppression({"accountId": [1]}), f"Scratch: criteria['accountId'] must be text, got int 1; {VALUES}"),
    (
        suppression({"accountId": [" "]}),
        f"Scratch: criteria['accountId'] must be text that is not empty, got ' '; {VALUES}",
    ),
    (
        suppression({"severity.description": ["LOW"]}),
        "Scratch: criteria['severity.description'] must be one of Low, Medium, High, got 'LOW'; did you mean 'Low'?",
    ),
    (
        suppression({"severity.description": ["Critical"]}),
        f"Scratch: criteria['severity.description'] must be one of Low, Medium, High, got 'Critical'; {FIELDS}",
    ),
    (
        suppression({"type": ["S3BucketPublic"]}),
        "Scratch: criteria['type'] must be a type of finding, got 'S3BucketPublic'; did you mean "
        "'Policy:IAMUser/S3BucketPublic'?",
    ),
    (
        suppression({"sample": ["True"]}),
        "Scratch: criteria['sample'] must be one of true, false, got 'True'; did you mean 'true'?",
    ),
    (
        suppression({"resourcesAffected.s3Bucket.name": ["scratch-*"]}),
        "Scratch: criteria['resourcesAffected.s3Bucket.name'] must be a list of bucket names, got 'scratch-*'; write the names "
        "out: * has no meaning here",
    ),
    (
        suppression({"category": ["POLICY"]}, description="d" * 513),
        f"Scratch: description must be from 1 to 512 characters long, got 513 characters in '{'d' * 101}...; say it in other "
        "words or leave it out",
    ),
]

PLACE = "give buckets=['team-data'] or BucketCriteria(...)"
TAG = "give {'data-class': 'personal'}, say"
ACCOUNT = "give ['111122223333'], say"
BUCKETS: list[Case] = [
    (job(buckets=()), f"Weekly: buckets and bucket_criteria must be given one at a time, got neither; {PLACE}"),
    (
        job(buckets=["team-data"], bucket_criteria=BucketCriteria()),
        f"Weekly: buckets and bucket_criteria must be given one at a time, got both; {PLACE}",
    ),
    (job(buckets="team"), "Weekly: buckets must be a list, got str 'team'; give ['team-data', 'team-logs'], say"),
    (
        job(buckets=[f"bucket{n}" for n in range(1001)]),
        "Weekly: buckets must be a list of 0 to 1000 buckets, got a list of 1001; give ['team-data', 'team-logs'], say",
    ),
    (
        job(buckets=["team-*"]),
        "Weekly: buckets must be a list of bucket names, got 'team-*'; write the names out: * has no meaning here",
    ),
    (
        job(bucket_criteria={"tags": {}}),
        "Weekly: bucket_criteria must be a BucketCriteria, got dict {'tags': {}}; give BucketCriteria(tags={'data-class': "
        "'personal'}), say",
    ),
    (found(accounts=["1"]), f"Weekly: accounts must be a list of account ids of 12 digits, got '1'; {ACCOUNT}"),
    (found(accounts="1" * 12), f"Weekly: accounts must be a list, got str '111111111111'; {ACCOUNT}"),
    (
        found(access=["public"]),
        "Weekly: access must be a list of NOT_PUBLIC, PUBLIC, UNKNOWN, got 'public'; did you mean 'PUBLIC'?",
    ),
    (
        found(shared=["ALL"]),
        "Weekly: shared must be a list of EXTERNAL, INTERNAL, NOT_SHARED, UNKNOWN, got 'ALL'; leave it out, or give from "
        "EXTERNAL, INTERNAL, NOT_SHARED, UNKNOWN",
    ),
    (found(tags=["a"]), f"Weekly: tags must be a mapping, got list ['a']; {TAG}"),
    (found(tags={}), f"Weekly: tags must be a mapping of 1 to 50 tags, got 0 tags; {TAG}"),
    (
        found(tags={str(n): "" for n in range(51)}),
        f"Weekly: tags must be a mapping of 1 to 50 tags, got 51 tags; {TAG}",
    ),
    (
        found(tags={"k" * 129: "v"}),
        f"Weekly: tags must be from 1 to 128 characters long, got 129 characters in '{'k' * 101}...; {TAG}",
    ),
    (
        found(tags={"k": "v" * 257}),
        f"Weekly: tags['k'] must be from 1 to 256 characters long, got 257 characters in '{'v' * 101}...; {TAG}",
    ),
    (found(tags={"k": 1}), f"Weekly: tags['k'] must be text, got int 1; {TAG}"),
    (
        found(excluded_buckets=[f"bucket{n}" for n in range(1001)]),
        "Weekly: excluded_buckets must be a list of 0 to 1000 buckets, got a list of 1001; give ['team-data', 'team-logs'], "
        "say",
    ),
    (
        found(excluded_buckets=["team-*"]),
        "Weekly: excluded_buckets must be a list of bucket names, got 'team-*'; write the names out: * has no meaning here",
    ),
]

DAYS = "one of DAILY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY, or a number from 1 to 31"
MONTH = "from 1 day of the month to 31 day of the month"
ALL_OBJECTS = "give 100 to read all objects"
THERE = "give ids that the construct has, or leave it out for all"
JOBS: list[Case] = [
    (
        job(id="weekly"),
        "id must be a PascalCase word of 1 to 500 letters and digits, got 'weekly'; call it PublicData, say",
    ),
    (
        job(initial_run="yes"),
        "Weekly: initial_run must be True or False, got 'yes'; give True to begin with all that is there",
    ),
    (
        job(initial_run=True),
        "Weekly: initial_run and schedule must be given together, got initial_run alone; drop initial_run: a job without a "
        "schedule reads all that is there anyway",
    ),
    (job(schedule="daily"), f"Weekly: schedule must be {DAYS}, got str 'daily'; did you mean 'DAILY'?"),
    (job(schedule="HOURLY"), f"Weekly: schedule must be {DAYS}, got str 'HOURLY'; leave it out to read once"),
    (job(schedule="15"), f"Weekly: schedule must be {DAYS}, got str '15'; give the number 15 for a day of the month"),
    *(
        (
            job(schedule=day),
            f"Weekly: schedule must be from day 1 to day 31 of the month, got {shown}; give a day that months have",
        )
        for day, shown in ((0, "0"), (32, "32"), (True, "True"), (1.5, "1.5"))
    ),
    *(
        (
            job(sampling_percentage=part),
            f"Weekly: sampling_percentage must be from 1 % to 100 %, got {shown}; {ALL_OBJECTS}",
        )
        for part, shown in ((0, "0 %"), (101, "101 %"), (None, "NoneType None"), ("50", "str '50'"))
    ),
    (job(object_prefixes="a/"), "Weekly: object_prefixes must be a list, got str 'a/'; give ['exports/2026/'], say"),
    (
        job(object_prefixes=[""]),
        "Weekly: object_prefixes must be text that is not empty, got ''; give ['exports/2026/'], say",
    ),
    (
        job(object_prefixes=["k" * 1025]),
        f"Weekly: object_prefixes must be from 1 to 1024 characters long, got 1025 characters in '{'k' * 100}...; give "
        "['exports/2026/'], say",
    ),
    (
        job(custom_data_identifiers=["Staff"]),
        "Weekly: custom_data_identifiers must be a list of ids of custom_data_identifiers of the construct, got 'Staff'; there "
        "are I0",
    ),
    (
        job(0, custom_data_identifiers=["Staff"]),
        "Weekly: custom_data_identifiers must be a list of ids of custom_data_identifiers of the construct, got 'Staff'; there "
        "are none",
    ),
    (
        job(custom_data_identifiers=["i0"]),
        "Weekly: custom_data_identifiers must be a list of ids of custom_data_identifiers of the construct, got 'i0'; did you "
        "mean 'I0'?",
    ),
    (job(custom_data_identifiers="I0"), f"Weekly: custom_data_identifiers must be a list, got str 'I0'; {THERE}"),
    (
        job(custom_data_identifiers=[given.LATER]),
        f"Weekly: custom_data_identifiers must be known when the app runs, got a token; {THERE}",
    ),
    (
        job(31, custom_data_identifiers=[f"I{n}" for n in range(31)]),
        f"Weekly: custom_data_identifiers must be a list of 0 to 30 ids, got a list of 31; {THERE}",
    ),
    (
        job(31),
        "Weekly: custom_data_identifiers must be a list of at most 30 ids when the construct has more, got None for all 31; "
        "name those that the job uses",
    ),
    (
        job(allow_lists=["Public"]),
        "Weekly: allow_lists must be a list of ids of allow_lists of the construct, got 'Public'; there are A0",
    ),
    (
        job(lists=11),
        "Weekly: allow_lists must be a list of at most 10 ids when the construct has more, got None for all 11; name those "
        "that the job uses",
    ),
    (
        job(lists=11, allow_lists=[f"A{n}" for n in range(11)]),
        f"Weekly: allow_lists must be a list of 0 to 10 ids, got a list of 11; {THERE}",
    ),
    (
        job(managed_data_identifiers="EXCLUDE"),
        "Weekly: managed_data_identifiers must be one of RECOMMENDED, ALL, NONE, got 'EXCLUDE'; write it in capitals",
    ),
    *(
        (
            call,
            "Weekly: managed_data_identifiers and custom_data_identifiers must be given so that the job looks for something, got "
            "'NONE' without an identifier of your own; add a CustomDataIdentifier or drop managed_data_identifiers",
        )
        for call in (
            job(0, managed_data_identifiers="NONE"),
            job(managed_data_identifiers="NONE", custom_data_identifiers=[]),
        )
    ),
    (
        job(description="d" * 201),
        f"Weekly: description must be from 1 to 200 characters long, got 201 characters in '{'d' * 101}...; say it in other "
        "words or leave it out",
    ),
]

ALL = [*SUPPRESSED, *BUCKETS, *JOBS]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    suppression({"category": ["POLICY"]}, id="Abc", description="d" * 512),
    suppression({"category": ["POLICY"]}, id="A" * 64),
    suppression(
        {"resourcesAffected.s3Bucket.name": ["scratch", given.LATER], "severity.description": ["Low", "Medium"]}
    ),
    suppression({"accountId": [str(n) for n in range(50)], "sample": ["true"]}),
    suppression({"resourcesAffected.s3Bucket.tags.key": given.LATER_LIST, "type": [given.LATER]}),
    job(buckets=[f"bucket{n}" for n in range(1000)]),
    job(buckets=given.LATER_LIST),
    found(),
    found(
        accounts=["111122223333"], access=["PUBLIC"], shared=["EXTERNAL", "INTERNAL"], excluded_buckets=["team-logs"]
    ),
    found(excluded_buckets=[f"bucket{n}" for n in range(1000)]),
    found(tags={str(n): "" for n in range(50)}),
    found(tags={"k" * 128: "v" * 256, "later": given.LATER}),
    *(job(schedule=when, initial_run=True) for when in ("DAILY", "SUNDAY", 1, 31, given.LATER, given.LATER_NUMBER)),
    job(sampling_percentage=1, object_prefixes=["k" * 1024]),
    job(sampling_percentage=given.LATER_NUMBER, object_prefixes=given.LATER_LIST),
    job(31, custom_data_identifiers=[f"I{n}" for n in range(30)]),
    job(30, 10),
    job(0, 0),
    job(lists=11, allow_lists=[]),
    job(managed_data_identifiers="NONE"),
    job(0, managed_data_identifiers="ALL", description="d" * 200),
    job(id="J" * 500),
    lambda: discovery_checks.check_jobs(checks, [], [], []),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def _leaves(shape: Shape, path: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield from _leaves(member, f"{path}.{name}".lstrip("."))
    elif isinstance(shape, ListShape):
        yield from _leaves(shape.member, path)
    else:
        yield path, tuple(shape.enum) if isinstance(shape, StringShape) else ()


def test_fields_and_values_are_those_of_the_findings_of_the_api() -> None:
    model = botocore.session.get_session().get_service_model("macie2")
    known = dict(_leaves(model.shape_for("Finding")))
    assert known.keys() >= criteria_checks.FIELDS
    values = {field: set(criteria_checks.VALUES[field]) for field in criteria_checks.VALUES}
    assert {field: set(known[field]) for field in values if known[field]} == {
        field: found for field, found in values.items() if field not in criteria_checks.FLAGS
    }


def test_limits_are_those_of_the_api() -> None:
    model = botocore.session.get_session().get_service_model("macie2")
    request = model.operation_model("CreateClassificationJob").input_shape
    assert request is not None
    assert f"as many as {job_checks.MAX_DESCRIPTION} characters" in request.members["description"].documentation
    assert f"as many as {discovery_checks.MAX_JOB_NAME} characters" in request.members["name"].documentation
    access, shared = model.shape_for("EffectivePermission"), model.shape_for("SharedAccess")
    assert isinstance(access, StringShape)
    assert isinstance(shared, StringShape)
    assert (set(access.enum), set(shared.enum)) == (set(job_checks.ACCESS), set(job_checks.SHARED))


def test_rejects_more_jobs_than_the_log_of_jobs_has_filters() -> None:
    jobs = [ClassificationJob(id=f"J{number}", buckets=["team-data"]) for number in range(101)]
    discovery_checks.check_jobs(checks, jobs[:100], [], [])
    refused(
        lambda: discovery_checks.check_jobs(checks, jobs, [], []),
        "jobs must be a list of at most 100 jobs, got 101 jobs; use BucketCriteria to read many buckets in one job",
    )
