"""Object Lock where MiniStack leaves it out: buckets of templates, and copies, which get the bucket's retention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

_BUCKET = "AWS::S3::Bucket"
_copy_object = s3._copy_object


def install() -> None:
    """Put the adapter around MiniStack's provisioner of buckets and its copying."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_BUCKET] = _locking(handlers[_BUCKET])
    s3._copy_object = _copy


def _copy(bucket: str, key: str, headers: dict[str, str]) -> Any:
    answer = _copy_object(bucket, key, headers)
    if answer[0] == 200:
        made = s3._buckets[bucket]["objects"][key]
        s3._apply_object_lock_from_headers(bucket, key, headers, made.get("version_id"))
    return answer


def _locking(handler: dict[str, Any]) -> dict[str, Any]:
    def locked(provisioned: Any, properties: Mapping[str, Any]) -> Any:
        if properties.get("ObjectLockEnabled") in (True, "true"):
            rule = (properties.get("ObjectLockConfiguration") or {}).get("Rule") or {}
            s3._bucket_object_lock[provisioned[0]] = {
                "enabled": True,
                "default_retention": _retention(rule.get("DefaultRetention")),
            }
        return provisioned

    create: Callable[..., Any] = handler["create"]
    update: Callable[..., Any] = handler["update"]
    return {
        **handler,
        "create": lambda logical_id, properties, *rest: locked(create(logical_id, properties, *rest), properties),
        "update": lambda physical_id, old, new, *rest: locked(update(physical_id, old, new, *rest), new),
    }


def _retention(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return {"Mode": given["Mode"], **{unit: int(given[unit]) for unit in ("Days", "Years") if unit in given}}
