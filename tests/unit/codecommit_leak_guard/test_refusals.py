"""What is watched, and how, is refused before anything exists where it would be of no effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import botocore.session
import pytest

from cdk_refarch import CodeCommitLeakGuard
from cdk_refarch.codecommit_leak_guard.argument_checks import MAX_KEYS, MAX_REPOSITORIES, WITHOUT_CODECOMMIT
from tests.unit import refusals as given
from tests.unit.codecommit_leak_guard import refusals as own
from tests.unit.codecommit_leak_guard.refusals import guard, keys, repositories, repository
from tests.unit.refusals import Call, Case, names, refused

NO_CODECOMMIT = "region of the stack must be one that has AWS CodeCommit, got"


def in_region(region: str, **arguments: Any) -> Call:
    def make() -> object:
        scope = cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(region=region))
        return CodeCommitLeakGuard(scope, "Tested", **arguments)

    return make


def too_many(delivery: Any) -> Case:
    most = MAX_REPOSITORIES[delivery]
    remedy = "leave it out for all of the account and region" if delivery == "eventbridge" else "leave delivery out"
    return (
        guard(repositories=repositories(most + 1), delivery=delivery),
        f"repositories must be a list of 1 to {most} repositories, got a list of {most + 1}; give some, or {remedy}",
    )


REGIONS: list[Case] = [
    (in_region(region, encryption_key="no key"), f"{NO_CODECOMMIT} {region}; leave it out of this region")
    for region in ("us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1", "ca-west-1", "mx-central-1")
]

WATCHED: list[Case] = [
    (
        guard(delivery="Event-Bridge"),
        "delivery must be one of eventbridge, trigger, got 'Event-Bridge'; write 'eventbridge'",
    ),
    (
        guard(delivery="poll"),
        "delivery must be one of eventbridge, trigger, got 'poll'; leave it out for EventBridge, or give 'trigger'",
    ),
    (
        guard(delivery=given.LATER),
        "delivery must be known when the app runs, got a token; leave it out for EventBridge, or give 'trigger'",
    ),
    (
        guard(delivery="trigger"),
        "repositories and delivery must be given together for triggers, got triggers alone; give the repositories, or "
        "leave delivery out",
    ),
    (
        guard(repositories="shop"),
        "repositories must be a list, got str 'shop'; give some, or leave it out for all of the account and region",
    ),
    (
        guard(repositories=[]),
        "repositories must be a list of 1 to 50 repositories, got a list of 0; give some, or leave it out for all of "
        "the account and region",
    ),
    too_many("eventbridge"),
    too_many("trigger"),
    (
        guard(repositories=["shop"]),
        "each of repositories must be an IRepository, got str 'shop'; give a construct that implements IRepository",
    ),
    (
        guard(repositories=[None]),
        "each of repositories must be an IRepository, got NoneType None; give a construct that implements IRepository",
    ),
    (guard(repositories=[own.FAR]), f"each of repositories {given.ELSEWHERE}"),
    (
        guard(repositories=[own.OTHERS]),
        f"each of repositories {given.OTHER_ACCOUNT}; put a guard into the account of the repository",
    ),
    (
        guard(repositories=[own.REPOSITORY, own.SAME]),
        "repositories must be a list without repetition, got 'shop' twice; drop one of them",
    ),
    (
        guard(repositories=[own.ENCRYPTED]),
        "decrypt_keys must be given when a repository has a key of its own, got no key; give decrypt_keys the key of "
        "the repository, or the guard cannot read it",
    ),
    *(
        (
            guard(repositories=[encrypted], decrypt_keys=others),
            f"decrypt_keys must be given when a repository has a key of its own, got only others than that of {path}; "
            "give decrypt_keys the key of the repository, or the guard cannot read it",
        )
        for encrypted, others, path in (
            (own.ENCRYPTED, keys(2), "Stack/Encrypted"),
            (own.ENCRYPTED, [given.PLAIN_KEY], "Stack/Encrypted"),
            (own.PLAIN_ENCRYPTED, [given.KEY, given.SYMMETRIC_KEY], "Stack/PlainEncrypted"),
            (own.BY_KEY_ID, [given.PLAIN_KEY], "Stack/ByKeyId"),
        )
    ),
    (
        guard(repositories=[own.ALIASED]),
        "decrypt_keys must be given when a repository has a key of its own, got no key; give decrypt_keys the key of "
        "the repository, or the guard cannot read it",
    ),
    *(
        (
            guard(repositories=[repository(name)]),
            f"each of repositories must be a repository whose name has 1 to 100 letters, digits and _.-, got {name!r}; "
            "name one; leave the argument out to watch all",
        )
        for name in ("*", "", "shop*", "sh?p", "a/b", "a b", "é", "a" * 101)
    ),
    *(
        (
            guard(decrypt_keys=[key, *keys(1), key]),
            f"decrypt_keys must be a list without repetition, got the key Stack/{id} twice; drop one of them",
        )
        for key, id in ((given.KEY, "Key"), (given.PLAIN_KEY, "PlainKey"))
    ),
    (
        guard(decrypt_keys="alias/code"),
        "decrypt_keys must be a list, got str 'alias/code'; give the keys that the repositories are encrypted with",
    ),
    (
        guard(decrypt_keys=["alias/code"]),
        "each of decrypt_keys must be an IKey, got str 'alias/code'; give a construct that implements IKey",
    ),
    (guard(decrypt_keys=[given.FAR_KEY]), f"each of decrypt_keys {given.ELSEWHERE}"),
    (guard(decrypt_keys=[given.ALIAS]), f"each of decrypt_keys {given.AN_ALIAS}"),
    (
        guard(decrypt_keys=keys(MAX_KEYS + 1)),
        "decrypt_keys must be a list of 0 to 10 keys, got a list of 11; give the keys that the repositories are "
        "encrypted with",
    ),
]

ALL = [*REGIONS, *WATCHED]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    *(in_region(region) for region in ("cn-north-1", "us-gov-west-1", "il-central-1", "xx-new-1", cdk.Aws.REGION)),
    guard(),
    guard(repositories=[own.REPOSITORY]),
    guard(repositories=(own.REPOSITORY, own.UNKNOWN)),
    guard(repositories=repositories(MAX_REPOSITORIES["eventbridge"])),
    guard(repositories=repositories(MAX_REPOSITORIES["trigger"]), delivery="trigger"),
    guard(repositories=[repository("a"), repository("Shop_1.2-3"), repository("a" * 100)]),
    guard(decrypt_keys=keys(MAX_KEYS)),
    guard(repositories=[own.ENCRYPTED], decrypt_keys=[given.KEY]),
    guard(repositories=[own.ENCRYPTED, own.PLAIN_ENCRYPTED], decrypt_keys=[*keys(1), given.PLAIN_KEY, given.KEY]),
    guard(repositories=[own.BY_KEY_ID], decrypt_keys=[given.KEY]),
    guard(repositories=[own.ALIASED], decrypt_keys=[given.PLAIN_KEY]),
    guard(given.anywhere, repositories=[own.FAR, own.OTHERS]),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Callable[[], object]) -> None:
    call()


def test_a_refusal_leaves_nothing_behind() -> None:
    for arguments in ({"repositories": [own.FAR]}, {"delivery": "trigger"}, {"response": None}):
        with pytest.raises(ValueError, match="must be"):
            guard(own.stack, **arguments)()
        assert own.stack.node.try_find_child("Tested") is None


def test_the_regions_without_are_those_that_aws_has_no_endpoint_in() -> None:
    session = botocore.session.get_session()
    for partition in session.get_available_partitions():
        regions = session.get_available_regions("ec2", partition)
        without = set(regions) - set(session.get_available_regions("codecommit", partition))
        assert {one for one in regions if one.startswith(WITHOUT_CODECOMMIT)} == without
