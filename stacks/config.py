"""The app's settings, read from the CDK context: ``cdk.json``, ``-c key=value`` or ``~/.cdk.json``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from constructs import Node
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cdk_refarch._parts.checks import refusal

from . import STACKS, Architecture

Severity = Literal["LOW", "MEDIUM", "HIGH"]

_OURS = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
"""Context keys of the CDK itself have a slash, a colon or a dash in them."""


def _from_command_line(value: Any) -> Any:
    """Read what ``-c`` can only pass as text: JSON, or names with commas between."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith(("{", "[")):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return [name.strip() for name in value.split(",") if name.strip()]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IotToFirehoseSettings(_Section):
    """What the stack ``IotToFirehose`` is built with; the construct checks the values further."""

    topic_filter: str = "refarch/+/telemetry"
    select: str = "*"
    where: str | None = None
    rule_name: str | None = None
    partition_by: dict[str, str] | None = None
    parquet: dict[str, str] | None = None
    expire_after_days: int | None = None


class MacieToEventBridgeSettings(_Section):
    """What the stack ``MacieToEventBridge`` is built with; the construct checks the values further."""

    existing_session: bool = False
    publishing_frequency: Literal["FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS"] | None = None
    automated_discovery: bool | None = None
    excluded_buckets: list[str] = []
    security_hub: bool | None = None
    results_export: bool = True
    expire_after_days: int | None = None
    scan_daily_percentage: int | None = None
    min_severity: Severity = "HIGH"
    include_samples: bool = False
    notification_emails: list[str] = []
    quarantine_dry_run: bool = True
    quarantine_buckets: list[str] = []
    quarantine_key_arns: list[str] = []
    audit_bus_arn: str | None = None
    reconcile: bool = False


class StreamSettings(_Section):
    """One stream of the stack ``SesConfigSets``; the construct checks the values further."""

    pool: Literal["SHARED", "STANDARD", "MANAGED"] = "SHARED"
    pause: bool = False
    suppression: list[Literal["BOUNCE", "COMPLAINT"]] | None = None
    tracking_domain: str | None = None
    max_delivery_minutes: int | None = None


class SesConfigSetsSettings(_Section):
    """What the stack ``SesConfigSets`` is built with; the construct checks the values further."""

    domain: str = "example.com"
    hosted_zone_id: str | None = None
    hosted_zone_name: str | None = None
    address: str | None = None
    mail_from_subdomain: str = "bounce"
    dmarc_policy: Literal["none", "quarantine", "reject"] | None = "quarantine"
    dmarc_report_to: str | None = None
    streams: dict[str, StreamSettings] = {
        "transactional": StreamSettings(),
        "marketing": StreamSettings(pause=True),
    }
    default_stream: str | None = None
    analytics: bool = True
    expire_after_days: int | None = None
    inbound_recipients: list[str] = []
    inbound_mx_record: bool = False
    account_suppression: list[Literal["BOUNCE", "COMPLAINT"]] | None = None


class Settings(_Section):
    """The settings of the whole app; without any context, these defaults."""

    architectures: Annotated[list[Architecture], BeforeValidator(_from_command_line)] = Field(
        default_factory=lambda: list(STACKS), min_length=1
    )
    removal: Literal["retain", "destroy"] = "retain"
    alarm_email: str | None = None
    prefix: str = Field(default="", pattern=r"^([A-Za-z][A-Za-z0-9-]{0,40})?$")
    iot_to_firehose: Annotated[IotToFirehoseSettings, BeforeValidator(_from_command_line)] = IotToFirehoseSettings()
    macie_to_eventbridge: Annotated[MacieToEventBridgeSettings, BeforeValidator(_from_command_line)] = (
        MacieToEventBridgeSettings()
    )
    ses_config_sets: Annotated[SesConfigSetsSettings, BeforeValidator(_from_command_line)] = SesConfigSetsSettings()

    @classmethod
    def from_context(cls, node: Node) -> Settings:
        """Read the settings of an app.

        Args:
            node: The app's node.

        Raises:
            ValueError: If a key is unknown or its value is bad, one line for each.
        """
        context: Mapping[str, Any] = node.get_all_context()
        ours = {key: value for key, value in context.items() if _OURS.fullmatch(key)}
        try:
            return cls.model_validate(ours)
        except ValidationError as error:
            raise ValueError("\n".join(str(_refusal(problem)) for problem in error.errors())) from None


def _refusal(problem: Any) -> ValueError:
    path = [str(part) for part in problem["loc"]]
    subject = f"context key {'.'.join(path)}"
    expected = problem.get("ctx", {})
    given = repr(problem["input"])
    if problem["type"] == "extra_forbidden":
        section = Settings if len(path) == 1 else Settings.model_fields[path[0]].annotation
        known = sorted(getattr(section, "model_fields", {}))
        close = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.55)
        remedy = f"did you mean {close[0]}?" if close else "drop it from cdk.json or the command line"
        return refusal(subject, f"one of {', '.join(known)}", repr(path[-1]), remedy)
    if problem["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", expected["expected"])
        remedy = f"set it in cdk.json or with -c {path[0]}={allowed[0]}"
        return refusal(subject, f"one of {', '.join(allowed)}", given, remedy)
    rule = {
        "string_type": "text",
        "int_parsing": "a whole number",
        "int_type": "a whole number",
        "bool_parsing": "true or false",
        "bool_type": "true or false",
        "dict_type": "a mapping of names to text",
        "list_type": "a list of names",
        "model_type": "a mapping",
        "too_short": "a list with one name at least",
        "string_pattern_mismatch": "empty, or a letter followed by up to 40 letters, digits and dashes",
    }.get(problem["type"], problem["msg"])
    return refusal(subject, rule, given, f"set it in cdk.json or with -c {path[0]}=...")
