"""What Amazon Macie would not take is refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import botocore.session
import pytest

from cdk_refarch.macie_to_eventbridge import discovery_checks, regex_checks
from cdk_refarch.macie_to_eventbridge.values import (
    AllowList,
    CustomDataIdentifier,
    MacieSession,
    Organization,
    ResultsExport,
)
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused, stack


def session(**arguments: Any) -> Call:
    return lambda: discovery_checks.check_session(checks, MacieSession(**arguments))


def organization(**arguments: Any) -> Organization:
    return Organization(**{"auto_enable_members": True, **arguments})


def export(**arguments: Any) -> Call:
    return lambda: discovery_checks.check_results_export(checks, stack, ResultsExport(**arguments))


def identifiers(wanted: Any) -> Call:
    return lambda: discovery_checks.check_custom_data_identifiers(checks, wanted)


def identifier(**arguments: Any) -> Call:
    return identifiers([CustomDataIdentifier(**{"id": "Staff", "regex": "EMP-[0-9]{6}", **arguments})])


def allow_lists(patterns: int, files: int, scope: cdk.Stack = stack) -> Call:
    wanted = [
        *(AllowList(id=f"Pattern{number}", regex="x") for number in range(patterns)),
        *(AllowList(id=f"File{number}", bucket=given.BUCKET, object_key="k") for number in range(files)),
    ]
    return lambda: discovery_checks.check_allow_lists(checks, scope, wanted)


def allow_list(**arguments: Any) -> Call:
    wanted = AllowList(**{"id": "Public", **arguments})
    return lambda: discovery_checks.check_allow_lists(checks, stack, [wanted])


LEAVE = "leave it out to leave the setting as it is"
NAME_ALONE = "write the name alone, as in 'team-data'"
NO_STAR = "write the names out: * has no meaning here"
ELSEWHERE = "must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region"
WORDS = "in other words or leave it out"

SESSIONS: list[Case] = [
    (
        session(existing="no"),
        "Session: existing must be True or False, got 'no'; give True where Macie is enabled already",
    ),
    (
        session(publishing_frequency="DAILY"),
        "Session: publishing_frequency must be one of FIFTEEN_MINUTES, ONE_HOUR, SIX_HOURS, got 'DAILY'; leave it out for "
        "every 15 minutes",
    ),
    (
        session(publishing_frequency="ONE_HOUR", existing=True),
        "Session: publishing_frequency and existing must be given one at a time, got both; drop it: who enabled Macie sets "
        "the frequency",
    ),
    (session(automated_discovery=1), f"Session: automated_discovery must be True or False, got 1; {LEAVE}"),
    (session(security_hub="no"), f"Session: security_hub must be True or False, got 'no'; {LEAVE}"),
    (
        session(excluded_buckets="logs"),
        "Session: excluded_buckets must be a list, got str 'logs'; give ['team-data', 'team-logs'], say",
    ),
    (
        session(excluded_buckets=["logs-*"]),
        f"Session: excluded_buckets must be a list of bucket names, got 'logs-*'; {NO_STAR}",
    ),
    (
        session(excluded_buckets=["log"], automated_discovery=False),
        "Session: excluded_buckets and automated_discovery must be given with automated discovery that is on, got "
        "automated_discovery=False; drop excluded_buckets: Macie keeps no such list while it is off",
    ),
    *(
        (
            session(excluded_buckets=[name]),
            f"Session: excluded_buckets must be a list of bucket names, got {name!r}; {NAME_ALONE}",
        )
        for name in ("ab", "a" * 64 + "/", "arn:aws:s3:::logs")
    ),
    (
        session(excluded_buckets=["logs", "logs"]),
        "Session: excluded_buckets must be a list without repetition, got 'logs' twice; drop one of them",
    ),
    (
        session(excluded_buckets=[f"bucket{number}" for number in range(1001)]),
        "Session: excluded_buckets must be a list of 0 to 1000 buckets, got a list of 1001; give ['team-data', 'team-logs'], "
        "say",
    ),
    (
        session(organization=True),
        "Session: organization must be an Organization, got bool True; give Organization(auto_enable_members=True), say",
    ),
    (
        session(organization=organization(auto_enable_members="ALL")),
        "Session: auto_enable_members must be True or False, got 'ALL'; give True for accounts that join",
    ),
    (
        session(organization=organization(discovery_members="all"), automated_discovery=True),
        f"Session: discovery_members must be one of ALL, NEW, NONE, got 'all'; {LEAVE}",
    ),
    (
        session(organization=organization(discovery_members="ALL")),
        "Session: discovery_members and automated_discovery must be given together, got discovery_members alone; add "
        "automated_discovery=True to MacieSession: the two are one setting",
    ),
    *(
        (
            session(organization=organization(discovery_members=members), automated_discovery=False),
            "Session: discovery_members and automated_discovery must be given with automated discovery that is on, unless for "
            f"no members, got '{members}' with automated_discovery=False; give 'NONE': what the administrator switches off is "
            "off for all members",
        )
        for members in ("ALL", "NEW")
    ),
]

FOLDER = "give 'macie/', say, or leave it out"
EXPORTS: list[Case] = [
    (export(enabled=0), "Results: enabled must be True or False, got 0; give False to leave the setting as it is"),
    *(
        (
            export(enabled=False, **{argument: value}),
            f"Results: {argument} and enabled must be given for results that are exported, got enabled=False; drop {argument}, "
            "or enabled=False",
        )
        for argument, value in (
            ("bucket", given.BUCKET),
            ("prefix", "a/"),
            ("access_log_bucket", given.BUCKET),
            ("infrequent_access_after_days", 30),
            ("expire_after_days", 1),
        )
    ),
    *(
        (
            export(bucket=given.BUCKET, **{argument: value}),
            f"Results: bucket and {argument} must be given one at a time, got both; set lifecycle rules and logging on the bucket "
            "itself",
        )
        for argument, value in (
            ("access_log_bucket", given.BUCKET),
            ("infrequent_access_after_days", 30),
            ("expire_after_days", 1),
        )
    ),
    (
        export(bucket="lake"),
        "Results: bucket must be an IBucket, got str 'lake'; give a construct that implements IBucket",
    ),
    (export(bucket=given.FAR_BUCKET), f"Results: bucket {ELSEWHERE}"),
    (
        export(bucket=given.ALIASED_BUCKET),
        "Results: key of bucket must be a key, got an alias; give the key itself, by kms.Key.from_key_arn or "
        "kms.Key.from_lookup",
    ),
    (export(access_log_bucket=given.FAR_BUCKET), f"Results: access_log_bucket {ELSEWHERE}"),
    (
        export(access_log_bucket=given.KEYED_BUCKET),
        "Results: access_log_bucket must be a bucket without a KMS key, got one with a key; use a bucket encrypted with "
        "S3-managed keys: access logs are not delivered to others",
    ),
    (export(prefix=None), f"Results: prefix must be text, got NoneType None; {FOLDER}"),
    (export(prefix="macie"), "Results: prefix must be a folder that ends with a slash, got 'macie'; write 'macie/'"),
    *(
        (
            export(prefix=prefix),
            f"Results: prefix must be a folder without a leading slash, control characters, *, ? and $, got {prefix!r}; {FOLDER}",
        )
        for prefix in ("/", "/macie/", "a*/", "${aws:userid}/", "a\n/")
    ),
    (
        export(prefix="ü" * 256 + "/"),
        "Results: length of prefix must be from 1 byte to 512 bytes, got 513 bytes; shorten it",
    ),
    (
        export(infrequent_access_after_days=29),
        "Results: infrequent_access_after_days must be from 30 days to 2147483647 days, got 29 days; leave it out to never "
        "move results",
    ),
    (
        export(infrequent_access_after_days=30, expire_after_days=30),
        "Results: expire_after_days must be from 31 days to 2147483647 days when infrequent_access_after_days is 30, got 30 "
        "days; raise it or drop the move",
    ),
    (
        export(expire_after_days=0),
        "Results: expire_after_days must be from 1 day to 2147483647 days, got 0 days; leave it out to keep results",
    ),
    (
        export(expire_after_days="90"),
        "Results: expire_after_days must be from 1 day to 2147483647 days, got str '90'; leave it out to keep results",
    ),
]

PATTERN = "give a pattern such as 'EMP-[0-9]{6}'"


def unsupported(regex: str, what: str, remedy: str) -> Case:
    return identifier(
        regex=regex
    ), f"Staff: regex must be free of {what}, which Amazon Macie does not have, got {regex!r}; {remedy}"


STAFF = CustomDataIdentifier(id="Staff", regex="x")
IDENTIFIERS: list[Case] = [
    (
        identifiers(STAFF),
        "custom_data_identifiers must be a list, got one CustomDataIdentifier; put brackets around it",
    ),
    (
        identifiers(["x"]),
        "each of custom_data_identifiers must be a CustomDataIdentifier, got str 'x'; give CustomDataIdentifier(...)",
    ),
    (
        identifiers([STAFF, STAFF]),
        "custom_data_identifiers must be a list with distinct ids, got 'Staff' twice; give one of them another id",
    ),
    *(
        (
            identifier(id=id),
            f"id must be a PascalCase word of 1 to 128 letters and digits, got {id!r}; call it PublicData, say",
        )
        for id in ("staff", "Staff-Id", "", "S" * 100 + "é")
    ),
    (
        identifier(id="Default"),
        "id must be one without a meaning of its own in the CDK, got 'Default'; call it PublicData, say",
    ),
    (identifier(id=given.LATER), "id must be known when the app runs, got a token; call it PublicData, say"),
    (identifier(regex=""), f"Staff: regex must be text that is not empty, got ''; {PATTERN}"),
    (identifier(regex=7), f"Staff: regex must be text, got int 7; {PATTERN}"),
    (
        identifier(regex="x" * 513),
        f"Staff: regex must be from 1 to 512 characters long, got 513 characters in '{'x' * 101}...; {PATTERN}",
    ),
    *(
        unsupported(regex, "look-around", "put what must stand before it into keywords")
        for regex in ("(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b")
    ),
    *(
        unsupported(regex, "back-references", "write the text out a second time")
        for regex in (r"(a)\1", r"(?<n>a)\k<n>", r"(a)\g{1}", "(?P<n>a)(?P=n)")
    ),
    *(
        unsupported(regex, "flags", "write [Aa] where the case does not matter")
        for regex in ("(?i)emp", "(?i:emp)", "a(?-s)b", "(?^)a", "/emp/i")
    ),
    unsupported("(a)?(?(1)b|c)", "conditions", "write the alternatives with |"),
    *(unsupported(regex, "recursion", "write the nesting out") for regex in ("a(?R)?b", "(a(?1)?b)", "(?<n>a)(?&n)")),
    *(unsupported(regex, "embedded code", "drop it") for regex in ("a(?{1})", "a(??{1})")),
    *(
        (identifier(regex=regex), f"Staff: regex must be a pattern with matching brackets, got {regex!r}; {remedy}")
        for regex, remedy in (
            ("(EMP", r"close ( or write \( for the character"),
            ("EMP)", r"open ( or write \) for the character"),
            ("EMP[0-9", r"close [ or write \[ for the character"),
            (r"([(]\(", r"close ( or write \( for the character"),
        )
    ),
    *(
        (
            identifier(regex=regex),
            f"Staff: regex must be a pattern that does not match empty text, got {regex!r}; let it ask for at least one "
            "character, by + in the place of *, say",
        )
        for regex in ("[0-9]*", "a?", "^$", "a|")
    ),
    (identifier(keywords="staff"), "Staff: keywords must be a list, got str 'staff'; give ['employee', 'staff'], say"),
    (
        identifier(keywords=[f"word{n}" for n in range(51)]),
        "Staff: keywords must be a list of 0 to 50 words, got a list of 51; give ['employee', 'staff'], say",
    ),
    *(
        (
            identifier(**{argument: ["w" * length]}),
            f"Staff: {argument} must be from {low} to 90 characters long, got {length} characters in '{'w' * length}'; leave out "
            "what is shorter or longer",
        )
        for argument, low, length in (
            ("keywords", 3, 2),
            ("keywords", 3, 91),
            ("ignore_words", 4, 3),
            ("ignore_words", 4, 91),
        )
    ),
    (
        identifier(ignore_words=[f"word{n}" for n in range(11)]),
        "Staff: ignore_words must be a list of 0 to 10 words, got a list of 11; give ['employee', 'staff'], say",
    ),
    *(
        (
            identifier(keywords=["staff"], maximum_match_distance=distance),
            f"Staff: maximum_match_distance must be from 1 character to 300 characters, got {shown}; leave it out for 50 "
            "characters",
        )
        for distance, shown in ((0, "0 characters"), (301, "301 characters"), (True, "bool True"))
    ),
    (
        identifier(maximum_match_distance=10),
        "Staff: maximum_match_distance and keywords must be given together, got maximum_match_distance alone; add keywords: "
        "it is the distance from them",
    ),
    (identifier(description=""), f"Staff: description must be text that is not empty, got ''; say it {WORDS}"),
    (
        identifier(description="d" * 513),
        f"Staff: description must be from 1 to 512 characters long, got 513 characters in '{'d' * 101}...; say it {WORDS}",
    ),
]

OSAKA = cdk.Stack(cdk.App(), "Osaka", env=cdk.Environment(account="111122223333", region="ap-northeast-3"))
TWO_LISTS = "make two lists of text and patterns"
BOTH = "name the file of words by both"
LISTS: list[Case] = [
    (
        lambda: discovery_checks.check_allow_lists(checks, stack, AllowList(id="A")),  # type: ignore[arg-type]
        "allow_lists must be a list, got one AllowList; put brackets around it",
    ),
    (
        allow_lists(6, 0),
        "allow_lists must be a list of at most 5 with regex, got 6 of them; put several patterns or words into one list",
    ),
    (
        allow_lists(5, 6),
        "allow_lists must be a list of at most 5 with bucket, got 6 of them; put several patterns or words into one list",
    ),
    (
        allow_lists(1, 0, OSAKA),
        "allow_lists must be empty where Macie has none, got ap-northeast-3; drop them in this region",
    ),
    (allow_list(), f"Public: regex and bucket must be given one at a time, got neither; {TWO_LISTS}"),
    (
        allow_list(regex="x", bucket=given.BUCKET, object_key="k"),
        f"Public: regex and bucket must be given one at a time, got both; {TWO_LISTS}",
    ),
    (
        allow_list(bucket=given.BUCKET),
        f"Public: bucket and object_key must be given together, got bucket alone; {BOTH}",
    ),
    (
        allow_list(regex="x", object_key="k"),
        f"Public: bucket and object_key must be given together, got object_key alone; {BOTH}",
    ),
    (
        allow_list(regex="x*"),
        "Public: regex must be a pattern that does not match empty text, got 'x*'; let it ask for at least one character, by + in the place of *, say",
    ),
    (allow_list(bucket=given.FAR_BUCKET, object_key="k"), f"Public: bucket {ELSEWHERE}"),
    (
        allow_list(bucket="words", object_key="k"),
        "Public: bucket must be an IBucket, got str 'words'; give a construct that implements IBucket",
    ),
    (
        allow_list(bucket=given.BUCKET, object_key="k" * 1025),
        f"Public: object_key must be from 1 to 1024 characters long, got 1025 characters in '{'k' * 100}...; give 'macie/words.txt', say",
    ),
    (
        allow_list(regex="x", description="d" * 513),
        f"Public: description must be from 1 to 512 characters long, got 513 characters in '{'d' * 101}...; say it {WORDS}",
    ),
]

ALL = [*SESSIONS, *EXPORTS, *IDENTIFIERS, *LISTS]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    session(),
    session(existing=True),
    *(session(publishing_frequency=often) for often in ("FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS", given.LATER)),
    session(automated_discovery=False, security_hub=True, organization=organization(discovery_members="NONE")),
    session(existing=True, automated_discovery=True, organization=organization(discovery_members="ALL")),
    session(organization=organization(auto_enable_members=False)),
    session(excluded_buckets=["abc", "a" * 63, "old.Name_1", "n" * 255, given.LATER]),
    session(excluded_buckets=[f"bucket{number}" for number in range(1000)]),
    session(excluded_buckets=given.LATER_LIST, automated_discovery=True),
    export(),
    export(enabled=False),
    export(bucket=given.BUCKET, prefix="macie/results/"),
    export(prefix="p" * 511 + "/"),
    export(prefix=given.LATER, expire_after_days=given.LATER_NUMBER),
    export(access_log_bucket=given.BUCKET, infrequent_access_after_days=30, expire_after_days=31),
    export(infrequent_access_after_days=given.LATER_NUMBER, expire_after_days=1),
    export(expire_after_days=2147483647),
    identifiers([]),
    identifiers(()),
    identifier(id="S"),
    identifier(id="S" * 128),
    *(
        identifier(regex=regex)
        for regex in (
            *("x", "x" * 512, given.LATER, r"(?:EMP|CON)-\d{6}", "(EMP)-[0-9]+", r"\(?\d{3}\)?", "[(]a[)]", "[]()]a"),
            # PCRE has these, and Python has not, or not in this way.
            *(
                r"\Q(a\E",
                "[[:alpha:](]+x",
                r"\p{Lu}{2}\d",
                r"\d++(?>a)",
                "(?#comment (not a group)a",
                r"[\1]a",
                "a(?|b|c)",
            ),
        )
    ),
    identifier(keywords=["sta", "s" * 90], ignore_words=["none", "n" * 90], maximum_match_distance=1),
    identifier(keywords=[f"word{n}" for n in range(50)], maximum_match_distance=300),
    identifier(ignore_words=[f"word{n}" for n in range(10)], description="d" * 512),
    identifier(keywords=given.LATER_LIST, maximum_match_distance=given.LATER_NUMBER, description=given.LATER),
    allow_lists(5, 5),
    allow_lists(0, 0, OSAKA),
    allow_lists(1, 0, given.anywhere),
    allow_list(regex="EMP-000000"),
    allow_list(bucket=given.BUCKET, object_key="k" * 1024, description="d"),
    allow_list(bucket=given.BUCKET, object_key=given.LATER),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def test_limits_are_those_of_the_api() -> None:
    shapes = botocore.session.get_session().get_service_model("macie2")
    request = shapes.operation_model("CreateCustomDataIdentifier").input_shape
    assert request is not None
    documented = {name: member.documentation for name, member in request.members.items()}
    assert f"as many as {regex_checks.MAX_REGEX} characters" in documented["regex"]
    assert f"as many as {discovery_checks.MAX_KEYWORDS} keywords" in documented["keywords"]
    assert f"as many as {discovery_checks.MAX_IGNORE_WORDS} ignore words" in documented["ignoreWords"]
    assert f"1-{discovery_checks.MAX_DISTANCE} characters" in documented["maximumMatchDistance"]
    assert f"as many as {discovery_checks.MAX_NAME} characters" in documented["name"]
    assert f"as many as {discovery_checks.MAX_DESCRIPTION} characters" in documented["description"]
