"""OpenSearch as a stream's destination: what its role must be allowed to do, the names of indices, and bulk requests.

https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ministack.services import opensearch

from . import access
from .firehose_processing import Record
from .firehose_s3 import Destination
from .search import domains, network, plane, serverless
from .search.requests import Answer, Request

FAILED = "AmazonOpenSearchService-failed"
"""What documents that failed have in their prefix; the API's reference says so for both kinds."""
_DESCRIBE = ("es:DescribeDomain", "es:DescribeDomainConfig", "es:DescribeDomains")
_READ = (
    "_all/_settings",
    "_cluster/stats",
    "{index}/_mapping/x",
    "_nodes",
    "_nodes/stats",
    "_nodes/x/stats",
    "_stats",
    "{index}/_stats",
)
_NETWORK = (
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcAttribute",
    "DescribeVpcs",
)
_ROTATIONS = {
    "NoRotation": "",
    "OneHour": "-%Y-%m-%d-%H",
    "OneDay": "-%Y-%m-%d",
    "OneWeek": "-%Y-w%U",
    "OneMonth": "-%Y-%m",
}


@dataclass
class Document:
    """A record on its way to an index.

    Attributes:
        record: The record.
        index: The index.
        id: The document's id; None for one that OpenSearch makes.
        attempts: How often it was sent.
    """

    record: Record
    index: str
    id: str | None
    attempts: int = 0


class _Log(Destination):
    """The error log of a destination that is no bucket."""

    @property
    def bucket_arn(self) -> str:
        """The destination that the log names."""
        return str(self.config["Destination"])


class Target:
    """A destination in OpenSearch; the classes below say what differs.

    Args:
        config: The destination's configuration, as the API describes it.
        account: The stream's account.
        region: The stream's region.
    """

    request: ClassVar[str]
    metric: ClassVar[str]
    member: ClassVar[str]
    where: ClassVar[tuple[str, ...]]

    def __init__(self, config: Mapping[str, Any], account: str, region: str) -> None:
        self.config, self.account, self.region = config, account, region
        bucket = {**config.get("S3Configuration", {}), **config.get("S3Update", {})}
        bucket.setdefault("ErrorOutputPrefix", bucket.get("Prefix", "") + "!{firehose:error-output-type}/")
        if config.get("S3BackupMode") != "AllDocuments":
            bucket["Prefix"] = bucket["ErrorOutputPrefix"]  # nothing is written anywhere else
        self.backup = Destination(
            {**bucket, "ProcessingConfiguration": config.get("ProcessingConfiguration")}, account, region
        )
        place = next((str(config[name]) for name in self.where if name in config), "")
        options = config.get("CloudWatchLoggingOptions")
        said = {"Destination": place, "RoleARN": config["RoleARN"], "CloudWatchLoggingOptions": options}
        self._place, self._log = place, _Log(said, account, region)

    @property
    def retry_seconds(self) -> float:
        """For how long it tries again, by AWS's clock."""
        return float((self.config.get("RetryOptions") or {}).get("DurationInSeconds", 300))

    @property
    def identified(self) -> bool:
        """Whether the stream makes the ids of documents."""
        raise NotImplementedError

    def report(self, code: str, message: str) -> None:
        """Write to the error log.

        Args:
            code: The kind of error.
            message: What happened.
        """
        self._log.report(code, message)

    def check(self) -> None:
        """Refuse a role that lacks what Firehose's guide lists, and a destination that is not there.

        Raises:
            access.Refused: If something is lacking.
        """
        given = [name for name in self.where if self.config.get(name)]
        if len(given) != 1:
            raise access.Refused(f"exactly one of {' and '.join(self.where)} must be given")
        session = self._log.assume()
        self._admit_network()
        for action, resource in self._needs():
            access.require(session, action, resource)
        self.backup.check()

    def document(self, record: Record) -> Document:
        """What becomes of a record.

        Args:
            record: The record.
        """
        name = self.config["IndexName"] + self._rotated(record.arrived)
        return Document(record, name, record.id if self.identified else None)

    def bulk(self, documents: Iterable[Document]) -> Answer:
        """Send documents with the stream's role.

        Args:
            documents: The documents.

        Raises:
            access.Refused: If the role cannot be assumed or may not use the network.
        """
        session = self._log.assume()
        self._admit_network()

        def must(action: str, resource: str) -> None:
            access.require(session, action, resource)

        lines: list[bytes] = []
        for one in documents:
            head = {"_index": one.index, **({"_id": one.id} if one.id else {})}
            lines += [json.dumps({"index": head}).encode(), one.record.data.strip()]
        request = Request("POST", "_bulk", body=b"\n".join([*lines, b""]))
        return self._send(plane.Caller(session.principal, self._origin(), must), request)

    def _send(self, caller: plane.Caller, request: Request) -> Answer:
        raise NotImplementedError

    def _needs(self) -> Iterator[tuple[str, str]]:
        raise NotImplementedError

    def _rotated(self, arrived: float) -> str:
        return ""

    def _origin(self) -> network.Origin:
        given = self.config.get("VpcConfiguration") or {}
        return network.Origin(False, tuple(given.get("SubnetIds", ())), tuple(given.get("SecurityGroupIds", ())))

    def _admit_network(self) -> None:
        given = self.config.get("VpcConfiguration")
        if not given:
            return
        session, base = self._log.assume(given["RoleARN"]), f"arn:aws:ec2:{self.region}:{self.account}"
        interface = f"{base}:network-interface/eni-0123456789abcdef0"
        places = [f"{base}:subnet/{one}" for one in given["SubnetIds"]]
        groups = [f"{base}:security-group/{one}" for one in given["SecurityGroupIds"]]
        for resource in (interface, *places, *groups):
            access.require(session, "ec2:CreateNetworkInterface", resource)
        for action in ("CreateNetworkInterfacePermission", "DeleteNetworkInterface"):
            access.require(session, f"ec2:{action}", interface)
        for action in _NETWORK:
            access.require(session, f"ec2:{action}", "*")


