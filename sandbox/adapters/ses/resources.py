"""CloudFormation's types of SES, made real where MiniStack leaves them out or keeps less than the schema has.

An identity is verified as soon as it is made, and its DKIM tokens are MiniStack's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import ses, ses_v2
from ministack.services.cloudformation import provisioners

from sandbox.adapters import access

from . import buckets, receipt_actions
from .state import Record

Provisioned = tuple[str, dict[str, Any]]
_IDENTITY, _RULE, _RULE_SET = "AWS::SES::EmailIdentity", "AWS::SES::ReceiptRule", "AWS::SES::ReceiptRuleSet"
_POOL, _TEMPLATE = "AWS::SES::DedicatedIpPool", "AWS::SES::Template"
_DESTINATION = "AWS::SES::ConfigurationSetEventDestination"
_create_rule = ses._create_receipt_rule


class _FailedError(ValueError):
    """A resource cannot be provisioned; the message is as CloudFormation puts it."""


def install() -> None:
    """Provision the types; must run before the types that MiniStack lacks are recorded."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_IDENTITY] = _with_tokens(handlers[_IDENTITY])
    handlers[_DESTINATION] = _of_known_set(handlers[_DESTINATION])
    handlers[_RULE_SET] = {"create": _create_set, "update": _keep, "delete": _delete_set}
    handlers[_RULE] = {"create": _make_rule, "update": _update_rule, "delete": _delete_rule}
    handlers[_RULE]["update_with_logical_id"] = True
    handlers[_POOL] = {"create": _create_pool, "update": _update_pool, "delete": _delete_pool}
    handlers[_TEMPLATE] = {"create": _create_template, "update": _update_template, "delete": _delete_template}
    replacing = provisioners._REPLACING_PROPERTIES
    replacing.update({_RULE_SET: ("RuleSetName",), _RULE: ("RuleSetName",), _POOL: ("PoolName",)})
    ses._create_receipt_rule = _create_rule_over_api
    buckets.install()


def _failed(message: str, code: str = "InvalidRequest") -> _FailedError:
    return _FailedError(f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})')


def _with_tokens(handler: dict[str, Any]) -> dict[str, Any]:
    create: Callable[..., Provisioned] = handler["create"]
    update: Callable[..., Provisioned] = handler["update"]

    def completed(provisioned: Provisioned, properties: Mapping[str, Any]) -> Provisioned:
        domain, attributes = provisioned
        signing = properties.get("DkimSigningAttributes") or {}
        tokens = [] if "@" in domain or "DomainSigningSelector" in signing else ses._dkim_tokens(domain)
        enabled = str((properties.get("DkimAttributes") or {}).get("SigningEnabled", "@" not in domain)).lower()
        ses_v2._identities[domain]["DkimAttributes"] = {
            "SigningEnabled": enabled == "true",
            "Status": "NOT_STARTED" if "@" in domain else "SUCCESS",
            "Tokens": tokens,
            "SigningAttributesOrigin": "EXTERNAL" if "DomainSigningSelector" in signing else "AWS_SES",
            "NextSigningKeyLength": signing.get("NextSigningKeyLength", "RSA_2048_BIT"),
            "CurrentSigningKeyLength": signing.get("NextSigningKeyLength", "RSA_2048_BIT"),
        }
        if (properties.get("MailFromAttributes") or {}).get("MailFromDomain"):
            ses_v2._identities[domain]["MailFromAttributes"]["MailFromDomainStatus"] = "SUCCESS"
        ses._identities[domain].update(DkimTokens=tokens, DkimVerificationStatus="Success" if tokens else "NotStarted")
        for number in (1, 2, 3):
            token = tokens[number - 1] if tokens else ""
            attributes[f"DkimDNSTokenName{number}"] = f"{token}._domainkey.{domain}" if token else ""
            attributes[f"DkimDNSTokenValue{number}"] = f"{token}.dkim.amazonses.com" if token else ""
        return domain, attributes

    return {
        **handler,
        "create": lambda logical_id, properties, *rest: completed(create(logical_id, properties, *rest), properties),
        "update": lambda physical_id, old, new, *rest: completed(update(physical_id, old, new, *rest), new),
    }


