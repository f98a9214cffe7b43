"""CodeCommit's operations that read what is in a repository: commits, differences, folders, files, branches.

How many differences a page has is not documented; here it is 100, however many more are asked for.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from sandbox.adapters.json_rpc import Fault, Record

from . import triggers
from .codecommit import branch, commit, repository
from .commits import Commit, Person
from .objects import is_id
from .repositories import MODES, Change, File, Files, Repository
from .state import page

MOST_BYTES = 6 * 1024 * 1024
"""How large a file can be for the API; https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html."""
_MOST_COMMITS = 100
_BRANCHES_OF_PAGE = 1000
_DIFFERENCES_OF_PAGE = 100


def file(files: Files, path: str) -> File:
    """A file of a commit.

    Args:
        files: The commit's files.
        path: The file's path.

    Raises:
        Fault: If there is none.
    """
    found = files.get(path.strip("/"))
    if found is None:
        raise Fault("FileDoesNotExistException", f"The file {path} does not exist")
    return found


def shown(path: str) -> str:
    """A path as JSON can have it: what is no UTF-8 in it is replaced.

    Args:
        path: The path.
    """
    return path.encode(errors="surrogateescape").decode(errors="replace")


def _person(one: Person) -> Record:
    return {"name": one.name, "email": one.email, "date": f"{one.moment} {one.zone}"}


def _commit_shape(one: Commit) -> Record:
    return {
        "commitId": one.id,
        "treeId": one.tree,
        "parents": list(one.parents),
        "message": one.message,
        "author": _person(one.author),
        "committer": _person(one.committer),
        "additionalData": one.other,
    }


def _get_commit(request: Record) -> Record:
    of, id = repository(request["repositoryName"]), request["commitId"]
    if not is_id(id):
        raise Fault("InvalidCommitIdException", f"{id} is not a valid commit ID")
    found = of.find(id)
    if found is None:
        raise Fault("CommitIdDoesNotExistException", f"The commit {id} does not exist")
    return {"commit": _commit_shape(found)}


def _batch_get_commits(request: Record) -> Record:
    of, ids = repository(request["repositoryName"]), request["commitIds"]
    if len(ids) > _MOST_COMMITS:
        raise Fault("CommitIdsLimitExceededException", f"At most {_MOST_COMMITS} commits can be asked for at once")
    commits, errors = [], []
    for id in dict.fromkeys(ids):
        found = of.find(id)
        code = "CommitIdDoesNotExistException" if is_id(id) else "InvalidCommitIdException"
        if found is None:
            errors.append({"commitId": id, "errorCode": code, "errorMessage": f"{id} could not be found"})
        else:
            commits.append(_commit_shape(found))
    return {"commits": commits, "errors": errors}


def _content(of: Repository, id: str) -> bytes:
    found = of.blob(id)
    if found is None:
        raise Fault("BlobIdDoesNotExistException", f"The blob {id} does not exist")
    if len(found) > MOST_BYTES:
        raise Fault("FileTooLargeException", f"The file of the blob {id} exceeds the limit of 6 MB")
    return found


def _get_blob(request: Record) -> Record:
    of, id = repository(request["repositoryName"]), request["blobId"]
    if not is_id(id):
        raise Fault("InvalidBlobIdException", f"{id} is not a valid blob ID")
    return {"content": base64.b64encode(_content(of, id)).decode()}


def _get_file(request: Record) -> Record:
    found = repository(request["repositoryName"])
    of = commit(found, request.get("commitSpecifier"))
    one = file(found.files(of.id), request["filePath"])
    content = _content(found, one.blob)
    return {
        "commitId": of.id,
        "blobId": one.blob,
        "filePath": request["filePath"],
        "fileMode": one.mode,
        "fileSize": len(content),
        "fileContent": base64.b64encode(content).decode(),
    }


def _get_folder(request: Record) -> Record:
    found = repository(request["repositoryName"])
    of = commit(found, request.get("commitSpecifier"))
    folder = request["folderPath"].strip("/")
    tree = found.folder(of.tree, folder)
    if tree is None:
        raise Fault("FolderDoesNotExistException", f"The folder {request['folderPath']} does not exist")
    folders, files = found.entries(tree)
    start = f"{folder}/" if folder else ""

    def listed(*modes: str) -> list[Record]:
        chosen = {name: one for name, one in files.items() if one.mode in modes}
        return [_entry(start, name, blobId=one.blob, fileMode=one.mode) for name, one in chosen.items()]

    return {
        "commitId": of.id,
        "folderPath": request["folderPath"],
        "treeId": tree,
        "subFolders": [_entry(start, name, treeId=id) for name, id in folders.items()],
        "files": listed("NORMAL", "EXECUTABLE"),
        "symbolicLinks": listed("SYMLINK"),
        "subModules": [
            _entry(start, name, commitId=one.blob) for name, one in files.items() if one.mode == "SUBMODULE"
        ],
    }


def _entry(start: str, name: str, **more: str) -> Record:
    return {"absolutePath": shown(f"{start}{name}"), "relativePath": shown(name), **more}


def _get_branch(request: Record) -> Record:
    name = request.get("branchName", "")
    tip = branch(repository(request["repositoryName"]), name)
    return {"branch": {"branchName": name, "commitId": tip.id}}


def _list_branches(request: Record) -> Record:
    names = sorted(repository(request["repositoryName"]).branches)
    found, more = page(names, request, _BRANCHES_OF_PAGE, invalid="InvalidContinuationTokenException")
    return {"branches": found, **more}


def _get_differences(request: Record) -> Record:
    of, old = repository(request["repositoryName"]), request.get("beforeCommitSpecifier")
    before = commit(of, old).tree if old else ""
    after = commit(of, request["afterCommitSpecifier"]).tree
    asked = request.get("MaxResults")
    if asked is not None and asked < 1:
        raise Fault("InvalidMaxResultsException", f"The number of results {asked} is not valid")
    changes = _within(of.changes(before, after), request.get("beforePath"), request.get("afterPath"))
    wanted = {"nextToken": request.get("NextToken"), "maxResults": asked}
    found, more = page(changes, wanted, _DIFFERENCES_OF_PAGE, invalid="InvalidContinuationTokenException")
    return {
        "differences": list(map(_difference, found)),
        **({"NextToken": more["nextToken"]} if more else {}),
    }


def _within(changes: list[Change], before: str | None, after: str | None) -> list[Change]:
    """The changes at or below the paths that were asked for."""
    paths = [path.strip("/") for path in (before, after) if path]
    if not any(paths):
        return changes
    return [one for one in changes if any(one[1] == path or one[1].startswith(f"{path}/") for path in paths)]


def _difference(change: Change) -> Record:
    kind, path, old, new = change

    def side(one: File) -> dict[str, Any]:
        return {"path": shown(path), "blobId": one.blob, "mode": MODES[one.mode]}

    sides = {"beforeBlob": old, "afterBlob": new}
    return {"changeType": kind, **{name: side(one) for name, one in sides.items() if one}}


def _get_triggers(request: Record) -> Record:
    of = repository(request["repositoryName"])
    return {"configurationId": of.triggers_id, "triggers": of.triggers}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "GetFile": _get_file,
    "GetFolder": _get_folder,
    "GetBlob": _get_blob,
    "GetCommit": _get_commit,
    "BatchGetCommits": _batch_get_commits,
    "GetBranch": _get_branch,
    "ListBranches": _list_branches,
    "GetDifferences": _get_differences,
    "GetRepositoryTriggers": _get_triggers,
    "PutRepositoryTriggers": lambda request: {
        "configurationId": triggers.put(repository(request["repositoryName"]), request["triggers"])
    },
    "TestRepositoryTriggers": lambda request: triggers.test(repository(request["repositoryName"]), request["triggers"]),
}
