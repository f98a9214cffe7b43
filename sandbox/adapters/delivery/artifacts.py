"""Artifacts: ZIP archives in a bucket, written and read with the role of who does it, and with the bucket's key."""

from __future__ import annotations

import asyncio
import io
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ministack.services import s3

from sandbox.adapters import access
from sandbox.adapters.ses import buckets

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Place:
    """Where an artifact is.

    Attributes:
        bucket: The bucket.
        key: The object.
        master: The ARN of the key that it is encrypted with; empty for the bucket's own.
    """

    bucket: str
    key: str
    master: str

    @property
    def arn(self) -> str:
        """The object's ARN."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


def place(pipeline: str, name: str, store: Mapping[str, str], suffix: str = ".zip") -> Place:
    """Where a new artifact goes: the pipeline's name is cut to 20 characters, the artifact's to 10, as AWS does.

    Args:
        pipeline: The pipeline.
        name: The artifact.
        store: Bucket and key of the pipeline in the region.
        suffix: The end of the object's key.
    """
    key = f"{pipeline[:20]}/{name[:10]}/{secrets.token_hex(4)[:7]}{suffix}"
    return Place(store["location"], key, store.get("key", ""))


def write(session: access.Session, at: Place, body: bytes) -> None:
    """Write an artifact.

    Args:
        session: The role that writes.
        at: Where.
        body: The archive.

    Raises:
        access.Refused: If the role, the bucket or the key does not admit it.
    """
    master = access.key_arn(at.master, session.account, session.region) if at.master else ""
    encrypted = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": master}
    named = encrypted if master else {}
    access.require(session, "s3:PutObject", at.arn, {f"s3:{name}": value for name, value in named.items()})
    access.require_key(session, master or buckets.key_of(at.bucket), "s3")
    headers = {"content-type": "application/zip", "content-length": str(len(body)), "host": "s3.localhost", **named}
    request = s3.handle_request("PUT", f"/{at.bucket}/{at.key}", headers, body, {}, internal=True)
    status, _, answer = asyncio.run(request)
    if status != 200:
        raise access.Refused(f"S3 answered {status} for {at.bucket}/{at.key}: {answer!r}")


def read(session: access.Session, at: Place) -> bytes:
    """Read an artifact, in its newest version.

    Args:
        session: The role that reads.
        at: Where it is.

    Raises:
        access.Refused: If the role, the bucket or the key does not admit it, or it is not there.
    """
    for action in ("s3:GetObject", "s3:GetObjectVersion"):
        access.require(session, action, at.arn)
    master = at.master or buckets.key_of(at.bucket)
    if master:
        arn = access.key_arn(master, session.account, session.region)
        via = {"kms:ViaService": f"s3.{session.region}.amazonaws.com", "kms:CallerAccount": session.account}
        access.require(session, "kms:Decrypt", arn, via)
        access.refuse_disabled_key(arn)
    body: bytes | None = s3._get_object_data(at.bucket, at.key)
    if body is None:
        raise access.Refused(f"the artifact {at.bucket}/{at.key} is not there")
    return body


def packed(files: Mapping[str, tuple[bytes, bool]]) -> bytes:
    """An archive of files.

    Args:
        files: Content of each file by its path, and whether it can be executed.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, (content, executable) in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = (0o755 if executable else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return made.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack an archive with the modes of its files.

    Args:
        archive: The archive.
        folder: The folder to put the files in.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for entry in opened.infolist():
            path = Path(opened.extract(entry, folder))
            if not entry.is_dir() and entry.external_attr >> 16 & 0o100:
                path.chmod(0o755)


def file(archive: bytes, path: str) -> bytes:
    """A file of an archive.

    Args:
        archive: The archive.
        path: The file's path.

    Raises:
        LookupError: If there is no such file.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        if path not in opened.namelist():
            raise LookupError(path)
        return opened.read(path)
