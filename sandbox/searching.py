"""Requests to domains and collections of OpenSearch, signed as somebody."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .server import REGION

if TYPE_CHECKING:
    from .run import Run

Answer = tuple[int, Any]


class Searcher:
    """Somebody who searches.

    Args:
        run: The run.
        endpoint: The endpoint of a domain, as it is, or of a collection, with ``https://``.
        role: The ARN of the role that they have; empty for the account's root user.
    """

    def __init__(self, run: Run, endpoint: str, role: str = "") -> None:
        self._url = endpoint if endpoint.startswith("https://") else f"https://{endpoint}"
        self._service = "aoss" if "/collections/" in endpoint else "es"
        given = run.sandbox.credentials
        self._credentials = Credentials(given["aws_access_key_id"], given["aws_secret_access_key"])
        if role:
            answer = run.client("sts").assume_role(RoleArn=role, RoleSessionName="searcher")["Credentials"]
            keys = answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
            self._credentials = Credentials(*keys)
        trust = ssl.create_default_context(cafile=str(run.sandbox.ca))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request and return the status and what is said.

        Args:
            method: The method.
            path: The path, without the slash in front.
            body: JSON, or the bytes of a bulk request; None for nothing.
        """
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = AWSRequest(method, f"{self._url}/{path}", data=data, headers={"content-type": "application/json"})
        request.headers["x-amz-content-sha256"] = SigV4Auth(self._credentials, self._service, REGION).payload(request)
        SigV4Auth(self._credentials, self._service, REGION).add_auth(request)
        plain = urllib.request.Request(request.url, data or None, dict(request.headers), method=method)  # noqa: S310
        try:
            with self._opener.open(plain, timeout=30) as answer:
                return answer.status, _read(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _read(error.read())

    def hits(self, index: str, query: Any = None) -> list[Any]:
        """The documents that a query finds, none if the index is not there.

        Args:
            index: The index or a pattern.
            query: The query; None for all.

        Raises:
            PermissionError: If searching is refused.
        """
        request = {"size": 10_000, **({"query": query} if query else {})}
        status, said = self.ask("POST", f"{index}/_search?ignore_unavailable=true", request)
        if status != 200:
            raise PermissionError(f"{status}: {said}")
        return [one["_source"] for one in said["hits"]["hits"]]


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
