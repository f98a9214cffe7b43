"""The app's settings, read from the CDK context: ``cdk.json``, ``-c key=value`` or ``~/.cdk.json``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from constructs import Node
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cdk_refarch._parts.checks import refusal

from . import STACKS, Architecture

Severity = Literal["LOW", "MEDIUM", "HIGH"]
SinkKind = Literal["s3", "opensearch", "opensearch_serverless", "redshift"]

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


Contradiction = tuple[str, str, str, str, str]
"""Two keys of a section, the rule about both, what was given, and the remedy."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    key: ClassVar[str] = ""
    """The section's key in the context."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse keys that contradict each other, or of which one does nothing without the other."""
        found = [
            str(refusal(f"context keys {self.key}.{one} and {self.key}.{other}", rule, got, remedy))
            for one, other, rule, got, remedy in self._contradictions()
        ]
        if found:
            raise ValueError("\n".join(found))
        return self

    def _contradictions(self) -> Iterator[Contradiction]:
        yield from ()


class _NetworkSection(_Section):
    """A section that may name a network; without it, one is made."""

    vpc_id: str | None = None
    availability_zones: list[str] = []
    private_subnet_ids: list[str] = []

    def _contradictions(self) -> Iterator[Contradiction]:
        for key in ("availability_zones", "private_subnet_ids"):
            if (self.vpc_id is None) != (not getattr(self, key)):
                given = key if self.vpc_id is None else "vpc_id"
                remedy = "give the network with its zones and subnets, or leave all three out to have one made"
                yield "vpc_id", key, "given together", f"{given} alone", remedy


class IotToFirehoseSettings(_NetworkSection):
    """What the stack ``IotToFirehose`` is built with; the construct checks the values further."""

    key: ClassVar[str] = "iot_to_firehose"

    topic_filter: str = "refarch/+/telemetry"
    select: str = "*"
    where: str | None = None
    rule_name: str | None = None
    partition_by: dict[str, str] | None = None
    parquet: dict[str, str] | None = None
    expire_after_days: int | None = None
    sinks: list[SinkKind] = Field(default=["s3"], min_length=1)
    index: str = "telemetry"
    table: str = "telemetry"
    columns: dict[str, str] | None = None
    admin_role_arns: list[str] = []

    def _contradictions(self) -> Iterator[Contradiction]:
        yield from super()._contradictions()
        for key in ("partition_by", "parquet"):
            if getattr(self, key) is not None and "s3" not in self.sinks:
                yield key, "sinks", "given together with s3", f"{key} alone", f"add s3 to sinks, or drop {key}"
        if self.columns is not None and "redshift" not in self.sinks:
            remedy = "add redshift to sinks, or drop columns"
            yield "columns", "sinks", "given together with redshift", "columns alone", remedy
        searches = {"opensearch", "opensearch_serverless"} & {*self.sinks}
        if self.admin_role_arns and not searches:
            remedy = "add opensearch or opensearch_serverless to sinks, or drop admin_role_arns"
            yield "admin_role_arns", "sinks", "given together with opensearch", "admin_role_arns alone", remedy
        if self.vpc_id is not None and self.sinks == ["s3"]:
            rule = "given together with another sink than s3"
            yield "vpc_id", "sinks", rule, "vpc_id alone", "drop vpc_id: nothing stands in it"


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

    key: ClassVar[str] = "ses_config_sets"

    domain: str = "example.com"
    hosted_zone_id: str | None = None
    hosted_zone_name: str | None = None
    address: str | None = None
    mail_from_subdomain: str = "bounce"
    dmarc_policy: Literal["none", "quarantine", "reject", "existing"] = "quarantine"
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

    def _contradictions(self) -> Iterator[Contradiction]:
        together, apart = "given together", "given one at a time"
        if self.inbound_mx_record and not self.inbound_recipients:
            remedy = "name the recipients, or drop inbound_mx_record"
            yield "inbound_mx_record", "inbound_recipients", together, "inbound_mx_record alone", remedy
        if self.hosted_zone_name is not None and self.hosted_zone_id is None:
            remedy = "give the zone's id as well, or drop hosted_zone_name"
            yield "hosted_zone_name", "hosted_zone_id", together, "hosted_zone_name alone", remedy
        for key in ("hosted_zone_id", "dmarc_report_to"):
            if self.address is not None and getattr(self, key) is not None:
                yield "address", key, apart, "both", f"drop {key}: only a domain has records, or drop address"
        if self.dmarc_report_to is not None and self.dmarc_policy == "existing":
            remedy = "give a policy, or drop dmarc_report_to: the record that the domain has says where reports go"
            yield "dmarc_report_to", "dmarc_policy", together, "dmarc_policy existing", remedy
        if self.expire_after_days is not None and not self.analytics:
            remedy = "drop expire_after_days: no events are kept"
            yield "expire_after_days", "analytics", together, "analytics false", remedy