class DomainTarget(Target):
    """A domain, by its ARN or its endpoint."""

    request = "AmazonopensearchserviceDestinationConfiguration"
    metric = "DeliveryToAmazonOpenSearchService"
    member = "es"
    where = ("DomainARN", "ClusterEndpoint")

    @property
    def identified(self) -> bool:
        """Whether the stream makes the ids of documents."""
        options = self.config.get("DocumentIdOptions") or {}
        return bool(options.get("DefaultDocumentIdFormat", "FIREHOSE_DEFAULT") == "FIREHOSE_DEFAULT")

    @property
    def _name(self) -> str:
        if self._place.startswith("arn:"):
            return self._place.partition(":domain/")[2]
        return self._place.partition(domains.PREFIX)[2].strip("/")

    def _needs(self) -> Iterator[tuple[str, str]]:
        record = opensearch._domains.get(self._name)
        if record is None:
            raise access.Refused(f"there is no domain {self._name or self._place}")
        arn, index = record["ARN"], self.config["IndexName"] + self._rotated(time.time())
        for action in _DESCRIBE:
            yield action, arn
        yield "es:ESHttpPost", f"{arn}/_bulk"
        yield "es:ESHttpPut", f"{arn}/{index}"
        for path in _READ:
            yield "es:ESHttpGet", f"{arn}/{path.format(index=index)}"

    def _rotated(self, arrived: float) -> str:
        """Weeks are those of the US, in UTC."""
        return time.strftime(_ROTATIONS[self.config.get("IndexRotationPeriod", "OneDay")], time.gmtime(arrived))

    def _send(self, caller: plane.Caller, request: Request) -> Answer:
        return plane.to_domain(self.account, self.region, self._name, caller, request)


class CollectionTarget(Target):
    """A collection, by its endpoint."""

    request = "AmazonOpenSearchServerlessDestinationConfiguration"
    metric = "DeliveryToAmazonOpenSearchServerless"
    member = "os"
    where = ("CollectionEndpoint",)

    @property
    def identified(self) -> bool:
        """Whether the stream makes the ids of documents."""
        found = serverless.find(serverless.id_of(self._place))
        return bool(found and found[0]["type"] == "SEARCH")

    def _needs(self) -> Iterator[tuple[str, str]]:
        found = serverless.find(serverless.id_of(self._place))
        if found is None:
            raise access.Refused(f"there is no collection at {self._place}")
        yield "aoss:APIAccessAll", found[0]["arn"]

    def _send(self, caller: plane.Caller, request: Request) -> Answer:
        return plane.to_collection(serverless.id_of(self._place), caller, request)


KINDS: dict[str, type[Target]] = {"AmazonOpenSearch": DomainTarget, "AmazonOpenSearchServerless": CollectionTarget}
"""The classes by the type that MiniStack gives a destination."""
