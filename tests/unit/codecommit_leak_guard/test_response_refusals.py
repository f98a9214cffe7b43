"""What is done, and who is told, is refused before anything exists where it would reach too far or nobody."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from cdk_refarch import LeakNotification, LeakResponse
from cdk_refarch.codecommit_leak_guard.response_checks import MAX_CHARACTERS, MAX_ROLES, MAX_TOGETHER
from tests.unit import refusals as given
from tests.unit.codecommit_leak_guard import refusals as own
from tests.unit.codecommit_leak_guard.refusals import guard, notification, policy, response, role, roles
from tests.unit.refusals import Call, Case, names, refused

ANYWHERE = cdk.Stack(cdk.App(), "Anywhere")
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


def shown(text: str) -> str:
    """How a long text is shown in a refusal."""
    return repr(text) if len(repr(text)) <= 120 else repr(text)[:120] + "..."


def together(total: int, **more: Any) -> Call:
    """A response whose texts are so long together."""
    users, revoked = [f"{number}".ljust(60, "u") for number in range(9)], roles(MAX_ROLES, 60)
    texts = [json.dumps(users), json.dumps([one.role_arn for one in revoked]), "break-glass"]
    paths = paths_of(total - sum(len(text) for text in texts) - more.pop("less", 0))
    return response(user_paths=paths, exempt_users=users, revoke_roles=revoked, **more)


TOO_LONG = (
    "Response: user_paths, exempt_users and revoke_roles must be of 3500 characters together, with break_glass_tag and "
    "quarantine_policy, got 3501 characters; give fewer roles, or others the tag of break_glass_tag instead of their "
    "names"
)
A_ROLE = "one role with an ARN of IAM, without * and ?, not below /aws-service-role/ or /aws-reserved/"
DENYING = "give one that denies, such as AWSCompromisedKeyQuarantineV3 of AWS"
HERE = "arn:aws:iam::111122223333"

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
            "Response: break_glass_tag must be 1 to 128 letters, digits, inner spaces and _.:/=+@- that do not begin with "
            f"aws:, got {shown}; {TAG}",
        )
        for wrong, shown in (
            *((one, repr(one)) for one in ("", " ", "   ", " a", "a ", "aws:tag", "AWS:tag", "aWs:", "a*")),
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
        response(revoke_roles=roles(MAX_ROLES + 1)),
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
    *(
        (
            response(revoke_roles=[own.ROLE, role(name)]),
            f"Response: each of revoke_roles must be {A_ROLE}, got {shown(f'{HERE}:role/{name}')}; give roles whose sessions "
            "may all be revoked",
        )
        for name in (
            *("*", "deploy*", "ci/*", "de?loy", "", "ci/", "a b", "é", "d" * 65),
            *(
                "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
                "aws-reserved/sso.amazonaws.com/AWSReservedSSO_a",
            ),
        )
    ),
    (
        response(revoke_roles=[role("deploy", f"{HERE}:user/")]),
        f"Response: each of revoke_roles must be {A_ROLE}, got '{HERE}:user/deploy'; give roles whose sessions may all "
        "be revoked",
    ),
    (
        response(revoke_roles=[iam.Role.from_role_name(given.anywhere, "AnyRole", "*")]),
        f"Response: each of revoke_roles must be {A_ROLE}, got 'arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/*'; "
        "give roles whose sessions may all be revoked",
    ),
    (
        response(revoke_roles=[own.ROLE, *roles(1), role("deploy")]),
        "Response: revoke_roles must be a list without repetition, got 'deploy' twice; drop one of them",
    ),
    (
        response(revoke_roles=[own.LATER_ROLE, own.LATER_ROLE]),
        "Response: revoke_roles must be a list without repetition, got Stack/LaterRole twice; drop one of them",
    ),
    *(
        (
            response(quarantine_policy=policy(rest)),
            f"Response: quarantine_policy must be a policy with an ARN of IAM, without * and ?, got "
            f"{shown(f'arn:aws:iam::{rest}')}; {DENYING}",
        )
        for rest in (
            *("aws:policy/*", "aws:policy/Quarantine?", "aws:policy/", "aws:policy/a/", "*:policy/a", "1:policy/a"),
            *("111122223333:role/a", "111122223333:policy/a b", "aws:policy/" + "p" * 129),
        )
    ),
    (
        response(quarantine_policy=policy("444455556666:policy/quarantine")),
        f"Response: quarantine_policy {given.OTHER_ACCOUNT}; use one of the account, or of AWS",
    ),
    *(
        (
            response(quarantine_policy=wide),
            f"Response: quarantine_policy must be a policy that takes permissions, got {name}, which gives them; "
            f"{DENYING}",
        )
        for wide, name in (
            (policy("aws:policy/AdministratorAccess"), "AdministratorAccess"),
            (policy("aws:policy/PowerUserAccess"), "PowerUserAccess"),
        )
    ),
    (together(MAX_TOGETHER + 1), TOO_LONG),
    (together(MAX_TOGETHER + 1, quarantine_policy=policy("aws:policy/" + "p" * 50), less=74), TOO_LONG),
    (together(MAX_TOGETHER + 1, break_glass_tag="t" * 30, less=19), TOO_LONG),
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
    response(break_glass_tag="aws"),
    response(break_glass_tag="my aws:tag"),
    response(revoke_roles=roles(MAX_ROLES), quarantine_policy=own.POLICY),
    response(revoke_roles=[own.LATER_ROLE]),
    response(revoke_roles=[role("service-role/a+b=c,d.e@f-g_h"), role("my/aws-reserved/" + "d" * 64)]),
    response(revoke_roles=[role("aws-service-roles")]),
    response(revoke_roles=[role("deploy", "arn:aws-us-gov:iam::111122223333:role/")]),
    response(revoke_roles=[iam.Role.from_role_name(own.stack, "Named", "deploy")]),
    response(quarantine_policy=policy("111122223333:policy/people/quarantine")),
    response(quarantine_policy=policy("111122223333:policy/AdministratorAccess")),
    response(quarantine_policy=policy("aws:policy/" + "p" * 128)),
    guard(ANYWHERE, response=LeakResponse(quarantine_policy=policy("444455556666:policy/quarantine"))),
    response(quarantine_policy=iam.ManagedPolicy.from_managed_policy_arn(own.stack, "LaterPolicy", given.LATER)),
    together(MAX_TOGETHER),
    together(MAX_TOGETHER, quarantine_policy=policy("aws:policy/" + "p" * 50), less=74),
    together(MAX_TOGETHER, break_glass_tag="t" * 30, less=19),
    notification(topic=given.TOPIC, security_hub=True),
    notification(topic=given.OWN_TOPIC),
    notification(emails=["a@example.com", "b@example.com"]),
    notification(emails=[given.LATER]),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()
