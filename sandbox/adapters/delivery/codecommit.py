"""AWS CodeCommit: repositories, branches, commits and files by its API; Git itself cannot reach them."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from sandbox.adapters.json_rpc import Fault, Record

from .repositories import Commit, File, Files, Repository
from .state import announce, now

SERVICE = "codecommit"
REPOSITORIES: Any = AccountRegionScopedDict()
"""The repositories by their names."""
WATCHERS: list[Callable[[Repository, str], None]] = []
"""Told of each repository whose branch has changed, with the branch."""


def repository(name: str) -> Repository:
    """A repository.

    Args:
        name: Its name.

    Raises:
        Fault: If there is none.
    """
    found: Repository | None = REPOSITORIES.get(name)
    if found is None:
        raise Fault("RepositoryDoesNotExistException", f"{name} does not exist")
    return found


def branch(of: Repository, name: str) -> Commit:
    """The newest commit of a branch.

    Args:
        of: The repository.
        name: The branch.

    Raises:
        Fault: If there is no such branch.
    """
    if name not in of.branches:
        raise Fault("BranchDoesNotExistException", f"Branch {name} does not exist")
    return of.commits[of.branches[name]]


def commit(of: Repository, specifier: str | None) -> Commit:
    """The commit that a specifier means: a hash, a branch with or without ``refs/heads/``, or nothing.

    Args:
        of: The repository.
        specifier: The specifier; None for the default branch.

    Raises:
        Fault: If there is none.
    """
    wanted = (specifier or of.default_branch).removeprefix("refs/heads/")
    found = of.commits.get(of.branches.get(wanted, wanted))
    if found is None:
        raise Fault("CommitDoesNotExistException", f"Could not find the commit {wanted or 'of the default branch'}")
    return found


def create(name: str, description: str = "", key: str = "", tags: dict[str, str] | None = None) -> Repository:
    """Make a repository without commits.

    Args:
        name: Its name.
        description: What it is for.
        key: The key that it is encrypted with; empty for that of AWS.
        tags: Its tags.

    Raises:
        Fault: If there is one of this name.
    """
    if name in REPOSITORIES:
        raise Fault("RepositoryNameExistsException", f"Repository named {name} already exists")
    place = f"{get_region()}:{get_account_id()}"
    key = key or f"arn:aws:kms:{place}:alias/aws/codecommit"
    arn = f"arn:aws:codecommit:{place}:{name}"
    made = Repository(name, str(uuid4()), arn, description, key, now(), now(), dict(tags or {}))
    REPOSITORIES[name] = made
    return made


def described(of: Repository) -> Record:
    """What the API says of a repository.

    Args:
        of: The repository.
    """
    host = f"git-codecommit.{get_region()}.amazonaws.com/v1/repos/{of.name}"
    found = {
        "accountId": get_account_id(),
        "repositoryId": of.id,
        "repositoryName": of.name,
        "repositoryDescription": of.description,
        "defaultBranch": of.default_branch,
        "lastModifiedDate": of.modified,
        "creationDate": of.created,
        "cloneUrlHttp": f"https://{host}",
        "cloneUrlSsh": f"ssh://{host}",
        "Arn": of.arn,
        "kmsKeyId": of.key,
    }
    return {name: value for name, value in found.items() if value != ""}


def seed(of: Repository, archive: bytes, name: str) -> None:
    """Fill a new repository with the files of a ZIP archive, as its first commit.

    Args:
        of: The repository.
        archive: The archive.
        name: The branch.
    """
    files: Files = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for entry in opened.infolist():
            if not entry.is_dir():
                mode = "EXECUTABLE" if entry.external_attr >> 16 & 0o100 else "NORMAL"
                files[entry.filename] = File(mode, of.add_blob(opened.read(entry)))
    made = of.commit(
        files, (), ("AWS CodeCommit", "noreply-awscodecommit@amazon.com"), int(time.time()), "Initial commit"
    )
    move(of, name, made.id)


def move(of: Repository, name: str, to: str | None) -> None:
    """Let a branch begin at a commit, go on to one, or end, and tell of it.

    Args:
        of: The repository.
        name: The branch.
        to: The commit's hash; None if the branch is deleted.
    """
    old = of.branches.pop(name, None)
    event = "referenceDeleted" if to is None else "referenceUpdated" if old else "referenceCreated"
    if to is not None:
        of.branches[name] = to
        of.default_branch = of.default_branch or name
    of.modified = now()
    detail = {
        "event": event,
        "repositoryName": of.name,
        "repositoryId": of.id,
        "referenceType": "branch",
        "referenceName": name,
        "referenceFullName": f"refs/heads/{name}",
        "callerUserArn": caller_arn() or f"arn:aws:iam::{get_account_id()}:root",
        **({"commitId": to} if to else {}),
        **({"oldCommitId": old} if old else {}),
    }
    announce("aws.codecommit", "CodeCommit Repository State Change", detail, of.arn)
    for watcher in WATCHERS if to else ():
        watcher(of, name)


def _create(request: Record) -> Record:
    given = (request.get("repositoryDescription", ""), request.get("kmsKeyId", ""), request.get("tags"))
    return {"repositoryMetadata": described(create(request["repositoryName"], *given))}


def _get(request: Record) -> Record:
    return {"repositoryMetadata": described(repository(request["repositoryName"]))}


def _batch_get(request: Record) -> Record:
    found = [REPOSITORIES[name] for name in request["repositoryNames"] if name in REPOSITORIES]
    missing = [name for name in request["repositoryNames"] if name not in REPOSITORIES]
    return {"repositories": list(map(described, found)), "repositoriesNotFound": missing}


def _list(_: Record) -> Record:
    return {"repositories": [{"repositoryName": one.name, "repositoryId": one.id} for one in REPOSITORIES.values()]}


def _delete(request: Record) -> Record:
    found = REPOSITORIES.pop(request["repositoryName"], None)
    return {"repositoryId": found.id} if found else {}


def _set_default(request: Record) -> Record:
    found = repository(request["repositoryName"])
    branch(found, request["defaultBranchName"])
    found.default_branch = request["defaultBranchName"]
    return {}


def _tagged(request: Record) -> Repository:
    return repository(request["resourceArn"].rpartition(":")[2])


def _tag(request: Record) -> Record:
    _tagged(request).tags.update(request["tags"])
    return {}


def _untag(request: Record) -> Record:
    for name in request["tagKeys"]:
        _tagged(request).tags.pop(name, None)
    return {}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CreateRepository": _create,
    "GetRepository": _get,
    "BatchGetRepositories": _batch_get,
    "ListRepositories": _list,
    "DeleteRepository": _delete,
    "UpdateDefaultBranch": _set_default,
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": lambda request: {"tags": _tagged(request).tags},
}
