"""A bad action is refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from cdk_refarch import (
    DynamoDbAction,
    KinesisAction,
    LambdaAction,
    RepublishAction,
    S3Action,
    SnsAction,
    SqsAction,
    StepFunctionsAction,
)
from cdk_refarch._parts.checks import Checks
from cdk_refarch.iot_to_firehose.actions.templates import pieces
from cdk_refarch.iot_to_firehose.rule_action import RuleAction
from cdk_refarch.iot_to_firehose.topics import Heard, overlap
from tests.unit.refusals import (
    ALIAS,
    ALIASED_BUCKET,
    ALIASED_QUEUE,
    AN_ALIAS,
    BUCKET,
    ELSEWHERE,
    FAR_BUCKET,
    FAR_FUNCTION,
    FAR_QUEUE,
    FAR_TOPIC,
    FIFO_QUEUE,
    FIFO_TOPIC,
    FUNCTION,
    HERE,
    MACHINE,
    MANAGED_QUEUE,
    MANAGED_TOPIC,
    OTHER_ACCOUNT,
    OTHERS,
    OTHERS_BUCKET,
    OTHERS_FUNCTION,
    OTHERS_MACHINE,
    OTHERS_QUEUE,
    OTHERS_TOPIC,
    OWN_QUEUE,
    PATH,
    QUEUE,
    SQS_QUEUE,
    THERE,
    TOPIC,
    refused,
    stack,
)

NAMELESS = "AWS IoT is told no more than its name, and looks for it in the account and region of the rule"
STREAM_ARN, TABLE_ARN = "arn:aws:kinesis:{}:stream/s", "arn:aws:dynamodb:{}:table/t"
_KINESIS, _TABLE = kinesis.Stream.from_stream_arn, dynamodb.Table.from_table_arn
STREAM, FAR_STREAM, OTHERS_STREAM = (
    _KINESIS(stack, f"Kinesis{n}", STREAM_ARN.format(one)) for n, one in enumerate((HERE, THERE, OTHERS))
)
TABLE, FAR_TABLE, OTHERS_TABLE = (
    _TABLE(stack, f"Table{n}", TABLE_ARN.format(one)) for n, one in enumerate((HERE, THERE, OTHERS))
)
ALIASED_STREAM = kinesis.Stream.from_stream_attributes(
    stack, "AliasedStream", stream_arn=STREAM_ARN.format(HERE), encryption_key=ALIAS
)
ALIASED_TABLE = dynamodb.Table.from_table_attributes(stack, "AliasedTable", table_name="t", encryption_key=ALIAS)
MACHINES = sfn.StateMachine.from_state_machine_arn
FAR_MACHINE = MACHINES(stack, "FarMachine", f"arn:aws:states:{THERE}:stateMachine:m")
LIVE_MACHINE = MACHINES(stack, "LiveMachine", f"arn:aws:states:{HERE}:stateMachine:m:live")
TEXT, BINARY = dynamodb.AttributeType.STRING, dynamodb.AttributeType.BINARY


def attribute(name: str, type: dynamodb.AttributeType) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=type)


BINARY_TABLE = dynamodb.Table(
    stack, "BinaryTable", partition_key=attribute("device", TEXT), sort_key=attribute("hash", BINARY)
)
BINARY_GLOBAL = dynamodb.TableV2(stack, "BinaryGlobal", partition_key=attribute("hash", BINARY))
INDEXED_TABLE = dynamodb.Table(stack, "IndexedTable", partition_key=attribute("device", TEXT))
INDEXED_TABLE.add_global_secondary_index(index_name="i", partition_key=attribute("hash", BINARY))
LATEST: Any = lambda_.Function(
    stack,
    "Latest",
    code=lambda_.Code.from_inline("h = print"),
    handler="index.h",
    runtime=lambda_.Runtime.PYTHON_3_13,
).latest_version

FLEET, BATCH = Heard("fleet/+/telemetry", False), Heard("fleet/+/telemetry", True)
NO: Any = None
Case = tuple[RuleAction, str]


def republish(topic: Any = "alerts", **given: Any) -> RepublishAction:
    return RepublishAction(topic=topic, **given)


def missing(argument: str, interface: str) -> str:
    return f"{argument} must be an {interface}, got NoneType None; give a construct that implements {interface}"


def abroad(argument: str) -> str:
    return f"{argument} {OTHER_ACCOUNT}; {NAMELESS}"


FIFO = "must be a standard {0}, got a FIFO one; AWS IoT rules cannot {1} to FIFO ones"
BASE64 = "give base64.b64encode(data).decode(), or a template such as ${encode(clientid(), 'base64')}"
PROPERTIES = "give a mapping such as {'source': '${clientid()}'}"
CLOSE = "got 'a${topic()'; close it with }"

TARGETS: list[Case] = [
    (LambdaAction(function=NO), missing("function", "IFunction")),
    (LambdaAction(function=FAR_FUNCTION), f"function {ELSEWHERE}"),
    (
        LambdaAction(function=LATEST),
        "function must be a function, an alias or a published version, got $LATEST; give the function itself: AWS IoT calls its latest version",
    ),
    (SqsAction(queue=NO), missing("queue", "IQueue")),
    (SqsAction(queue=FAR_QUEUE), f"queue {ELSEWHERE}"),
    (SqsAction(queue=FIFO_QUEUE), f"queue {FIFO.format('queue', 'send')}"),
    (SqsAction(queue=ALIASED_QUEUE), f"key of queue {AN_ALIAS}"),
    (SqsAction(queue=QUEUE, base64="no"), "base64 must be True or False, got 'no'; give True for binary payloads"),  # type: ignore[arg-type]
    (SnsAction(topic=NO), missing("topic", "ITopic")),
    (
        SnsAction(topic="alarms"),  # type: ignore[arg-type]
        "topic must be an ITopic, got str 'alarms'; give a construct that implements ITopic",
    ),
    (SnsAction(topic=FAR_TOPIC), f"topic {ELSEWHERE}"),
    (SnsAction(topic=FIFO_TOPIC), f"topic {FIFO.format('topic', 'publish')}"),
    (
        SnsAction(topic=TOPIC, message_format="json"),  # type: ignore[arg-type]
        "message_format must be one of RAW, JSON, got 'json'; leave it out for RAW",
    ),
    (KinesisAction(stream=NO), missing("stream", "IStream")),
    (KinesisAction(stream=FAR_STREAM), f"stream {ELSEWHERE}"),
    (KinesisAction(stream=OTHERS_STREAM), abroad("stream")),
    (KinesisAction(stream=ALIASED_STREAM), f"key of stream {AN_ALIAS}"),
    (
        KinesisAction(stream=STREAM, partition_key=" "),
        "partition_key must be text that is not empty, got ' '; leave it out for ${newuuid()}",
    ),
    (
        KinesisAction(stream=STREAM, partition_key="ü" * 257),
        "partition_key must be at most 256 characters, got 257 characters; shorten it",
    ),
    (
        KinesisAction(stream=STREAM, partition_key="a${topic()"),
        f"partition_key must be text with every ${{ closed, {CLOSE}",
    ),
    (
        KinesisAction(stream=STREAM, partition_key="${ }"),
        "partition_key must be text with an expression in every ${}, got '${ }'; write ${topic()}, say",
    ),
    (StepFunctionsAction(state_machine=NO), missing("state_machine", "IStateMachine")),
    (StepFunctionsAction(state_machine=FAR_MACHINE), f"state_machine {ELSEWHERE}"),
    (StepFunctionsAction(state_machine=OTHERS_MACHINE), abroad("state_machine")),
    (
        StepFunctionsAction(state_machine=LIVE_MACHINE),
        f"state_machine must be a state machine without a version or an alias, got arn:aws:states:{HERE}:stateMachine:m:live; give the state machine itself: AWS IoT knows no others",
    ),
    *(
        (
            StepFunctionsAction(state_machine=MACHINE, name_prefix=prefix),
            f"name_prefix must be from 1 to 43 letters, digits, - and _, without templates, got {prefix!r}; shorten it and replace other characters by -",
        )
        for prefix in ("", "a" * 44, "a/b", "${topic(2)}")
    ),
    (DynamoDbAction(table=NO), missing("table", "ITable")),
    (
        DynamoDbAction(table=FAR_TABLE),
        f"table must be in the region of the stack, eu-west-1, got us-east-1; {NAMELESS}",
    ),
    (DynamoDbAction(table=OTHERS_TABLE), abroad("table")),
    (DynamoDbAction(table=ALIASED_TABLE), f"key of table {AN_ALIAS}"),
    *(
        (
            DynamoDbAction(table=table),
            "table must be one whose keys are texts or numbers, because JSON has no binary values, got the binary key 'hash'; use another table",
        )
        for table in (BINARY_TABLE, BINARY_GLOBAL)
    ),
    (S3Action(bucket=NO), missing("bucket", "IBucket")),
    (S3Action(bucket=FAR_BUCKET), f"bucket {ELSEWHERE}"),
    (S3Action(bucket=ALIASED_BUCKET), f"key of bucket {AN_ALIAS}"),
    *(
        (
            S3Action(bucket=BUCKET, key=key),
            f"key must be different for each message, by a template with newuuid() or traceid(), got {key!r}; end it in ${{newuuid()}}",
        )
        for key in ("latest", "newuuid()", "${topic()}/${timestamp()}")
    ),
    (
        S3Action(bucket=BUCKET, key="!{timestamp:yyyy}/${newuuid()}"),
        "key must be free of expressions of Firehose, got '!{timestamp:yyyy}/${newuuid()}'; write ${...}: !{...} is for the prefixes of Firehose",
    ),
    (
        S3Action(bucket=BUCKET, key="ü" * 512 + "a${newuuid()}"),
        "key must be at most 1024 bytes, got 1025 bytes; shorten it",
    ),
]

OWN = "which the rule listens to, whatever its templates yield"
OUTSIDE = "begin it with another level, and use ${topic(2)} instead of values that may have slashes"
RESERVED = "write $$aws/things/NAME/shadow/update, say: the first dollar sign tells that no template begins there"
TOPICS: list[Case] = [
    (republish(5), "topic must be text, got int 5; give a topic such as 'alerts/${topic(2)}'"),
    (republish(""), "topic must be text that is not empty, got ''; give a topic such as 'alerts/${topic(2)}'"),
    (republish("a${topic()"), f"topic must be text with every ${{ closed, {CLOSE}"),
    (republish("a\nb"), "topic must be free of control characters, got 'a\\nb'; rename the topic"),
    *(
        (
            republish(topic),
            f"topic must be a topic without + and #, which only filters have, got {topic!r}; write ${{topic(2)}}, say",
        )
        for topic in ("alerts/+", "alerts/#")
    ),
    (republish("ü" * 129), "topic must be at most 256 bytes, got 258 bytes; shorten it"),
    (
        republish("1/2/3/4/5/6/7/8/${topic(2)}"),
        "topic must be at most 7 slashes deep, got '1/2/3/4/5/6/7/8/${topic(2)}'; use fewer levels",
    ),
    *(
        (
            republish(topic),
            f"topic must be a topic of one's own, or one that begins with $$aws/, got {topic!r}; {RESERVED}",
        )
        for topic in ("$aws/things/x/shadow/update", "$other", "$$other/x")
    ),
    *(
        (
            republish(topic),
            f"topic must be outside of 'fleet/+/telemetry', {OWN}, got {topic!r}; {OUTSIDE}",
        )
        for topic in ("fleet/a/telemetry", "fleet/${topic(2)}/telemetry", "${topic()}", "fleet/${device}", "${to}")
    ),
]

QOS = "give 1 for messages that must not get lost"
EXPIRY = "give a time in this range, or leave it out"
HEADERS: list[Case] = [
    (republish(qos=2), f"qos must be 0 or 1, got 2; {QOS}"),
    (republish(qos=True), f"qos must be 0 or 1, got True; {QOS}"),
    (
        republish(content_type=""),
        "content_type must be text that is not empty, got ''; give 'application/json', say",
    ),
    (
        republish(content_type="a" * 1025),
        "content_type must be at most 1024 characters, got 1025 characters; shorten it",
    ),
    (
        republish(payload_format="TEXT"),
        "payload_format must be one of UTF8_DATA, UNSPECIFIED_BYTES, got 'TEXT'; leave it out, or give UTF8_DATA for text",
    ),
    (
        republish(response_topic="a/#"),
        "response_topic must be a topic without + and #, which only filters have, got 'a/#'; write ${topic(2)}, say",
    ),
    (republish(correlation_data="no base64"), f"correlation_data must be encoded in Base64, got 'no base64'; {BASE64}"),
    (
        republish(message_expiry=cdk.Duration.seconds(0)),
        f"message_expiry must be from 1 s to 4294967295 s, got 0 s; {EXPIRY}",
    ),
    (
        republish(message_expiry=cdk.Duration.seconds(4294967296)),
        f"message_expiry must be from 1 s to 4294967295 s, got 4294967296 s; {EXPIRY}",
    ),
    (
        republish(message_expiry=cdk.Duration.millis(1500)),
        f"message_expiry must be a whole number from 1 s to 4294967295 s, got 1.5 s; {EXPIRY}",
    ),
    (republish(message_expiry=60), "message_expiry must be a Duration, got int 60; give cdk.Duration.seconds(...)"),
    (republish(user_properties=["a"]), f"user_properties must be a mapping, got list ['a']; {PROPERTIES}"),
    (
        republish(user_properties={}),
        f"user_properties must be a mapping of 1 to 100 names, got a mapping of 0; {PROPERTIES}",
    ),
    (
        republish(user_properties={str(n): "x" for n in range(101)}),
        f"user_properties must be a mapping of 1 to 100 names, got a mapping of 101; {PROPERTIES}",
    ),
    (
        republish(user_properties={"": "x"}),
        f"name in user_properties must be text that is not empty, got ''; {PROPERTIES}",
    ),
    (republish(user_properties={"a": 7}), f"user_properties['a'] must be text, got int 7; {PROPERTIES}"),
]


@pytest.mark.parametrize(("action", "message"), [*TARGETS, *TOPICS, *HEADERS], ids=str)
def test_refuses(action: RuleAction, message: str) -> None:
    refused(lambda: action.check(Checks(PATH), stack, FLEET), message)


ARRAYS: list[Case] = [
    (
        DynamoDbAction(table=TABLE),
        "table must be left out when batch is set, because an item is made from an object and messages become arrays, got one; drop batch, or use a second rule",
    ),
    (
        SnsAction(topic=TOPIC, message_format="JSON"),
        "message_format must be RAW when batch is set, because JSON must be an object and messages become arrays, got 'JSON'; leave it out, or drop batch",
    ),
]


@pytest.mark.parametrize(("action", "message"), ARRAYS, ids=["table", "topic"])
def test_refuses_arrays_where_an_object_is_needed(action: RuleAction, message: str) -> None:
    refused(lambda: action.check(Checks(PATH), stack, BATCH), message)
    action.check(Checks(PATH), stack, FLEET)


CIRCLES = [
    ("$$aws/rules/fleet/x", "$aws/rules/fleet/#", Heard("a", False, "fleet")),
    ("$$aws/rules/${name}/x", "$aws/rules/fleet/#", Heard("a", False, "fleet")),
    ("${topic()}/copy", "fleet/#", Heard("fleet/#", False)),
    ("fleet", "fleet/#", Heard("fleet/#", False)),
    ("out", "#", Heard("#", False)),
    ("$$aws/things/a/shadow/update", "$aws/things/#", Heard("$aws/things/#", False)),
]


@pytest.mark.parametrize(("topic", "topic_filter", "heard"), CIRCLES, ids=str)
def test_refuses_a_rule_that_hears_itself(topic: str, topic_filter: str, heard: Heard) -> None:
    message = f"topic must be outside of {topic_filter!r}, {OWN}, got {topic!r}; {OUTSIDE}"
    refused(lambda: republish(topic).check(Checks(PATH), stack, heard), message)


NO_CIRCLES = [
    ("$$aws/rules/other/x", Heard("a", False, "fleet")),
    ("$$aws/rules/fleet/x", Heard("a", False)),
    ("$$aws/things/${topic(2)}/shadow/update", Heard("#", False)),
    ("fleet/a", Heard(None, False)),
    ("fleet/a", Heard(cdk.Fn.import_value("Filter"), False, cdk.Fn.import_value("Rule"))),
    ("copy/${topic()}", FLEET),
    ("${topic()}/copy", FLEET),
    ("fleet/${topic(2)}/alerts/${ newuuid( ) }", FLEET),
    ("fleet/${topic(2)}", FLEET),
    ("alerts/${get(items, 0).name + '}'}", FLEET),
]


@pytest.mark.parametrize(("topic", "heard"), NO_CIRCLES, ids=str)
def test_accepts_topics_that_the_rule_cannot_hear(topic: str, heard: Heard) -> None:
    republish(topic).check(Checks(PATH), stack, heard)


LEGAL: list[RuleAction] = [
    LambdaAction(function=OTHERS_FUNCTION),
    LambdaAction(function=FUNCTION),
    *(SqsAction(queue=queue, base64=True) for queue in (QUEUE, OTHERS_QUEUE, MANAGED_QUEUE, SQS_QUEUE, OWN_QUEUE)),
    *(SnsAction(topic=topic, message_format="JSON") for topic in (TOPIC, OTHERS_TOPIC, MANAGED_TOPIC)),
    KinesisAction(stream=STREAM, partition_key="ü" * 256),
    KinesisAction(stream=STREAM, partition_key="a"),
    StepFunctionsAction(state_machine=MACHINE, name_prefix="a" * 43),
    StepFunctionsAction(state_machine=MACHINE, name_prefix="-"),
    DynamoDbAction(table=TABLE),
    DynamoDbAction(table=INDEXED_TABLE),
    S3Action(bucket=BUCKET, key="ü" * 512 + "${newuuid()}"),
    S3Action(bucket=BUCKET, key="${traceid()}"),
    S3Action(bucket=OTHERS_BUCKET),
    republish("ü" * 128),
    republish("1/2/3/4/5/6/7/${10 / 2}"),
    republish("$$aws/things/a/shadow/name/b/c/d/update"),
    republish(message_expiry=cdk.Duration.seconds(1), content_type="a" * 1024, qos=0),
    republish(message_expiry=cdk.Duration.seconds(4294967295), correlation_data="${traceid()}"),
    republish(user_properties={str(n): "x" for n in range(100)}),
]


@pytest.mark.parametrize("action", LEGAL, ids=lambda action: type(action).__name__)
def test_accepts_what_is_just_within_the_bounds(action: RuleAction) -> None:
    action.check(Checks(PATH), stack, FLEET)


@pytest.mark.parametrize(
    ("pattern", "topic_filter", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a", "a/#", True),
        ("ab", "a/#", False),
        ("a/+", "+/b", True),
        ("a/x+", "a/+", True),
        ("a/x+/c", "a/+", False),
        ("a/#c", "a/+", True),
        ("#/b", "a/+/b", True),
        ("+/b", "a/+/b", False),
        ("+/+", "a/b/#", True),
        ("#", "a", True),
        ("$aws/a", "#", False),
        ("$aws/a", "+/a", False),
        ("$aws/a", "$aws/+", True),
    ],
)
def test_topics_and_a_filter_overlap_where_one_topic_matches_both(
    pattern: str, topic_filter: str, expected: bool
) -> None:
    assert overlap(pattern, topic_filter) is expected


@pytest.mark.parametrize(
    "template", ["topic(2)", "a + '}'", "'it''s }'", 'get(b, "}")', "(SELECT {'a': 1} FROM b)"], ids=str
)
def test_a_template_ends_where_its_own_brace_is_closed(template: str) -> None:
    assert pieces(f"x/${{{template}}}/y") == [("x/", False), (template, True), ("/y", False)]
