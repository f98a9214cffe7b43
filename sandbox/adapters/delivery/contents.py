"""CodeCommit's operations that change what is in a repository: commits of files, and branches."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

from ministack.core.iam_evaluator import caller_arn

from sandbox.adapters.json_rpc import Fault, Record

from . import references
from .codecommit import commit, repository
from .commits import Commit
from .reading import MOST_BYTES, file
from .repositories import File, Repository

_MOST_FILES = 100


def _author(request: Record) -> tuple[str, str]:
    name = request.get("authorName") or request.get("name") or (caller_arn() or "root").rpartition("/")[2]
    return name, request.get("email", "")


def _create_commit(request: Record) -> Record:
    changed = request.get("putFiles") or []
    removed = request.get("deleteFiles") or []
    if len(changed) + len(removed) > _MOST_FILES:
        raise Fault("MaximumFileEntriesExceededException", f"A commit can have {_MOST_FILES} file entries at most")
    found = repository(request["repositoryName"])
    parent = _parent(found, request["branchName"], request.get("parentCommitId"))
    files, before = found.files(parent), commit(found, parent).tree if parent else ""
    for one in changed:
        if "sourceFile" in one:
            raise Fault("NotImplementedException", "the sandbox has no sourceFile of CreateCommit")
        path = _path(one["filePath"])
        kept = files[path].mode if path in files else "NORMAL"
        files[path] = File(one.get("fileMode") or kept, _blob(found, one.get("fileContent", "")))
    for one in removed:
        _remove(files, one["filePath"])
    for one in request.get("setFileModes") or []:
        files[one["filePath"]] = File(one["fileMode"], file(files, one["filePath"]).blob)
    made = _committed(found, request, files, request.get("commitMessage", ""))

    def entries(kinds: str) -> list[Record]:
        return [
            {"absolutePath": path, "blobId": (new or old or File("NORMAL", "")).blob, "fileMode": (new or old).mode}  # type: ignore[union-attr]
            for kind, path, old, new in found.changes(before, made.tree)
            if kind in kinds
        ]

    answer = {"filesAdded": entries("A"), "filesUpdated": entries("M"), "filesDeleted": entries("D")}
    return {"commitId": made.id, "treeId": made.tree, **answer}


def _path(given: str) -> str:
    """Where a file is to be, unless Git could not have it there."""
    path = given.strip("/")
    if not path or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise Fault("InvalidPathException", f"The path {given} is not valid")
    return path


def _blob(of: Repository, content: str) -> str:
    data = base64.b64decode(content)
    if len(data) > MOST_BYTES:
        raise Fault("FileContentSizeLimitExceededException", "A file can have 6 MB at most")
    return of.add_blob(data)


def _parent(of: Repository, name: str, parent: str | None) -> str | None:
    """The commit that a new one of a branch comes after; it must be said and be the newest."""
    tip = of.branches.get(name)
    if tip is None and parent is None and of.branches:
        raise Fault("BranchDoesNotExistException", f"Branch {name} does not exist")
    if tip is not None and parent is None:
        raise Fault("ParentCommitIdRequiredException", f"The branch {name} has commits; a parent commit ID is required")
    if parent is not None and of.find(parent) is None:
        raise Fault("ParentCommitDoesNotExistException", f"The parent commit ID {parent} does not exist")
    if tip is not None and parent != tip:
        raise Fault("ParentCommitIdOutdatedException", f"The parent commit ID {parent} is not the tip of {name}")
    return parent


def _committed(of: Repository, request: Record, files: dict[str, File], message: str) -> Commit:
    name, parent = request["branchName"], request.get("parentCommitId")
    if files == of.files(parent):
        raise Fault("NoChangeException", "The commit would contain no changes")
    parents = (parent,) if parent else ()
    made = of.commit(files, parents, _author(request), int(time.time()), message)
    references.move(of, name, made.id)
    return made


def _put_file(request: Record) -> Record:
    found = repository(request["repositoryName"])
    files = found.files(_parent(found, request["branchName"], request.get("parentCommitId")))
    path, blob = _path(request["filePath"]), _blob(found, request["fileContent"])
    mode = request.get("fileMode") or "NORMAL"
    if files.get(path) == File(mode, blob):
        raise Fault("SameFileContentException", f"The file {path} has this content")
    made = _committed(found, request, {**files, path: File(mode, blob)}, request.get("commitMessage", ""))
    return {"commitId": made.id, "blobId": blob, "treeId": made.tree}


def _delete_file(request: Record) -> Record:
    found = repository(request["repositoryName"])
    files = found.files(_parent(found, request["branchName"], request["parentCommitId"]))
    blob = file(files, request["filePath"]).blob
    _remove(files, request["filePath"])
    made = _committed(found, request, files, request.get("commitMessage", ""))
    return {"commitId": made.id, "blobId": blob, "treeId": made.tree, "filePath": request["filePath"]}


def _remove(files: dict[str, File], path: str) -> None:
    file(files, path)
    del files[path.strip("/")]


def _create_branch(request: Record) -> Record:
    found, name = repository(request["repositoryName"]), request["branchName"]
    if name in found.branches:
        raise Fault("BranchNameExistsException", f"Branch {name} already exists")
    references.move(found, name, commit(found, request["commitId"]).id)
    return {}


def _delete_branch(request: Record) -> Record:
    found, name = repository(request["repositoryName"]), request["branchName"]
    if name == found.default_branch:
        raise Fault("DefaultBranchCannotBeDeletedException", f"{name} is the default branch")
    if name not in found.branches:
        return {}
    gone = {"branchName": name, "commitId": found.branches[name]}
    references.move(found, name, None)
    return {"deletedBranch": gone}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CreateCommit": _create_commit,
    "PutFile": _put_file,
    "DeleteFile": _delete_file,
    "CreateBranch": _create_branch,
    "DeleteBranch": _delete_branch,
}
