"""What is done, and who is told, is refused before anything exists where it would reach too far or nobody."""

from __future__ import annotations

import pytest

from cdk_refarch import LeakNotification, LeakResponse
from cdk_refarch.codecommit_leak_guard.argument_checks import MAX_CHARACTERS
from tests.unit import refusals as given
from tests.unit.codecommit_leak_guard import refusals as own
from tests.unit.codecommit_leak_guard.refusals import guard, notification, response
from tests.unit.refusals import Call, Case, names, refused

PATHS = "write them as ['/people/'], or leave it out for all users"
USERS = "give names of IAM users, without their paths"
TAG = "give the key of a tag such as 'break-glass'"
KNOWN = "known when the app runs, got a token"


def of_characters(total: int) -> list[str]:
    """Names that are so long together, as a list in JSON."""
    texts = [f"user-{number:02}".ljust(60, "x") for number in range(31)]
    # Two quotes, a comma and a space for each, and two brackets less the last comma and space.
    rest = total - 31 * 64 - 4
    return [*texts, "y" * rest]


def paths_of(total: int) -> list[str]:
    texts = [f"/{number:02}/".ljust(199, "x") + "/" for number in range(9)]
    rest = total - 9 * 204 - 4
    return [*texts, "/".ljust(rest - 1, "y") + "/"]


ACTING: list[Case] = [
    (guard(response=None), "response must be a LeakResponse, got NoneType None; give LeakResponse() or leave it out"),
    (response(dry_run="no"), "Response: dry_run must be True or False, got 'no'; give False to let it act"),
    (response(user_paths="/people/"), f"Response: user_paths must be a list, got str '/people/'; {PATHS}"),
    (response(user_paths=[]), f"Response: user_paths must be a list of 1 to 20 paths, got a list of 0; {PATHS}"),
    (
        response(user_paths=[f"/{number}/" for number in range(21)]),
        f"Response: user_paths must be a list of 1 to 20 paths, got a list of 21; {PATHS}",
    ),
    (
        response(user_paths=["/a/", "/a/"]),
        "Response: user_paths must be a list without repetition, got '/a/' twice; drop one of them",
    ),
    *(
        (
            response(user_paths=[wrong]),
            f"Response: each of user_paths must be a path with a slash at both ends, without *, ? and $, got {shown}; "
            f"{PATHS}",
        )
        for wrong, shown in (
            *((one, repr(one)) for one in ("", "people", "/people", "people/", "/*/", "/a?/", "/$a/", "/a b/", "/é/")),
            ("/" + "a" * 511 + "/", repr("/" + "a" * 511 + "/")[:120] + "..."),
        )
    ),
    (response(user_paths=[7]), f"Response: each of user_paths must be text, got int 7; {PATHS}"),
    (response(user_paths=[given.LATER]), f"Response: each of user_paths must be {KNOWN}; {PATHS}"),
    (
        response(user_paths=given.LATER_LIST),
        f"Response: user_paths must be a list that is known when the app runs, got a token; {PATHS}",
    ),
    (
        response(user_paths=paths_of(MAX_CHARACTERS + 1)),
        "Response: user_paths must be paths with 2000 characters together, got 2001 characters; give one that has the "
        "others below it",
    ),
    (response(exempt_users="root"), f"Response: exempt_users must be a list, got str 'root'; {USERS}"),
    *(
        (
            response(exempt_users=[wrong]),
            "Response: each of exempt_users must be the name of an IAM user: 1 to 64 letters, digits and _+=,.@-, got "
            f"{wrong!r}; {USERS}",
        )
        for wrong in ("", "a" * 65, "/people/ann", "a b", "ann*")
    ),
    (response(exempt_users=[given.LATER]), f"Response: each of exempt_users must be {KNOWN}; {USERS}"),
    (
        response(exempt_users=given.LATER_LIST),
        f"Response: exempt_users must be a list that is known when the app runs, got a token; {USERS}",
    ),
    (
        response(exempt_users=["ann", "ann"]),
        "Response: exempt_users must be a list without repetition, got 'ann' twice; drop one of them",
    ),
    (
        response(exempt_users=of_characters(MAX_CHARACTERS + 1)),
        "Response: exempt_users must be names with 2000 characters together, got 2001 characters; give the others the "
        "tag of break_glass_tag instead",
    ),
    (response(break_glass_tag=None), f"Response: break_glass_tag must be text, got NoneType None; {TAG}"),
    (response(break_glass_tag=given.LATER), f"Response: break_glass_tag must be {KNOWN}; {TAG}"),
    *(
        (
            response(break_glass_tag=wrong),
            "Response: break_glass_tag must be 1 to 128 letters, digits, spaces and _.:/=+@- that do not begin with "
            f"aws:, got {shown}; {TAG}",
        )
        for wrong, shown in (
            *((one, repr(one)) for one in ("", "aws:tag", "a*")),
            ("a" * 129, repr("a" * 129)[:120] + "..."),
        )
    ),
    (
        response(quarantine_policy="arn"),
        "Response: quarantine_policy must be an IManagedPolicy, got str 'arn'; give a construct that implements "
        "IManagedPolicy",
    ),
    (
        response(revoke_roles="deploy"),
        "Response: revoke_roles must be a list, got str 'deploy'; give roles whose sessions may all be revoked",
    ),
    (
        response(revoke_roles=[own.ROLE] * 11),
        "Response: revoke_roles must be a list of 0 to 10 roles, got a list of 11; give roles whose sessions may all be "
        "revoked",
    ),
    (
        response(revoke_roles=["deploy"]),
        "Response: each of revoke_roles must be an IRole, got str 'deploy'; give a construct that implements IRole",
    ),
    (
        response(revoke_roles=[own.OTHERS_ROLE]),
        f"Response: each of revoke_roles {given.OTHER_ACCOUNT}; put a guard into the account of the role",
    ),
]

