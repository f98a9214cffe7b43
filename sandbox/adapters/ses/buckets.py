"""The key that a bucket encrypts with by default; of a template's bucket MiniStack forgets it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

_BUCKET = "AWS::S3::Bucket"
_keys: dict[str, str] = {}


def install() -> None:
    """Remember the keys of templates' buckets."""
    handlers = provisioners._RESOURCE_HANDLERS
    handler = handlers[_BUCKET]
    create: Callable[..., Any] = handler["create"]
    update: Callable[..., Any] = handler["update"]

    def remembered(provisioned: Any, properties: Mapping[str, Any]) -> Any:
        rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or [{}]
        default = rules[0].get("ServerSideEncryptionByDefault") or {}
        _keys[provisioned[0]] = str(default.get("KMSMasterKeyID") or "")
        return provisioned

    handlers[_BUCKET] = {
        **handler,
        "create": lambda logical_id, properties, *rest: remembered(create(logical_id, properties, *rest), properties),
        "update": lambda physical_id, old, new, *rest: remembered(update(physical_id, old, new, *rest), new),
    }


def key_of(bucket: str) -> str:
    """The customer managed key that a bucket encrypts with by default; empty for none.

    Args:
        bucket: The bucket's name.
    """
    found = re.search(r"<KMSMasterKeyID>(.*?)</KMSMasterKeyID>", str(s3._bucket_encryption.get(bucket) or ""))
    key = found[1] if found else _keys.get(bucket, "")
    return "" if "alias/aws/" in key else key