def _of_known_set(handler: dict[str, Any]) -> dict[str, Any]:
    create: Callable[..., Provisioned] = handler["create"]

    def checked(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
        name = properties.get("ConfigurationSetName", "")
        if name not in ses_v2._config_sets:
            raise _failed(f"Configuration set <{name}> does not exist.", "NotFound")
        return create(logical_id, properties, stack)

    return {**handler, "create": checked}


def _keep(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    return physical_id, {}


def _refuse_fault(answer: tuple[int, Any, bytes]) -> None:
    if answer[0] != 200:
        text = answer[2].decode("utf-8", "replace")
        raise _failed(text.partition("<Message>")[2].partition("</Message>")[0] or text)


def _create_set(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    name = properties.get("RuleSetName") or provisioners._physical_name(stack, logical_id, max_len=64)
    _refuse_fault(ses._create_receipt_rule_set({"RuleSetName": [name]}))
    return name, {}


def _delete_set(physical_id: str, properties: dict[str, Any]) -> None:
    _refuse_fault(ses._delete_receipt_rule_set({"RuleSetName": [physical_id]}))


def _rule_of(properties: Mapping[str, Any], name: str) -> Record:
    given = properties["Rule"]
    rule = {
        "Name": name,
        "Enabled": provisioners._cfn_bool(given.get("Enabled", False)),
        "TlsPolicy": given.get("TlsPolicy", "Optional"),
        "Actions": json.loads(json.dumps(given.get("Actions") or [])),
        "ScanEnabled": provisioners._cfn_bool(given.get("ScanEnabled", False)),
    }
    if given.get("Recipients"):
        rule["Recipients"] = list(given["Recipients"])
    if problem := ses._receipt_rule_error(rule):
        _refuse_fault(problem)
    _admit(rule, properties["RuleSetName"])
    return rule


def _admit(rule: Record, set_name: str) -> None:
    for action in rule["Actions"]:
        ((kind, about),) = action.items()
        try:
            receipt_actions.admit(kind, about, receipt_actions.source_of(set_name, rule["Name"]))
        except (access.Refused, LookupError) as error:
            raise _failed(f"SES cannot use the {kind}: {error.args[0]}") from error
        receipt_actions.set_up(kind, about)


def _make_rule(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    name = properties["Rule"].get("Name") or provisioners._physical_name(stack, logical_id, max_len=64)
    _place(properties, _rule_of(properties, name))
    return name, {"RuleName": name}


def _place(properties: Mapping[str, Any], rule: Record) -> None:
    rules, after = _rules(properties["RuleSetName"]), properties.get("After")
    names = [one["Name"] for one in rules]
    if rule["Name"] in names:
        raise _failed(f"Rule already exists: {rule['Name']}", "AlreadyExists")
    if after and after not in names:
        raise _failed(f"Rule does not exist: {after}", "NotFound")
    rules.insert(names.index(after) + 1 if after else 0, rule)


def _rules(set_name: str) -> list[Record]:
    found = ses._receipt_rule_sets.get(set_name)
    if found is None:
        raise _failed(f"Rule set does not exist: {set_name}", "NotFound")
    rules: list[Record] = found["Rules"]
    return rules


def _update_rule(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str | None = None
) -> Provisioned:
    if old["Rule"].get("Name") != new["Rule"].get("Name"):
        made: Provisioned = provisioners._replace_resource(_RULE, physical_id, old, new, stack, logical_id)
        return made
    rule = _rule_of(new, physical_id)
    rules = _rules(new["RuleSetName"])
    if old.get("After") != new.get("After"):
        rules[:] = [one for one in rules if one["Name"] != physical_id]
        _place(new, rule)
    else:
        rules[:] = [rule if one["Name"] == physical_id else one for one in rules]
    return physical_id, {"RuleName": physical_id}


def _delete_rule(physical_id: str, properties: dict[str, Any]) -> None:
    ses._delete_receipt_rule({"RuleSetName": [properties["RuleSetName"]], "RuleName": [physical_id]})


def _create_rule_over_api(params: dict[str, Any]) -> Any:
    """Create a rule of version 1 of the API, if SES can do its actions."""
    rule = ses._receipt_rule_from_params(params)
    if not ses._receipt_rule_error(rule):
        try:
            _admit(rule, ses._p(params, "RuleSetName"))
        except _FailedError as error:
            kind = next(iter(rule["Actions"][0]))
            codes = {"LambdaAction": "InvalidLambdaFunction", "S3Action": "InvalidS3Configuration"}
            return ses._receipt_error(codes.get(kind, "InvalidSnsTopic"), str(error))
    return _create_rule(params)


def _create_pool(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    name = properties.get("PoolName") or provisioners._physical_name(stack, logical_id, lowercase=True, max_len=64)
    if name in ses_v2._dedicated_ip_pools:
        raise _failed(f"Pool {name} already exists", "AlreadyExists")
    ses_v2._dedicated_ip_pools[name] = {"PoolName": name, "ScalingMode": properties.get("ScalingMode", "STANDARD")}
    return name, {}


def _update_pool(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    ses_v2._dedicated_ip_pools[physical_id]["ScalingMode"] = new.get("ScalingMode", "STANDARD")
    return physical_id, {}


def _delete_pool(physical_id: str, properties: dict[str, Any]) -> None:
    ses_v2._dedicated_ip_pools.pop(physical_id, None)


def _create_template(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    given = properties.get("Template") or {}
    name = given.get("TemplateName") or provisioners._physical_name(stack, logical_id, max_len=64)
    parts = {part: given.get(part, "") for part in ("SubjectPart", "TextPart", "HtmlPart")}
    ses._templates[name] = {"TemplateName": name, **parts, "CreatedTimestamp": now_iso()}
    return name, {"Id": name}


def _update_template(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    if (old.get("Template") or {}).get("TemplateName") != (new.get("Template") or {}).get("TemplateName"):
        _delete_template(physical_id, old)
        return _create_template(physical_id, new, stack)
    return _create_template(physical_id, {"Template": {**new["Template"], "TemplateName": physical_id}}, stack)


def _delete_template(physical_id: str, properties: dict[str, Any]) -> None:
    ses._templates.pop(physical_id, None)