MAILS = "write it as ['security@example.com']"

TELLING: list[Case] = [
    (
        guard(notification=True),
        "notification must be a LeakNotification, got bool True; give LeakNotification() or leave it out",
    ),
    (
        notification(topic="told"),
        "Notification: topic must be an ITopic, got str 'told'; give a construct that implements ITopic",
    ),
    (notification(topic=given.FAR_TOPIC), f"Notification: topic {given.ELSEWHERE}"),
    (
        notification(topic=given.OTHERS_TOPIC),
        f"Notification: topic {given.OTHER_ACCOUNT}; use a topic of the same account",
    ),
    (
        notification(topic=given.FIFO_TOPIC),
        "Notification: topic must be a standard topic, got a FIFO one; leaks need no order; use a standard one",
    ),
    (notification(topic=own.ALIASED_TOPIC), f"Notification: key of topic {given.AN_ALIAS}"),
    (notification(topic=given.MANAGED_TOPIC), f"Notification: key of topic {given.AN_ALIAS}"),
    (notification(emails="a@example.com"), f"Notification: emails must be a list, got str 'a@example.com'; {MAILS}"),
    *(
        (notification(emails=[wrong]), f"Notification: emails must be a list of addresses, got {wrong!r}; {MAILS}")
        for wrong in ("nobody", "@example.com", "a@", "a b@example.com")
    ),
    (
        notification(emails=given.LATER_LIST),
        f"Notification: emails must be a list that is known when the app runs, got a token; {MAILS}",
    ),
    (
        notification(topic=given.TOPIC, emails=["a@example.com"]),
        "Notification: topic and emails must be given alone, for emails are subscribed to a topic that is created, got "
        "both; subscribe the addresses to the topic",
    ),
    (
        notification(security_hub="yes"),
        "Notification: security_hub must be True or False, got 'yes'; give True to import findings",
    ),
]

ALL = [*ACTING, *TELLING]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    guard(response=LeakResponse(), notification=LeakNotification()),
    response(dry_run=True, quarantine_policy=own.POLICY),
    response(user_paths=[f"/{number}/" for number in range(20)]),
    response(user_paths=["/" + "a" * 510 + "/"]),
    response(user_paths=["/a/b-c.d_e+f/", "/!\"#%&'()+,;<=>@[]^`{|}~/"]),
    response(user_paths=paths_of(MAX_CHARACTERS)),
    response(exempt_users=["a", "a" * 64, "ann+bob=cy,d.e@f-g_1"]),
    response(exempt_users=of_characters(MAX_CHARACTERS)),
    response(break_glass_tag="a" * 128),
    response(break_glass_tag="On call: team/a=b+c@d-e_f.g"),
    response(revoke_roles=[own.ROLE] * 10, quarantine_policy=own.POLICY),
    response(revoke_roles=[own.LATER_ROLE]),
    notification(topic=given.TOPIC, security_hub=True),
    notification(topic=given.OWN_TOPIC),
    notification(emails=["a@example.com", "b@example.com"]),
    notification(emails=[given.LATER]),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()
