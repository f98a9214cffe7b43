"""Services that MiniStack lacks and moto has, answered by moto in the same process and at the same endpoint.

Nothing of botocore is patched: MiniStack's handler of such a service hands the request to moto as if it had been sent
to AWS. moto is loaded when the first request comes, which takes a second.

MiniStack's IAM evaluation applies to these services too: the action is the operation, the resource is the ARN that
the Service Authorization Reference has for it, filled in from the request, or ``*`` where the action has none or the
request does not name it. What moto does not implement is answered with 501 and the operation's name.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from functools import cache, wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from ministack import app
from ministack.core import iam_actions, router

from . import arns, moto_mirror

_OF_ONE_NAME = (
    "acm-pca application-autoscaling appmesh ce cleanrooms clouddirectory codecommit codedeploy "
    "codepipeline comprehend connect databrew datapipeline datasync dax directconnect dms ds ebs "
    "ec2-instance-connect elasticbeanstalk emr-containers emr-serverless fis forecast fsx glacier "
    "greengrass guardduty identitystore ivs kinesisvideo lakeformation macie2 managedblockchain medialive "
    "mediapackage mediapackagev2 mediastore memorydb network-firewall networkmanager osis payment- "
    "cryptography personalize polly quicksight ram redshift redshift-data rekognition resiliencehub "
    "route53domains route53resolver sagemaker sdb securityhub servicecatalog shield support swf "
    "synthetics textract timestream-influxdb vpc-lattice workspaces workspaces-web xray"
)
SERVICES: dict[str, str] = {
    **{name: name for name in _OF_ONE_NAME.split()},
    "aps": "amp",
    "aws-marketplace": "meteringmarketplace",
    "cloudhsm": "cloudhsmv2",
    "connect-campaigns": "connectcampaigns",
    "lex": "lexv2-models",
    "mobiletargeting": "pinpoint",
    "servicequotas": "service-quotas",
    "sso": "sso-admin",
    "timestream": "timestream-write",
}
"""The services, by the name that requests to them are signed for, with botocore's name."""
_QUERY = ("elasticbeanstalk", "redshift", "sdb")
_lock = threading.Lock()
_log = logging.getLogger("sandbox.moto")


def install() -> None:
    """Route requests for the services to moto, and have MiniStack's IAM evaluation know their actions."""
    for scope, name in SERVICES.items():
        app.SERVICE_HANDLERS[scope] = _handler(scope)
        router.SERVICE_PATTERNS.setdefault(scope, {})
        iam_actions.SERVICE_TO_IAM_NAMESPACE[scope] = scope
        iam_actions._BOTOCORE_SERVICE_MAP[scope] = [name]
        if scope in _QUERY:
            iam_actions._SERVICE_PROTOCOL[scope] = "query-xml"
    router._KNOWN_AWS_SERVICE_NAMES = frozenset(_named_by_botocore())
    extract = iam_actions.extract_resource_arn

    @wraps(extract)
    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
        if service in SERVICES:
            query, region, account = rest
            return resource_arn(service, method, path, headers, body, query, region, account)
        return extract(service, method, path, headers, body, *rest)

    iam_actions.extract_resource_arn = extract_resource_arn


def _named_by_botocore() -> Iterator[str]:
    """The services that there are; MiniStack reads all their models for that, at the first request it cannot place."""
    package = find_spec("botocore")
    for folder in package.submodule_search_locations or () if package else ():
        yield from (path.name for path in (Path(folder) / "data").iterdir() if path.is_dir())


@cache
def client(scope: str, region: str) -> Any:
    """A boto3 client whose requests moto answers in this process.

    Args:
        scope: The name that requests to the service are signed for.
        region: The region.
    """
    session = importlib.import_module("boto3").Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - never sent anywhere
        region_name=region,
    )
    config = importlib.import_module("botocore.config").Config(ignore_configured_endpoint_urls=True)
    made = session.client(SERVICES[scope], config=config)
    made.meta.events.register("before-send", _send)
    return made


def _send(request: Any, **_: Any) -> Any:
    status, headers, body = answered(request.method, request.url, dict(request.headers), request.body or b"")
    response = importlib.import_module("botocore.awsrequest").AWSResponse
    raw = importlib.import_module("moto.core.botocore_stubber").MockRawResponse(body)
    return response(request.url, status, headers, raw)


