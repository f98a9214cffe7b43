"""Bad arguments of the methods are refused in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch.ses_config_sets import feedback_hook, use_checks
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused, stack

ROLE = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/sender")
OTHERS_ROLE = iam.Role.from_role_arn(stack, "OthersRole", "arn:aws:iam::444455556666:role/sender")
MADE_ROLE = iam.Role(stack, "MadeRole", assumed_by=iam.AccountRootPrincipal())
USER = iam.User.from_user_name(stack, "User", "sender")
GROUP = iam.Group(stack, "Group")
KNOWN_FUNCTION = lambda_.Function.from_function_attributes(
    stack, "KnownFunction", function_arn=f"arn:aws:lambda:{given.HERE}:function:f", role=ROLE
)

MAIL = Construct(stack, "Mail")
TAKEN = Construct(MAIL, "Taken")
ANYWHERE = Construct(given.anywhere, "Mail")
STREAMS = ("news", "receipts")
MANY = [f"stream{number}" for number in range(51)]


def grant(
    from_addresses: Any = ("*@example.com",), stream: Any = "news", templates: Any = (), sender: Any = "example.com"
) -> Call:
    return lambda: use_checks.check_grant(checks, stream, from_addresses, templates, STREAMS, sender)


def grantee(wanted: Any, scope: Construct | None = MAIL) -> Call:
    return lambda: use_checks.check_grantee(checks, wanted, scope)


def hook(
    id: Any = "CleanList",
    target: Any = given.QUEUE,
    streams: Any = (),
    bounce_types: Any = (),
    scope: Construct = MAIL,
    known: Any = STREAMS,
) -> Call:
    return lambda: use_checks.check_hook(checks, scope, id, target, streams, known, bounce_types)


def bounce_types(wanted: Any) -> Call:
    return lambda: use_checks.check_bounce_types(checks, wanted)


LIST = "from_addresses must be a list"
PLAIN = f"{LIST} of addresses without display names, where * stands for any text before the @, got"
WORD = "id must be a PascalCase word of 1 to 64 letters and digits, got"
TEMPLATES = "give the names of templates, or [] for mail without templates"
ALL_STREAMS = "give a list of names of streams, or leave it out for all"

GRANTS: list[Case] = [
    (grant(stream="promotions"), "stream must be one of news, receipts, got 'promotions'; give the name of a stream"),
    (grant(stream=None), "stream must be text, got NoneType None; give the name of a stream"),
    (grant(stream=given.LATER), "stream must be known when the app runs, got a token; give the name of a stream"),
    (grant("a@example.com"), f"{LIST}, got str 'a@example.com'; give ['*@example.com'], say"),
    (grant([]), f"{LIST} of 1 or more addresses, got a list of 0; give ['*@example.com'], say"),
    (grant([None]), "from_addresses must be text, got NoneType None; give ['*@example.com'], say"),
    (
        grant(["a@example.com", "a@example.com"]),
        f"{LIST} without repetition, got 'a@example.com' twice; drop one of them",
    ),
    (
        grant(given.LATER_LIST),
        f"{LIST} that is known when the app runs, got a token; give ['*@example.com'], say",
    ),
    *(
        (grant([wrong]), f"{PLAIN} {wrong!r}; give ['*@example.com'], say")
        for wrong in (
            *("*", "example.com", "@example.com", "News <news@example.com>", "a@b@example.com", "a b@example.com"),
            *("news@*", "news@*.example.com", "news@example.com*", "new?@example.com", "${aws:username}@example.com"),
            *("a" * 65 + "@example.com", "a@example.com\n"),
        )
    ),
    *(
        (grant([wrong]), f"{LIST} of addresses of example.com, got {wrong!r}; give ['*@example.com'], say")
        for wrong in ("*@other.com", "a@anexample.com", "a@example.com.org")
    ),
    *(
        (
            grant([wrong], sender="ops@example.com"),
            f"{LIST} of addresses of ops@example.com, got {wrong!r}; give ['ops@example.com'], say",
        )
        for wrong in ("*@example.com", "ops2@example.com", "ops*@example.com", "ops@sub.example.com", "OPS@example.com")
    ),
    (
        grant(["a b@c"], sender=given.LATER),
        f"{PLAIN} 'a b@c'; give ['*@example.com'], say",
    ),
    (grant(templates="welcome"), f"template_names must be a list, got str 'welcome'; {TEMPLATES}"),
    (grant(templates=[7]), f"template_names must be text, got int 7; {TEMPLATES}"),
    *(
        (
            grant(templates=[wrong]),
            f"template_names must be a list of names of 1 to 64 letters, digits, _ and -, got {wrong!r}; {TEMPLATES}",
        )
        for wrong in ("", "*", "welcome mail", "a/b", "a" * 65)
    ),
    (grantee("role"), "grantee must be an IGrantable, got str 'role'; give a role, or a function that sends"),
    *(
        (
            grantee(wrong),
            f"grantee must be one that a policy can be attached to, got {type(wrong).__name__}; give a role, a user or a "
            "group",
        )
        for wrong in (
            iam.AccountPrincipal("111122223333"),
            iam.AccountRootPrincipal(),
            iam.AnyPrincipal(),
            iam.ArnPrincipal("arn:aws:iam::111122223333:role/sender"),
            iam.CompositePrincipal(iam.ServicePrincipal("lambda.amazonaws.com")),
            iam.PrincipalWithConditions(ROLE, {"Bool": {"aws:SecureTransport": "true"}}),
            iam.ServicePrincipal("lambda.amazonaws.com"),
        )
    ),
    (
        grantee(given.FUNCTION),
        "grantee must be one that a policy can be attached to, got one without a role that is known; give its role, or "
        "bring it along together with its role",
    ),
    (
        grantee(OTHERS_ROLE),
        f"grantee {given.OTHER_ACCOUNT}; give a role here that the other account may assume",
    ),
]

HOOKS: list[Case] = [
    *(
        (hook(wrong), f"{WORD} {wrong!r}; call it CleanList, say")
        for wrong in ("", "cleanList", "Clean-List", "Clean_List", "Clean/List", "1Clean", "C" * 65, "Clean\n")
    ),
    (hook(None), "id must be text, got NoneType None; call it CleanList, say"),
    (hook(given.LATER), "id must be known when the app runs, got a token; call it CleanList, say"),
    *(
        (hook(wrong), f"id must be one that is free, got {wrong!r}, which is taken; use another id")
        for wrong in (
            *("Taken", "Key", "Streams", "Identity", "Records", "Feedback", "Analytics", "Account", "Inbound"),
            *("Default", "Resource"),
        )
    ),
    *(
        (
            hook(target=wrong),
            f"target must be an IFunction or an IQueue, got {type(wrong).__name__} {wrong!r}; give a function, or a queue "
            "that a system reads",
        )
        for wrong in (None, "arn")
    ),
    *((hook(target=far), f"target {given.ELSEWHERE}") for far in (given.FAR_QUEUE, given.FAR_FUNCTION)),
    *(
        (hook(target=others), f"target {given.OTHER_ACCOUNT}; tell a queue here, and read it from there")
        for others in (given.OTHERS_QUEUE, given.OTHERS_FUNCTION)
    ),
    (
        hook(target=given.FIFO_QUEUE),
        "target must be a standard queue, got a FIFO one; the feedback topic cannot send to FIFO ones",
    ),
    *(
        (
            hook(target=queue),
            "target must be encrypted with a key of your own, got one with alias/aws/sqs; use a key that admits "
            "sns.amazonaws.com: Amazon SNS has no access to this one",
        )
        for queue in (given.MANAGED_QUEUE, given.SQS_QUEUE)
    ),
    (hook(target=given.ALIASED_QUEUE), f"key of target {given.AN_ALIAS}"),
    (hook(streams="news"), f"streams must be a list, got str 'news'; {ALL_STREAMS}"),
    (hook(streams=None), f"streams must be a list, got NoneType None; {ALL_STREAMS}"),
    (
        hook(streams=["news", "promotions"]),
        "streams must be one of news, receipts, got 'promotions'; give the name of a stream",
    ),
    (
        hook(streams=["news", "news"]),
        "streams must be a list without repetition, got 'news' twice; drop one of them",
    ),
    *(
        (
            hook(streams=MANY[: most + 1], known=MANY, bounce_types=types),
            f"streams must be a list of at most {most} streams{when}, got a list of {most + 1}; leave it out for all, or "
            "tell two queues",
        )
        for most, types, when in (
            (50, (), ""),
            (25, ("Permanent",), " when bounce_types has 1"),
            (12, ("Permanent", "Transient"), " when bounce_types has 2"),
        )
    ),
    (bounce_types("Permanent"), "bounce_types must be a list, got str 'Permanent'; give ['Permanent'], or [] for all"),
    (
        bounce_types(["permanent"]),
        "bounce_types must be a list of types among Permanent, Transient, Undetermined, got 'permanent'; write 'Permanent'",
    ),
    (
        bounce_types(["Hard"]),
        "bounce_types must be a list of types among Permanent, Transient, Undetermined, got 'Hard'; give ['Permanent'], or "
        "[] for all",
    ),
    (
        bounce_types(["Transient", "Transient"]),
        "bounce_types must be a list without repetition, got 'Transient' twice; drop one of them",
    ),
    (
        bounce_types([given.LATER]),
        "bounce_types must be known when the app runs, got a token; give ['Permanent'], or [] for all",
    ),
]

ALL = [*GRANTS, *HOOKS]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    grant(),
    grant(("news@example.com", "News*@Example.com", "*+*@mail.example.com", given.LATER, f"*@{given.LATER}")),
    grant(["a" * 64 + "@example.com"], stream="receipts", templates=["welcome", "A_b-9", "a" * 64, given.LATER]),
    grant(["Ops@example.com", "Ops+x@EXAMPLE.com", "Ops+*@example.com"], sender="Ops@example.com"),
    grant(["a@any.org"], sender=given.LATER),
    grant(["*@EXAMPLE.com"], sender="Example.com"),
    *(grantee(right) for right in (ROLE, MADE_ROLE, USER, GROUP, KNOWN_FUNCTION)),
    *(grantee(OTHERS_ROLE, scope) for scope in (None, ANYWHERE)),
    hook(),
    hook("C"),
    hook("C" * 64),
    *(hook(target=target) for target in (given.OWN_QUEUE, given.FUNCTION)),
    *(hook(target=target, scope=ANYWHERE) for target in (given.OTHERS_QUEUE, given.FAR_FUNCTION)),
    hook("Taken", scope=ANYWHERE),
    hook(streams=["receipts", "news"]),
    hook(streams=MANY[:50], known=MANY),
    hook(streams=MANY[:25], known=MANY, bounce_types=("Permanent",)),
    hook(streams=MANY[:8], known=MANY, bounce_types=("Permanent", "Transient", "Undetermined")),
    *(bounce_types(types) for types in ([], ("Permanent",), ["Undetermined", "Transient", "Permanent"])),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


@pytest.mark.parametrize(("bounces", "most"), [(("Permanent",), 25), (("Permanent", "Transient"), 12), ((), 50)])
def test_the_cdk_counts_the_combinations_of_a_filter_policy_alike(bounces: tuple[str, ...], most: int) -> None:
    topic = sns.Topic(cdk.Stack(cdk.App(), "Stack"), "Topic")

    def subscribe(id: str, count: int) -> None:
        passing = feedback_hook._filter("Bounce", MANY[:count], bounces)
        endpoint, protocol = "arn:aws:sqs:eu-west-1:111122223333:q", sns.SubscriptionProtocol.SQS
        sns.Subscription(
            topic, id, topic=topic, endpoint=endpoint, protocol=protocol, filter_policy_with_message_body=passing
        )

    subscribe("Most", most)
    with pytest.raises(RuntimeError, match="150"):
        subscribe("More", most + 1)
