"""What becomes of readings on their way into OpenSearch, and who can find them there."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox.operations import keys, lines, listener
from sandbox.run import Run
from sandbox.searching import Searcher

from . import Broken, Outcome

FAILED = "errors/AmazonOpenSearchService-failed/"
SECURITY = "_plugins/_security/api"
Document = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """A delivery to OpenSearch, by the outputs ``<name>Endpoint``, ``<name>BucketName`` and ``AlarmTopicArn``.

    Its alarms have logical ids such as ``...<name>DeliveryFailed...``.

    Attributes:
        run: The run.
        stack: Its stack.
        name: Its construct id, which its outputs begin with.
        topic: An MQTT topic of its rule.
        admin: The ARN of a role that administers the domain, or may read the collection; the root user may assume it.
        index: What the names of its indices begin with.
    """

    run: Run
    stack: str
    name: str
    topic: str
    admin: str
    index: str = "telemetry"

    def output(self, what: str) -> str:
        """An output of the stack.

        Args:
            what: The end of its name.
        """
        return self.run.outputs(self.stack)[f"{self.name}{what}"]

    @property
    def searcher(self) -> Searcher:
        """The administrator."""
        return Searcher(self.run, self.output("Endpoint"), self.admin)

    @property
    def pattern(self) -> str:
        """All its indices."""
        return f"{self.index}*"

    def publish(self, documents: Sequence[Document]) -> None:
        """Publish over HTTPS.

        Args:
            documents: The payloads.
        """
        for one in documents:
            self.run.client("iot-data").publish(topic=self.topic, qos=1, payload=json.dumps(one).encode())

    def found(self, reading: str) -> list[Document]:
        """The documents of a reading, as the administrator finds them.

        Args:
            reading: The value of its member ``reading``.
        """
        return self.searcher.hits(self.pattern, {"term": {"reading.keyword": reading}})

    def failures(self, reading: str) -> list[tuple[Document, Document]]:
        """What failed of a reading, as the bucket has it, with the documents as they were.

        Args:
            reading: The value of its member ``reading``.
        """
        said = [json.loads(line) for line in lines(self.run, self.output("BucketName"), FAILED)]
        found = [(one, json.loads(base64.b64decode(one["rawData"]))) for one in said]
        return [(one, document) for one, document in found if document.get("reading") == reading]

    @contextmanager
    def rings(self, *alarms: str) -> Iterator[None]:
        """Let alarms ring before the context ends; one that rings already, from before, need only go on.

        Args:
            alarms: Their construct ids.

        Raises:
            Broken: If one does not.
        """
        cloudwatch = self.run.client("cloudwatch", self.run.region(self.stack))
        names = [self.run.resource(self.stack, "AWS::CloudWatch::Alarm", f"{self.name}{one}") for one in alarms]
        states = {one["AlarmName"]: one["StateValue"] for one in _alarms(cloudwatch, names)}
        with listener(self.run, self.run.outputs(self.stack)["AlarmTopicArn"]) as ears:
            yield
            for name in names:
                if states[name] != "ALARM":
                    ears.must_hear(name)
        _must_be("the states", {one["StateValue"] for one in _alarms(cloudwatch, names)}, {"ALARM"})


def _alarms(cloudwatch: Any, names: Sequence[str]) -> list[Any]:
    found: list[Any] = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    return found


def documents_are_found(delivery: Delivery) -> Outcome:
    """Readings can be searched by who may, in the index of the day, and nobody else gets them.

    Args:
        delivery: A delivery to a domain or a collection.
    """
    sent = [{"reading": "found", "value": number} for number in range(20)]
    delivery.publish(sent)
    got = _arrived(delivery, "found", len(sent))
    _must_be("the documents", sorted(one["value"] for one in got), list(range(20)))
    status, _ = Searcher(delivery.run, delivery.output("Endpoint")).ask("GET", f"{delivery.pattern}/_search")
    _must_be("the status for one who is not mapped", status, 403)
    _must_be("objects in the bucket", keys(delivery.run, delivery.output("BucketName"), "errors/"), [])
    return Outcome(f"{len(sent)} messages", f"{len(got)} documents that the admin finds, and others do not")


def the_index_is_of_the_day(delivery: Delivery) -> str:
    """Refuse an index with another name than the rotation of each day gives, and return the name.

    Args:
        delivery: A delivery to a domain.

    Raises:
        Broken: If there is one.
    """
    rows = delivery.searcher.ask("GET", "_cat/indices?format=json")[1]
    names = [row["index"] for row in rows if row["index"].startswith(delivery.index)]
    today = [time.strftime(f"{delivery.index}-%Y-%m-%d", time.gmtime(time.time() - ago)) for ago in (0, 300)]
    if not names or set(names) - set(today):
        raise Broken(f"the indices are {names}, expected {today[0]}")
    return str(names[0])


def unmapped(delivery: Delivery) -> Outcome:
    """Without its mapping a stream cannot write: the documents are in the bucket; mapped again, it goes on.

    Args:
        delivery: A delivery to a domain.
    """
    with delivery.rings("DeliveryFailed", "RecordsFailed"), _without_mapping(delivery) as role:
        delivery.publish([{"reading": "unmapped", "value": number} for number in range(5)])
        failed = _failed(delivery, "unmapped", 5)
    for said, _ in failed:
        if said["errorCode"] != "403" or "no permissions for [indices:data/write/bulk]" not in said["errorMessage"]:
            raise Broken(f"the failed document does not say why: {said['errorCode']} {said['errorMessage']}")
    _must_be("documents found meanwhile", delivery.found("unmapped"), [])
    delivery.publish([{"reading": "mapped again"}])
    _arrived(delivery, "mapped again", 1)
    return Outcome("5 messages, and 1 after", f"1, when {role} was mapped again", f"5 in {FAILED}, both alarms rang")


def one_does_not_fit(delivery: Delivery) -> Outcome:
    """Of many documents, the one whose field has another type than the index is alone in the bucket.

    Args:
        delivery: A delivery to a domain or a collection.
    """
    delivery.publish([{"reading": "typed", "degrees": 20.5}])
    _arrived(delivery, "typed", 1)
    sent = [{"reading": "typed", "degrees": "mild" if number == 3 else number} for number in range(10)]
    with delivery.rings("DeliveryFailed", "RecordsFailed"):
        delivery.publish(sent)
        _arrived(delivery, "typed", 10)
        ((said, document),) = _failed(delivery, "typed", 1)
    _must_be("the document that failed", document, sent[3])
    if said["errorCode"] != "400" or "failed to parse field [degrees] of type [float]" not in said["errorMessage"]:
        raise Broken(f"the failed document does not say why: {said['errorMessage']}")
    return Outcome("11 messages, one of another type", "10 documents", f"1 in {FAILED}, both alarms rang")


def no_data_policy(delivery: Delivery) -> Outcome:
    """A collection takes nothing from a stream that no data access policy names; named again, it goes on.

    Args:
        delivery: A delivery to a collection.
    """
    aoss = delivery.run.client("opensearchserverless", delivery.run.region(delivery.stack))
    name = delivery.run.resource(delivery.stack, "AWS::OpenSearchServerless::AccessPolicy").partition("|")[2]

    def put(statements: list[Any]) -> list[Any]:
        old = aoss.get_access_policy(name=name, type="data")["accessPolicyDetail"]
        text = json.dumps(statements)
        aoss.update_access_policy(name=name, type="data", policyVersion=old["policyVersion"], policy=text)
        before: list[Any] = old["policy"]
        return before

    whole = aoss.get_access_policy(name=name, type="data")["accessPolicyDetail"]["policy"]
    less = [one for one in whole if "aoss:WriteDocument" not in json.dumps(one)]
    if not less or less == whole:
        raise Broken(
            f"data access policy {name} must name who writes and who reads in statements of their own: {whole}"
        )
    with delivery.rings("DeliveryFailed", "RecordsFailed"):
        put(less)
        try:
            delivery.publish([{"reading": "unnamed"}, {"reading": "unnamed"}])
            failed = _failed(delivery, "unnamed", 2)
        finally:
            put(whole)
    _must_be("the codes", {said["errorCode"] for said, _ in failed}, {"403"})
    delivery.publish([{"reading": "named again"}])
    _arrived(delivery, "named again", 1)
    return Outcome(
        "2 messages, and 1 after", "1, when the policy named the role again", f"2 in {FAILED}, both alarms rang"
    )


@contextmanager
def _without_mapping(delivery: Delivery) -> Iterator[str]:
    """Take the mapping of the stream's role away while the context lasts; yields the name of the security role."""
    searcher = delivery.searcher
    mappings = searcher.ask("GET", f"{SECURITY}/rolesmapping")[1]
    ours = [name for name in mappings if name.startswith("cdk_refarch_") and not name.endswith("_read")]
    if len(ours) != 1:
        raise Broken(f"the domain must have one mapping of ours, got {sorted(mappings)}")
    before = {member: mappings[ours[0]][member] for member in ("backend_roles", "hosts", "users")}
    searcher.ask("DELETE", f"{SECURITY}/rolesmapping/{ours[0]}")
    try:
        yield ours[0]
    finally:
        searcher.ask("PUT", f"{SECURITY}/rolesmapping/{ours[0]}", before)


def _arrived(delivery: Delivery, reading: str, number: int) -> list[Document]:
    def found() -> list[Document] | None:
        got = delivery.found(reading)
        return got if len(got) >= number else None

    got = delivery.run.wait(f"{number} documents of {reading}", found)
    _must_be(f"the number of documents of {reading}", len(got), number)
    return got


def _failed(delivery: Delivery, reading: str, number: int) -> list[tuple[Document, Document]]:
    def found() -> list[tuple[Document, Document]] | None:
        got = delivery.failures(reading)
        return got if len(got) >= number else None

    got = delivery.run.wait(f"{number} failures of {reading}", found)
    _must_be(f"the number of failures of {reading}", len(got), number)
    return got


def _must_be(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise Broken(f"{what}: got {str(got)[:300]}, expected {str(expected)[:300]}")