def answered(method: str, url: str, headers: Mapping[str, Any], body: Any) -> tuple[int, dict[str, str], bytes]:
    """Have moto answer a request.

    Args:
        method: The method.
        url: The URL as it would be on AWS.
        headers: The headers, with the signature.
        body: The body.
    """
    stubber = importlib.import_module("moto.core.botocore_stubber").BotocoreStubber()
    awsrequest = importlib.import_module("botocore.awsrequest")
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    names = importlib.import_module("botocore.compat").HTTPHeaders()
    for name, value in headers.items():
        names[name] = value.decode() if isinstance(value, bytes) else str(value)
    with _lock:
        moto_mirror.mirror(f"{unquote(url)} {text}")
        try:
            status, found, answer = stubber.process_request(
                awsrequest.AWSPreparedRequest(method, url, names, body, False)
            )
        except NotImplementedError as error:
            _log.warning("moto cannot answer %s %s: %r", method, url, error)
            fault = {"__type": "NotImplementedException", "message": f"moto: {error}"}
            return 501, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(fault).encode()
    return int(status), {str(key): str(value) for key, value in dict(found).items()}, _bytes(answer)


def _bytes(answer: str | bytes) -> bytes:
    return answer.encode() if isinstance(answer, str) else answer


def _handler(scope: str) -> Any:
    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes]:
        url = f"https://{_host(scope, headers)}{quote(path, safe='/:')}"
        if query:
            url = f"{url}?{urlencode(query, doseq=True)}"
        return await asyncio.to_thread(answered, method, url, {**headers, "host": _host(scope, headers)}, body)

    return handle


def _host(scope: str, headers: Mapping[str, str]) -> str:
    region = router.extract_region(headers)
    return f"{model(scope).metadata['endpointPrefix']}.{region}.amazonaws.com"


@cache
def model(scope: str) -> Any:
    """The model that botocore has of a service.

    Args:
        scope: The name that requests to it are signed for.
    """
    return importlib.import_module("botocore.session").get_session().get_service_model(SERVICES.get(scope, scope))


def resource_arn(
    scope: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, list[str]],
    region: str,
    account: str,
) -> str:
    """The ARN of what a request is about, ``*`` if its action has none or the request does not say.

    Args:
        scope: The name that the request is signed for.
        method: The method.
        path: The path.
        headers: The headers.
        body: The body.
        query: The query string's parameters, and those of a form.
        region: The region.
        account: The account.
    """
    action = iam_actions.extract_iam_action(scope, method, path, headers, body, query) or ""
    operation = action.partition(":")[2]
    members = dict(_members(scope, operation, path, query, body))
    for form in arns.of_action(scope, operation):
        own = f":{scope}:"
        whole = next((text for text in members.values() if text.startswith("arn:") and own in text), None)
        arn = whole or arns.filled(form, account, region, lambda name, kind: _placeholder(members, name, kind))
        if arn:
            return arn
    return "*"


def _placeholder(members: Mapping[str, str], name: str, kind: str) -> str | None:
    wanted = name.lower()
    ending = next((ending for ending in ("name", "id") if wanted.endswith(ending)), wanted)
    short = wanted.removeprefix(kind.replace("-", ""))
    return next((members[key] for key in (wanted, f"{wanted}s", short, ending) if key in members), None)


def _members(
    scope: str, operation: str, path: str, query: Mapping[str, list[str]], body: bytes
) -> Iterator[tuple[str, str]]:
    """The members of a request, names in lower case; of what is nested the first of each list."""
    if operation in model(scope).operation_names:
        template = model(scope).operation_model(operation).http.get("requestUri", "/").partition("?")[0]
        pattern = re.sub(r"\\\{(\w+)\\\+?\}", r"(?P<\1>.+?)", re.escape(template))
        found = re.fullmatch(pattern, path)
        yield from ((key.lower(), unquote(value)) for key, value in (found.groupdict() if found else {}).items())
    form = parse_qs(body.decode("utf-8", "replace")) if body[:1] not in (b"{", b"") else {}
    yield from ((key.lower(), values[0]) for key, values in {**form, **query}.items() if values)
    if body[:1] == b"{":
        try:
            yield from _flat(json.loads(body))
        except ValueError:
            return


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, key.lower())
    elif isinstance(value, list):
        for item in value[:1]:
            yield from _flat(item, name)
    elif isinstance(value, str) and name:
        yield name, value
