"""A text that changes with the directory of a site, so that what is found by the name is looked up again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import is_token
from cdk_refarch._parts.subnet_checks import selection

from .directory_values import AdConnector, Directory, ExistingDirectory, LocalReplica, ManagedAd, PrimaryControllers


def directory_salt(site: Construct, given: Directory) -> str:
    """Return a text that is another one whenever a site may get another directory.

    The association of an alias with another directory has another connection identifier. The text refers to nothing, so
    that a stack of another region can have it.

    Args:
        site: The site.
        given: Its directory.
    """
    if isinstance(given, ExistingDirectory):
        if not is_token(given.directory_id):
            return given.directory_id
        settings: list[Any] = [given.directory_id]
    else:
        settings = _created(given)
    resolved = json.dumps(cdk.Stack.of(site).resolve(settings), sort_keys=True)
    return f"{type(given).__name__} {hashlib.sha256(resolved.encode()).hexdigest()[:16]}"


def _created(given: ManagedAd | AdConnector) -> list[Any]:
    """Return everything whose change makes another directory."""
    subnets = given.vpc.select_subnets(**selection(given.subnets)).subnet_ids
    settings: list[Any] = [given.name, given.short_name, given.vpc.vpc_id, list(subnets)]
    if isinstance(given, ManagedAd):
        return [*settings, given.admin_secret.secret_arn, given.edition]
    controllers = given.controllers
    asked = vars(controllers) if isinstance(controllers, LocalReplica | PrimaryControllers) else list(controllers)
    return [*settings, given.service_account.secret_arn, given.size, type(controllers).__name__, asked]
