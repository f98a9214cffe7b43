"""CodeCommit's operations on what is in a repository: branches, commits, folders and files."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from ministack.core.iam_evaluator import caller_arn

from sandbox.adapters.json_rpc import Fault, Record

from . import codecommit
from .codecommit import branch, commit, repository
from .repositories import Commit, File, Repository, differences

_MOST_FILES = 100
_MOST_BYTES = 6 * 1024 * 1024


def _commit_shape(one: Commit) -> Record:
    who = {"name": one.author[0], "email": one.author[1], "date": f"{one.moment} +0000"}
    return {
        "commitId": one.id,
        "treeId": one.tree,
        "parents": list(one.parents),
        "message": one.message,
        "author": who,
        "committer": who,
        "additionalData": "",
    }


def _author(request: Record) -> tuple[str, str]:
    name = request.get("authorName") or request.get("name") or (caller_arn() or "root").rpartition("/")[2]
    return name, request.get("email", "")


def _create_commit(request: Record) -> Record:
    changed = request.get("putFiles") or []
    removed = request.get("deleteFiles") or []
    if len(changed) + len(removed) > _MOST_FILES:
        raise Fault("MaximumFileEntriesExceededException", f"A commit can have {_MOST_FILES} file entries at most")
    found = repository(request["repositoryName"])
    files = found.files(_parent(found, request["branchName"], request.get("parentCommitId")))
    before = dict(files)
    for one in changed:
        if "sourceFile" in one:
            raise Fault("NotImplementedException", "the sandbox has no sourceFile of CreateCommit")
        path = one["filePath"].strip("/")
        kept = files[path].mode if path in files else "NORMAL"
        files[path] = File(one.get("fileMode") or kept, _blob(found, one.get("fileContent", "")))
    for one in removed:
        _remove(files, one["filePath"])
    for one in request.get("setFileModes") or []:
        files[one["filePath"]] = File(one["fileMode"], _file(files, one["filePath"]).blob)
    made = _committed(found, request, files, request.get("commitMessage", ""))

    def entries(kinds: str) -> list[Record]:
        return [
            {"absolutePath": path, "blobId": (new or old or File("NORMAL", "")).blob, "fileMode": (new or old).mode}  # type: ignore[union-attr]
            for kind, path, old, new in differences(before, files)
            if kind in kinds
        ]

    answer = {"filesAdded": entries("A"), "filesUpdated": entries("M"), "filesDeleted": entries("D")}
    return {"commitId": made.id, "treeId": made.tree, **answer}


def _blob(of: Repository, content: str) -> str:
    data = base64.b64decode(content)
    if len(data) > _MOST_BYTES:
        raise Fault("FileContentSizeLimitExceededException", "A file can have 6 MB at most")
    return of.add_blob(data)


def _parent(of: Repository, name: str, parent: str | None) -> str | None:
    """The commit that a new one of a branch comes after; it must be said and be the newest."""
    tip = of.branches.get(name)
    if tip is None and parent is None and of.branches:
        raise Fault("BranchDoesNotExistException", f"Branch {name} does not exist")
    if tip is not None and parent is None:
        raise Fault("ParentCommitIdRequiredException", f"The branch {name} has commits; a parent commit ID is required")
    if parent is not None and parent not in of.commits:
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
    codecommit.move(of, name, made.id)
    return made


def _put_file(request: Record) -> Record:
    found = repository(request["repositoryName"])
    files = found.files(_parent(found, request["branchName"], request.get("parentCommitId")))
    path, blob = request["filePath"].strip("/"), _blob(found, request["fileContent"])
    mode = request.get("fileMode") or "NORMAL"
    if files.get(path) == File(mode, blob):
        raise Fault("SameFileContentException", f"The file {path} has this content")
    made = _committed(found, request, {**files, path: File(mode, blob)}, request.get("commitMessage", ""))
    return {"commitId": made.id, "blobId": blob, "treeId": made.tree}


def _delete_file(request: Record) -> Record:
    found = repository(request["repositoryName"])
    files = found.files(_parent(found, request["branchName"], request["parentCommitId"]))
    blob = _file(files, request["filePath"]).blob
    _remove(files, request["filePath"])
    made = _committed(found, request, files, request.get("commitMessage", ""))
    return {"commitId": made.id, "blobId": blob, "treeId": made.tree, "filePath": request["filePath"]}


def _remove(files: dict[str, File], path: str) -> None:
    _file(files, path)
    del files[path.strip("/")]


def _file(files: dict[str, File], path: str) -> File:
    found = files.get(path.strip("/"))
    if found is None:
        raise Fault("FileDoesNotExistException", f"The file {path} does not exist")
    return found


def _get_file(request: Record) -> Record:
    found = repository(request["repositoryName"])
    of = commit(found, request.get("commitSpecifier"))
    file = _file(found.files(of.id), request["filePath"])
    content = found.blobs[file.blob]
    return {
        "commitId": of.id,
        "blobId": file.blob,
        "filePath": request["filePath"],
        "fileMode": file.mode,
        "fileSize": len(content),
        "fileContent": base64.b64encode(content).decode(),
    }


def _get_folder(request: Record) -> Record:
    found = repository(request["repositoryName"])
    of = commit(found, request.get("commitSpecifier"))
    files, folder = found.files(of.id), request["folderPath"].strip("/")
    start = f"{folder}/" if folder else ""
    inside = {path.removeprefix(start): one for path, one in files.items() if path.startswith(start)}
    if not inside:
        raise Fault("FolderDoesNotExistException", f"The folder {request['folderPath']} does not exist")
    names = sorted({path.split("/")[0] for path in inside if "/" in path})
    return {
        "commitId": of.id,
        "folderPath": request["folderPath"],
        "treeId": found.tree(files, folder),
        "subFolders": [_entry(start, name, treeId=found.tree(files, f"{start}{name}")) for name in names],
        "files": [
            _entry(start, path, blobId=one.blob, fileMode=one.mode)
            for path, one in sorted(inside.items())
            if "/" not in path
        ],
        "symbolicLinks": [],
        "subModules": [],
    }


def _entry(start: str, path: str, **more: str) -> Record:
    return {"absolutePath": f"{start}{path}", "relativePath": path, **more}


def _get_blob(request: Record) -> Record:
    found = repository(request["repositoryName"])
    if request["blobId"] not in found.blobs:
        raise Fault("BlobIdDoesNotExistException", f"The blob {request['blobId']} does not exist")
    return {"content": base64.b64encode(found.blobs[request["blobId"]]).decode()}


def _get_commit(request: Record) -> Record:
    found = repository(request["repositoryName"]).commits.get(request["commitId"])
    if found is None:
        raise Fault("CommitIdDoesNotExistException", f"The commit {request['commitId']} does not exist")
    return {"commit": _commit_shape(found)}


def _get_branch(request: Record) -> Record:
    name = request.get("branchName", "")
    tip = branch(repository(request["repositoryName"]), name)
    return {"branch": {"branchName": name, "commitId": tip.id}}


def _create_branch(request: Record) -> Record:
    found, name = repository(request["repositoryName"]), request["branchName"]
    if name in found.branches:
        raise Fault("BranchNameExistsException", f"Branch {name} already exists")
    codecommit.move(found, name, commit(found, request["commitId"]).id)
    return {}


def _delete_branch(request: Record) -> Record:
    found, name = repository(request["repositoryName"]), request["branchName"]
    if name == found.default_branch:
        raise Fault("DefaultBranchCannotBeDeletedException", f"{name} is the default branch")
    if name not in found.branches:
        return {}
    gone = {"branchName": name, "commitId": found.branches[name]}
    codecommit.move(found, name, None)
    return {"deletedBranch": gone}


def _get_differences(request: Record) -> Record:
    found = repository(request["repositoryName"])
    old = request.get("beforeCommitSpecifier")
    before = found.files(commit(found, old).id) if old else {}
    after = found.files(commit(found, request["afterCommitSpecifier"]).id)

    def side(path: str, file: File | None) -> Any:
        return file and {"path": path, "blobId": file.blob, "mode": file.mode}

    changes = [
        {"changeType": kind, "beforeBlob": side(path, one), "afterBlob": side(path, other)}
        for kind, path, one, other in differences(before, after)
    ]
    return {"differences": [{key: value for key, value in change.items() if value} for change in changes]}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CreateCommit": _create_commit,
    "PutFile": _put_file,
    "DeleteFile": _delete_file,
    "GetFile": _get_file,
    "GetFolder": _get_folder,
    "GetBlob": _get_blob,
    "GetCommit": _get_commit,
    "GetBranch": _get_branch,
    "ListBranches": lambda request: {"branches": sorted(repository(request["repositoryName"]).branches)},
    "CreateBranch": _create_branch,
    "DeleteBranch": _delete_branch,
    "GetDifferences": _get_differences,
}