class ImageBuilderCicdSettings(_NetworkSection):
    """What the stack ``ImageBuilderCicd`` is built with; the construct checks the values further."""

    key: ClassVar[str] = "image_builder_cicd"

    connection_arn: str | None = None
    repository: str | None = None
    branch: str = "main"
    environment: dict[str, str] = {}
    image_stack: str = "GoldenImage"
    fleet_stack: str = "Fleet"
    approval: bool = True
    approval_emails: list[str] = []
    follow_images: bool = True

    def _contradictions(self) -> Iterator[Contradiction]:
        if (self.connection_arn is None) != (self.repository is None):
            given = "repository" if self.connection_arn is None else "connection_arn"
            remedy = "give both for GitHub, GitLab or Bitbucket, or neither for CodeCommit"
            yield "connection_arn", "repository", "given together", f"{given} alone", remedy
        yield from super()._contradictions()
        if self.approval_emails and not self.approval:
            remedy = "drop approval_emails: nobody is asked"
            yield "approval", "approval_emails", "given together", "approval_emails with approval false", remedy


class WorkspacesFailoverSettings(_Section):
    """What the stacks of ``WorkspacesFailover`` are built with; the constructs check the values further."""

    key: ClassVar[str] = "workspaces_failover"

    fqdn: str = "desktop.example.com"
    hosted_zone_id: str | None = None
    hosted_zone_name: str = "example.com"
    primary_region: str = "us-east-1"
    failover_region: str = "us-west-2"
    primary_directory_id: str | None = None
    failover_directory_id: str | None = None
    service_account_secret: str | None = None
    directory_name: str = "corp.example.com"
    allowed_cidrs: list[str] = ["192.0.2.0/24"]
    users: list[str] = []
    primary_bundle_id: str | None = None
    failover_bundle_id: str | None = None
    standby: bool = False
    automatic: bool = False
    drill_minutes: int = 15

    def _contradictions(self) -> Iterator[Contradiction]:
        together = "given together"
        if self.primary_region == self.failover_region:
            remedy = "choose two regions that have connection aliases of WorkSpaces"
            yield "primary_region", "failover_region", "different", self.primary_region, remedy
        if self.users and self.primary_bundle_id is None:
            yield "users", "primary_bundle_id", together, "users alone", "give the bundle of their WorkSpaces"
        if self.users and not self.standby and self.failover_bundle_id is None:
            remedy = "give the bundle of their WorkSpaces there, or standby true"
            yield "users", "failover_bundle_id", together, "users alone", remedy
        if self.standby and self.failover_bundle_id is not None:
            remedy = "drop failover_bundle_id: a standby is made from the primary WorkSpace"
            yield "standby", "failover_bundle_id", "given one at a time", "both", remedy
        if self.failover_directory_id is not None and self.primary_directory_id is None:
            remedy = "give both for directories that are there, or neither"
            yield "primary_directory_id", "failover_directory_id", together, "failover_directory_id alone", remedy
        connects = self.primary_directory_id is not None and self.failover_directory_id is None
        if connects != (self.service_account_secret is not None):
            given = "primary_directory_id" if connects else "service_account_secret"
            remedy = "name the secret of a service account for the AD Connector that is created for a given directory"
            yield "primary_directory_id", "service_account_secret", together, f"{given} alone", remedy


class CodeCommitLeakGuardSettings(_Section):
    """What the stack ``CodeCommitLeakGuard`` is built with; the construct checks the values further."""

    key: ClassVar[str] = "codecommit_leak_guard"

    repositories: list[str] = []
    repository_key_arns: list[str] = []
    delivery: Literal["eventbridge", "trigger"] = "eventbridge"
    dry_run: bool = False
    user_paths: list[str] = ["/"]
    exempt_users: list[str] = []
    break_glass_tag: str = "break-glass"
    quarantine_policy_arn: str | None = None
    revoke_role_arns: list[str] = []
    notification_emails: list[str] = []
    security_hub: bool = False

    def _contradictions(self) -> Iterator[Contradiction]:
        if self.delivery == "trigger" and not self.repositories:
            remedy = "name the repositories, or drop delivery"
            yield "repositories", "delivery", "given together for triggers", "trigger alone", remedy


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
    image_builder_cicd: Annotated[ImageBuilderCicdSettings, BeforeValidator(_from_command_line)] = (
        ImageBuilderCicdSettings()
    )
    workspaces_failover: Annotated[WorkspacesFailoverSettings, BeforeValidator(_from_command_line)] = (
        WorkspacesFailoverSettings()
    )
    codecommit_leak_guard: Annotated[CodeCommitLeakGuardSettings, BeforeValidator(_from_command_line)] = (
        CodeCommitLeakGuardSettings()
    )

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
    if problem["type"] == "value_error":
        # A section's own refusal of keys that contradict each other, in the house form already.
        return ValueError(problem["ctx"]["error"])
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
