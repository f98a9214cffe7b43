"""AWS CodeCommit: repositories by its API; what is in them is in other modules, and Git reaches the same folders."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from sandbox.adapters.json_rpc import Fault, Record

from . import references
from .commits import Commit
from .objects import Store
from .repositories import File, Files, Repository
from .state import now, page

SERVICE = "codecommit"
REPOSITORIES: Any = AccountRegionScopedDict()
"""The repositories by their names."""
_FOLDER = "codecommit"


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
    found = of.find(of.store.reference(f"refs/heads/{name}") or "")
    if found is None:
        raise Fault("BranchDoesNotExistException", f"Branch {name} does not exist")
    return found


def commit(of: Repository, specifier: str | None) -> Commit:
    """The commit that a specifier means: a hash, a branch, a tag, a reference's full name, ``HEAD``, or nothing.

    Args:
        of: The repository.
        specifier: The specifier; None for the default branch.

    Raises:
        Fault: If there is none.
    """
    wanted = specifier or of.default_branch
    found = of.resolve(wanted) if wanted else None
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
    id = str(uuid4())
    store = Store(Path(tempfile.gettempdir()) / _FOLDER / f"{id}.git")
    made = Repository(name, id, arn, description, key, now(), now(), store, dict(tags or {}))
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
    references.move(of, name, made.id)


def remove(name: str) -> Repository | None:
    """Delete a repository with all that is in it.

    Args:
        name: Its name.

    Returns:
        What it was; None if there was none.
    """
    found: Repository | None = REPOSITORIES.pop(name, None)
    if found is not None:
        found.store.remove()
    return found


def _create(request: Record) -> Record:
    given = (request.get("repositoryDescription", ""), request.get("kmsKeyId", ""), request.get("tags"))
    return {"repositoryMetadata": described(create(request["repositoryName"], *given))}


def _get(request: Record) -> Record:
    return {"repositoryMetadata": described(repository(request["repositoryName"]))}


def _batch_get(request: Record) -> Record:
    found = [REPOSITORIES[name] for name in request["repositoryNames"] if name in REPOSITORIES]
    missing = [name for name in request["repositoryNames"] if name not in REPOSITORIES]
    return {"repositories": list(map(described, found)), "repositoriesNotFound": missing}


def _list(request: Record) -> Record:
    by_date = request.get("sortBy") == "lastModifiedDate"
    falling = request.get("order") == "descending"
    found = sorted(REPOSITORIES.values(), key=lambda one: one.modified if by_date else one.name, reverse=falling)
    names = [{"repositoryName": one.name, "repositoryId": one.id} for one in found]
    shown, more = page(names, request, 1000, invalid="InvalidContinuationTokenException")
    return {"repositories": shown, **more}


def _delete(request: Record) -> Record:
    found = remove(request["repositoryName"])
    return {"repositoryId": found.id} if found else {}


def _set_default(request: Record) -> Record:
    found = repository(request["repositoryName"])
    branch(found, request["defaultBranchName"])
    references.set_default(found, request["defaultBranchName"])
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
