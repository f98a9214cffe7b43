"""What AWS IoT needs for the actions of a rule: the permissions of their roles, of policies and for keys.

AWS IoT works with the role that an action names, also towards the keys that targets are encrypted with, which are used
by the target's service for that role. A function has no role for it, but a policy.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-actions.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import dynamodb, kinesis, lambda_svc, sns, sqs

from . import access
from .ses import buckets

WHO = "iot.amazonaws.com"
Spec = Mapping[str, Any]
"""What an action is told, with the members of the API."""


@dataclass(frozen=True)
class Rule:
    """The rule that an action is of."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:iot:{self.region}:{self.account}:rule/{self.name}"

    def resource(self, service: str, name: str) -> str:
        """The ARN of something in the rule's account and region.

        Args:
            service: The service's prefix.
            name: The end of the ARN.
        """
        return f"arn:aws:{service}:{self.region}:{self.account}:{name}"


def admit(rule: Rule, kind: str, spec: Spec) -> None:
    """Refuse what the role of an action, or its target, does not allow.

    Args:
        rule: The rule.
        kind: The kind of action, such as ``sqs``.
        spec: The action's members.

    Raises:
        access.Refused: If something is not allowed, or the sandbox has no such action.
        LookupError: If there is no such function.
    """
    conditions = {"aws:SourceArn": rule.arn, "aws:SourceAccount": rule.account}
    with request_scope(rule.account, rule.region):
        if kind == "lambda":
            function = spec["functionArn"]
            if lambda_svc._get_func_record_for_ref(function)[0] is None:
                raise LookupError(f"Function not found: {function}")
            access.require_service(WHO, "lambda:InvokeFunction", function, rule.account, rule.region, conditions)
            return
        if kind not in _NEEDS:
            raise access.Refused(f"the sandbox has no rule action {kind}; add it to sandbox/adapters/iot_actions.py")
        session = access.assume(spec["roleArn"], WHO, rule.account, rule.region, conditions)
        _NEEDS[kind](rule, spec, session)


def _firehose(rule: Rule, spec: Spec, session: access.Session) -> None:
    action = "firehose:PutRecordBatch" if spec.get("batchMode") else "firehose:PutRecord"
    access.require(session, action, rule.resource("firehose", f"deliverystream/{spec['deliveryStreamName']}"))


def _queue(rule: Rule, spec: Spec, session: access.Session) -> None:
    arn = rule.resource("sqs", spec["queueUrl"].rsplit("/", 1)[-1])
    access.require(session, "sqs:SendMessage", arn)
    queue = sqs._queue_by_arn(arn)
    access.require_key(session, access.own_key(queue) if queue else "", "sqs")


def _topic(_: Rule, spec: Spec, session: access.Session) -> None:
    access.require(session, "sns:Publish", spec["targetArn"])
    topic = sns._topics.get(spec["targetArn"])
    access.require_key(session, access.own_key(topic) if topic else "", "sns")


def _republish(rule: Rule, spec: Spec, session: access.Session) -> None:
    access.require(session, "iot:Publish", rule.resource("iot", f"topic/{unescaped(spec['topic'])}"))


def _shards(rule: Rule, spec: Spec, session: access.Session) -> None:
    access.require(session, "kinesis:PutRecord", rule.resource("kinesis", f"stream/{spec['streamName']}"))
    stream = kinesis._streams.get(spec["streamName"]) or {}
    key = stream.get("KeyId") or ""
    access.require_key(session, "" if _is_of_aws(key) else key, "kinesis", ["kms:GenerateDataKey"])


def _machine(rule: Rule, spec: Spec, session: access.Session) -> None:
    # Who starts an execution needs nothing of the machine's key; the machine's role does:
    # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
    machine = rule.resource("states", f"stateMachine:{spec['stateMachineName']}")
    access.require(session, "states:StartExecution", machine)


def _table(rule: Rule, name: str, session: access.Session) -> None:
    access.require(session, "dynamodb:PutItem", rule.resource("dynamodb", f"table/{name}"))
    table = dynamodb._tables.get(name) or {}
    key = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn") or ""
    # Of who accesses items, DynamoDB asks to decrypt the table's key, and no more:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    access.require_key(session, "" if _is_of_aws(key) else key, "dynamodb", ["kms:Decrypt"])


def _object(_: Rule, spec: Spec, session: access.Session) -> None:
    bucket = spec["bucketName"]
    access.require(session, "s3:PutObject", f"arn:aws:s3:::{bucket}/{spec['key']}")
    if "cannedAcl" in spec:
        access.require(session, "s3:PutObjectAcl", f"arn:aws:s3:::{bucket}/{spec['key']}")
    access.require_key(session, buckets.key_of(bucket), "s3", ["kms:GenerateDataKey"])


def unescaped(topic: str) -> str:
    """A topic to republish to, whose first ``$`` is written twice if it is a reserved one.

    Args:
        topic: As the action names it.
    """
    return topic[1:] if topic.startswith("$$") else topic


def _is_of_aws(key: str) -> bool:
    """Whether a key is one that AWS manages, for which nobody needs a permission."""
    return "alias/aws/" in key


_NEEDS: dict[str, Callable[[Rule, Spec, access.Session], None]] = {
    "dynamoDB": lambda rule, spec, session: _table(rule, spec["tableName"], session),
    "dynamoDBv2": lambda rule, spec, session: _table(rule, spec["putItem"]["tableName"], session),
    "firehose": _firehose,
    "kinesis": _shards,
    "republish": _republish,
    "s3": _object,
    "sns": _topic,
    "sqs": _queue,
    "stepFunctions": _machine,
}
