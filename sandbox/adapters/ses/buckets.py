"""The key that a bucket encrypts with by default; of a template's bucket MiniStack forgets it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import s3
from ministack.services.cloudformation import provisioners

_BUCKET = "AWS::S3::Bucket"


def install() -> None:
    """Remember the encryption of templates' buckets."""
    handlers = provisioners._RESOURCE_HANDLERS
    handler = handlers[_BUCKET]
    create: Callable[..., Any] = handler["create"]
    update: Callable[..., Any] = handler["update"]

    def remembered(provisioned: Any, properties: Mapping[str, Any]) -> Any:
        rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or []
        if rules:
            s3._put_bucket_encryption(provisioned[0], _xml(rules[0]).encode())
        return provisioned

    handlers[_BUCKET] = {
        **handler,
        "create": lambda logical_id, properties, *rest: remembered(create(logical_id, properties, *rest), properties),
        "update": lambda physical_id, old, new, *rest: remembered(update(physical_id, old, new, *rest), new),
    }


def _xml(rule: Mapping[str, Any]) -> str:
    default = rule.get("ServerSideEncryptionByDefault") or {}
    key = default.get("KMSMasterKeyID")
    inner = f"<SSEAlgorithm>{default.get('SSEAlgorithm', 'AES256')}</SSEAlgorithm>"
    inner += f"<KMSMasterKeyID>{escape(str(key))}</KMSMasterKeyID>" if key else ""
    by_default = f"<ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault>"
    enabled = str(rule.get("BucketKeyEnabled", False)).lower()
    rules = f"<Rule>{by_default}<BucketKeyEnabled>{enabled}</BucketKeyEnabled></Rule>"
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<ServerSideEncryptionConfiguration xmlns="{space}">{rules}</ServerSideEncryptionConfiguration>'


def key_of(bucket: str) -> str:
    """The customer managed key that a bucket encrypts with by default; empty for none.

    Args:
        bucket: The bucket's name.
    """
    found = re.search(r"<KMSMasterKeyID>(.*?)</KMSMasterKeyID>", str(s3._bucket_encryption.get(bucket) or ""))
    return "" if found is None or "alias/aws/" in found[1] else found[1]
