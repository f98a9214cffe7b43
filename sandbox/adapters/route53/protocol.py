"""The operations of Route 53 that MiniStack lacks or takes too lightly: health checks, record sets, TestDNSAnswer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from ministack.services import route53

from . import answers, checks, health, records
from .state import Fault, Record, check

Answer = tuple[int, dict[str, str], bytes]
_STATUS = re.compile(r"/2013-04-01/healthcheck/([^/]+)/status")
_TEST = "/2013-04-01/testdnsanswer"
_RESET = ("ChildHealthChecks", "FullyQualifiedDomainName", "Regions", "ResourcePath")
_handle = route53.handle_request
_create = route53._create_health_check
_change = route53._change_resource_record_sets
_build = route53._build_health_check_el
_parse = route53._parse_health_check_config


def install() -> None:
    """Put the operations in MiniStack's place."""
    route53.handle_request = _handled
    route53._create_health_check = _refusing(_create_check)
    route53._update_health_check = _refusing(_update_check)
    route53._change_resource_record_sets = _refusing(_change_records)
    route53._build_health_check_el = _describe
    route53._parse_health_check_config = _parsed


def _refusing(operation: Callable[..., Answer]) -> Callable[..., Answer]:
    def answered(*given: Any) -> Answer:
        try:
            return operation(*given)
        except Fault as fault:
            refused: Answer = route53._error_response(fault.code, str(fault), fault.status)
            return refused

    return answered


async def _handled(method: str, path: str, headers: Any, body: bytes, query: Mapping[str, Any]) -> Answer:
    found = _STATUS.fullmatch(path.rstrip("/"))
    if method == "GET" and found:
        return _refusing(_status)(found[1])
    if method == "GET" and path.rstrip("/") == _TEST:
        return _refusing(_test)(query)
    answer: Answer = await _handle(method, path, headers, body, query)
    return answer


def _parsed(element: Element) -> Record:
    """The configuration that a request has; MiniStack reads empty texts in its lists."""
    config: Record = _parse(element)
    for name, of_one in (("ChildHealthChecks", "ChildHealthCheck"), ("Regions", "Region")):
        found = route53._find(element, name)
        if found is not None:
            config[name] = [one.text for one in route53._findall(found, of_one)]
    return config


def _create_check(body: bytes) -> Answer:
    root = route53._parse_body(body)
    config = None if root is None else route53._find(root, "HealthCheckConfig")
    reference = "" if root is None else route53._text(root, "CallerReference")
    former = route53._health_checks.get(route53._hc_caller_refs.get(reference, ""))
    if config is not None:
        given = route53._parse_health_check_config(config)
        if former is not None and former["config"] != given:
            raise Fault("HealthCheckAlreadyExists", f"The caller reference {reference} has already been used", 409)
        checks.refuse(given)
    answer: Answer = _create(body)
    made = route53._hc_caller_refs.get(reference)
    if made and former is None:
        checks.note_alarm(made)
    return answer


def _update_check(id: str, body: bytes) -> Answer:
    record, root = check(id), route53._parse_body(body)
    if root is None:
        raise Fault("InvalidInput", "Missing or invalid request body.")
    version = route53._text(root, "HealthCheckVersion")
    if version and int(version) != record["version"]:
        raise Fault("HealthCheckVersionMismatch", f"The current version is {record['version']}, got {version}", 409)
    reset = route53._find(root, "ResetElements")
    names = set() if reset is None else {one.text for one in route53._findall(reset, "ResettableElementName")}
    kept = {name: value for name, value in record["config"].items() if name not in names or name not in _RESET}
    config = kept | route53._parse_health_check_config(root)
    checks.refuse(config, id)
    record.update(config=config, version=record["version"] + 1)
    checks.note_alarm(id)

    def build(root: Element) -> None:
        route53._build_health_check_el(root, record)

    answer: Answer = route53._xml_response("UpdateHealthCheckResponse", build)
    return answer


def _describe(parent: Element, record: Record) -> None:
    """Write a check as the API does: switches in small letters, and the alarm's definition that it has."""
    _build(parent, record)
    config = route53._find(parent[-1], "HealthCheckConfig")
    for name in ("MeasureLatency", "EnableSNI", "Inverted", "Disabled"):
        switch = route53._find(config, name)
        if switch is not None:
            switch.text = str(switch.text).lower()
    alarm = (record.get("sandbox") or {}).get("alarm")
    if alarm is None:
        return
    described = SubElement(parent[-1], "CloudWatchAlarmConfiguration")
    members = "EvaluationPeriods Threshold ComparisonOperator Period MetricName Namespace Statistic"
    for name in members.split():
        SubElement(described, name).text = str(alarm[name])
    dimensions = SubElement(described, "Dimensions")
    for dimension in alarm["Dimensions"]:
        within = SubElement(dimensions, "Dimension")
        SubElement(within, "Name").text = dimension["Name"]
        SubElement(within, "Value").text = dimension["Value"]


def _status(id: str) -> Answer:
    record = check(id)
    kind = record["config"]["Type"]
    if kind == checks.CALCULATED:
        raise Fault("InvalidInput", "The status of a calculated health check cannot be retrieved")
    word = "Success" if health.is_healthy(record) else "Failure"

    def build(root: Element) -> None:
        observation = SubElement(SubElement(root, "HealthCheckObservations"), "HealthCheckObservation")
        SubElement(observation, "Region").text = health.REGION
        report = SubElement(observation, "StatusReport")
        SubElement(report, "Status").text = f"{word}: as the sandbox finds it"
        SubElement(report, "CheckedTime").text = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    answer: Answer = route53._xml_response("GetHealthCheckStatusResponse", build)
    return answer


def _change_records(zone: str, body: bytes) -> Answer:
    """Refuse a batch with a record set that Route 53 refuses; deletions of the batch make room for what it creates."""
    root = route53._parse_body(body)
    batch = None if root is None else route53._find(root, "ChangeBatch")
    changes = None if batch is None else route53._find(batch, "Changes")
    deleted: list[Record] = []
    for change in () if changes is None else route53._findall(changes, "Change"):
        given = route53._find(change, "ResourceRecordSet")
        if given is None:
            continue
        record = route53._parse_record_set(given)
        if route53._text(change, "Action") == "DELETE":
            deleted.append(record)
        else:
            records.refuse(zone, record, *deleted)
    answer: Answer = _change(zone, body)
    return answer


def _test(query: Mapping[str, Any]) -> Answer:
    def member(name: str) -> str:
        value = query.get(name, "")
        return str(value[0] if isinstance(value, list) else value)

    zone, name, kind = member("hostedzoneid"), member("recordname"), member("recordtype")
    found = route53._zones.get(zone.removeprefix("/hostedzone/"))
    if found is None:
        raise Fault("NoSuchHostedZone", f"No hosted zone found with ID: {zone}", 404)
    if found.get("private"):
        raise Fault("InvalidInput", "TestDNSAnswer is for public hosted zones")
    answer = answers.resolve(found, name, kind)

    def build(root: Element) -> None:
        SubElement(root, "Nameserver").text = route53._DEFAULT_NS[0].rstrip(".")
        SubElement(root, "RecordName").text = name
        SubElement(root, "RecordType").text = kind
        data = SubElement(root, "RecordData")
        for value in answer.values:
            SubElement(data, "RecordDataEntry").text = value
        SubElement(root, "ResponseCode").text = "NOERROR" if answer.is_there else "NXDOMAIN"
        SubElement(root, "Protocol").text = "UDP"

    answered: Answer = route53._xml_response("TestDNSAnswerResponse", build)
    return answered
