"""What the tests of refusals share: a stack to refuse in, resources to bring along, and the check itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns

from cdk_refarch._parts.checks import Checks
from cdk_refarch.ses_config_sets.values import DomainIdentity

Call = Callable[[], object]
Case = tuple[Call, str]
"""What is called, and the whole text of the refusal but for the path in front of it."""

checks = Checks("Stack/Mail")
anywhere = cdk.Stack(cdk.App(), "Anywhere")
"""A stack that is told its account and region at deployment only."""
stack = cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(account="111122223333", region="eu-west-1"))

HERE = "eu-west-1:111122223333"
THERE = "us-east-1:111122223333"
OTHERS = "eu-west-1:444455556666"
LATER: Any = cdk.Fn.import_value("Later")
LATER_LIST: Any = cdk.Fn.split(",", LATER)
LATER_NUMBER: Any = cdk.Token.as_number(cdk.Fn.import_value("Number"))

DOMAIN = DomainIdentity(domain="example.com")
IDENTITY = ses.EmailIdentity.from_email_identity_name(stack, "Identity", "example.com")

KEY = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{HERE}:key/1")
ALIAS = kms.Alias.from_alias_name(stack, "Alias", "alias/own")
TOPIC = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:{HERE}:t")
BUCKET = s3.Bucket.from_bucket_name(stack, "Bucket", "mail")
FAR_BUCKET = s3.Bucket.from_bucket_attributes(stack, "FarBucket", bucket_name="far", region="us-east-1")
OTHERS_BUCKET = s3.Bucket.from_bucket_attributes(stack, "OthersBucket", bucket_name="others", account="444455556666")
ALIASED_BUCKET = s3.Bucket.from_bucket_attributes(stack, "AliasedBucket", bucket_name="aliased", encryption_key=ALIAS)

ELSEWHERE = "must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region"
OTHER_ACCOUNT = "must be in the account of the stack, 111122223333, got 444455556666"
AN_ALIAS = "must be a key, got an alias; give the key itself, by kms.Key.from_key_arn or kms.Key.from_lookup"


def refused(call: Call, message: str) -> None:
    """Assert that a call is refused in these words, after the path of the construct."""
    with pytest.raises(ValueError, match="must be") as caught:
        call()
    text = str(caught.value)
    assert text.startswith("Stack/Mail")
    assert text.removeprefix("Stack/Mail").removeprefix(": ").removeprefix("/") == message


def names(cases: list[Case]) -> list[str]:
    """Return ids for parametrized tests."""
    return [message[:70] for _, message in cases]
