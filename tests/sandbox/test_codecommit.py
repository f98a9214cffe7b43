"""A repository of the sandbox is a real one: Git pushes to it, and CodeCommit's API and events tell of what it got."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import waiting
from sandbox.run import Run
from sandbox.scenarios._repository import Clone, clone

from .test_ses import ACCOUNT, REGION

KIND = "CodeCommit Repository State Change"
NOWHERE = "a" * 40
OTHER = "b" * 40


@pytest.fixture
def name(run: Run) -> Iterator[str]:
    """A repository without commits."""
    codecommit, made = run.client("codecommit"), f"code-{uuid4()}"
    codecommit.create_repository(repositoryName=made)
    yield made
    codecommit.delete_repository(repositoryName=made)


@pytest.fixture
def working(run: Run, name: str) -> Iterator[Clone]:
    """A working copy of it."""
    with clone(run, name) as made:
        yield made


@pytest.fixture
def heard(run: Run, name: str) -> Iterator[str]:
    """The URL of a queue that gets the events of the repository."""
    sqs, events = run.client("sqs"), run.client("events")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]})
    queue: str = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    pattern = {"source": ["aws.codecommit"], "detail-type": [KIND], "detail": {"repositoryName": [name]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "Queue", "Arn": arn}])
    yield queue
    events.remove_targets(Rule=name, Ids=["Queue"])
    events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=queue)


def told(run: Run, queue: str, count: int) -> list[tuple[Any, ...]]:
    """What so many events say, which are then forgotten."""

    def there() -> list[dict[str, Any]] | None:
        found = waiting(run, queue)
        return found if len(found) >= count else None

    found = [event["detail"] for event in run.wait("events", there)]
    run.client("sqs").purge_queue(QueueUrl=queue)
    names = ("event", "referenceType", "referenceName", "referenceFullName", "oldCommitId", "commitId")
    return sorted(tuple(one.get(key) for key in names) for one in found)


def refusal(function: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        function(**request)
    return str(refused.value.response["Error"]["Code"])


def test_each_reference_that_a_push_changes_is_an_event(run: Run, working: Clone, heard: str) -> None:
    first = working.put({"a.txt": b"1"})
    assert told(run, heard, 1) == [("referenceCreated", "branch", "main", "refs/heads/main", None, first)]
    working.git("checkout", "-q", "-b", "team/side")
    second = working.commit({"b.txt": b"2"})
    light, heavy = working.tag("light", commit=first), working.tag("v/1", "the first one", second)
    working.push("team/side", "light", "v/1")
    assert (light == first, heavy == second) == (True, False)
    assert told(run, heard, 3) == [
        ("referenceCreated", "branch", "team/side", "refs/heads/team/side", None, second),
        ("referenceCreated", "tag", "light", "refs/tags/light", None, first),
        ("referenceCreated", "tag", "v/1", "refs/tags/v/1", None, heavy),
    ]
    working.push("team/side")
    working.push(":team/side", ":v/1")
    assert told(run, heard, 2) == [
        ("referenceDeleted", "branch", "team/side", "refs/heads/team/side", second, None),
        ("referenceDeleted", "tag", "v/1", "refs/tags/v/1", heavy, None),
    ]
    assert run.client("codecommit").list_branches(repositoryName=working.url.rpartition("/")[2])["branches"] == ["main"]


def test_a_push_of_many_commits_is_one_event_and_a_forced_one_an_update(run: Run, working: Clone, heard: str) -> None:
    start = working.put({"a.txt": b"1"})
    many = working.put_many(200, {20: {"deep/key.txt": b"found"}})
    added, removed = working.put_and_remove({"short.txt": b"lived"})
    forced = working.replace({"c.txt": b"3"}, commits=2)
    branch = ("branch", "main", "refs/heads/main")
    assert told(run, heard, 4) == sorted(
        [
            ("referenceCreated", *branch, None, start),
            ("referenceUpdated", *branch, start, many[-1]),
            ("referenceUpdated", *branch, many[-1], removed),
            ("referenceUpdated", *branch, removed, forced),
        ]
    )
    codecommit, name = run.client("codecommit"), working.url.rpartition("/")[2]
    seen, at = [], forced
    while at:
        found = codecommit.get_commit(repositoryName=name, commitId=at)["commit"]
        seen.append(at)
        at = next(iter(found["parents"]), "")
    assert seen == [forced, *reversed(many), start]
    # What no branch has any more can still be read by its id.
    assert codecommit.get_commit(repositoryName=name, commitId=added)["commit"]["parents"] == [many[-1]]
    changed = codecommit.get_differences(
        repositoryName=name, beforeCommitSpecifier=many[19], afterCommitSpecifier=many[20]
    )["differences"]
    assert [one["afterBlob"]["path"] for one in changed] == ["deep/key.txt", "notes/00020.txt"]
    blob = codecommit.get_blob(repositoryName=name, blobId=changed[0]["afterBlob"]["blobId"])
    assert blob["content"] == b"found"


def test_commits_are_as_git_has_them(run: Run, name: str, working: Clone) -> None:
    working.commit({"a.txt": b"1"}, "Eins", moment=1_700_000_000)
    side = working.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "Side", moment=5)
    working.git("branch", "side", side)
    working.commit({"b.txt": b"2"}, "Zwei\n\nmit Text", moment=1_600_000_000)
    merged = working.merge("side", {"evil.txt": b"only here"})
    working.push("main")
    codecommit = run.client("codecommit")
    got = codecommit.get_commit(repositoryName=name, commitId=merged)["commit"]
    second = codecommit.get_commit(repositoryName=name, commitId=got["parents"][0])["commit"]
    assert got["parents"] == [second["commitId"], side]
    assert (second["message"].strip(), second["author"]["date"]) == ("Zwei\n\nmit Text", "1600000000 +0000")
    assert second["committer"] == {"name": "Dev Eloper", "email": "dev@example.com", "date": "1600000000 +0000"}
    asked = [merged, side, NOWHERE, "short"]
    batch = codecommit.batch_get_commits(repositoryName=name, commitIds=asked)
    assert [one["commitId"] for one in batch["commits"]] == [merged, side]
    codes = {one["commitId"]: one["errorCode"] for one in batch["errors"]}
    assert codes == {NOWHERE: "CommitIdDoesNotExistException", "short": "InvalidCommitIdException"}
    many = [f"{number:040x}" for number in range(101)]
    code = refusal(codecommit.batch_get_commits, repositoryName=name, commitIds=many)
    assert code == "CommitIdsLimitExceededException"
    for id, code in (("main", "InvalidCommitIdException"), (NOWHERE, "CommitIdDoesNotExistException")):
        assert refusal(codecommit.get_commit, repositoryName=name, commitId=id) == code


def test_a_reference_a_tag_and_a_commit_mean_a_commit(run: Run, name: str, working: Clone) -> None:
    first = working.put({"a.txt": b"1"})
    tag = working.tag("v1", "one")
    working.git("tag", "again", tag, "-a", "-m", "a tag of a tag")
    last = working.put({"a.txt": b"2"})
    working.push("v1", "again")
    codecommit = run.client("codecommit")

    def meant(specifier: str) -> str:
        found = codecommit.get_folder(repositoryName=name, commitSpecifier=specifier, folderPath="/")
        return str(found["commitId"])

    assert [meant(one) for one in ("refs/tags/v1", "v1", "again", tag, first)] == [first] * 5
    assert [meant(one) for one in ("main", "refs/heads/main", "HEAD")] == [last] * 3
    assert refusal(codecommit.get_commit, repositoryName=name, commitId=tag) == "CommitIdDoesNotExistException"
    for one in ("refs/tags/v2", NOWHERE, "../../main", "refs/heads"):
        asked = {"repositoryName": name, "commitSpecifier": one, "folderPath": "/"}
        assert refusal(codecommit.get_folder, **asked) == "CommitDoesNotExistException"


def test_differences_have_pages_and_octal_modes(run: Run, name: str, working: Clone) -> None:
    working.commit({f"many/{number:03}": str(number).encode() for number in range(250)})
    for mode, content, path in ((100755, b"#!/bin/sh", "run"), (120000, b"many/001", "link")):
        blob = working.git("hash-object", "-w", "--stdin", stdin=content)
        working.git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")
    working.git("update-index", "--add", "--cacheinfo", f"160000,{OTHER},module")
    working.git("commit", "-q", "-m", "Special ones")
    working.git("mv", "many/000", "moved")
    working.git("rm", "-q", "many/001")
    working.git("commit", "-q", "-m", "Moved")
    working.push()
    codecommit = run.client("codecommit")
    asked = {"repositoryName": name, "afterCommitSpecifier": "main"}
    pages = [page["differences"] for page in codecommit.get_paginator("get_differences").paginate(**asked)]
    assert [len(page) for page in pages] == [100, 100, 52]
    found = {one["afterBlob"]["path"]: one["afterBlob"] for page in pages for one in page}
    modes = [found[path]["mode"] for path in ("many/002", "run", "link", "module")]
    assert modes == ["100644", "100755", "120000", "160000"]
    assert found["module"]["blobId"] == OTHER
    assert refusal(codecommit.get_blob, repositoryName=name, blobId=OTHER) == "BlobIdDoesNotExistException"
    sized = codecommit.get_paginator("get_differences").paginate(**asked, MaxResults=63)
    assert [len(page["differences"]) for page in sized] == [63, 63, 63, 63]
    changed = codecommit.get_differences(**asked, beforeCommitSpecifier=working.git("rev-parse", "HEAD~"))
    kinds = [
        (one["changeType"], *(one.get(side, {}).get("path") for side in ("beforeBlob", "afterBlob")))
        for one in changed["differences"]
    ]
    assert kinds == [("D", "many/000", None), ("D", "many/001", None), ("A", None, "moved")]
    assert refusal(codecommit.get_differences, **asked, NextToken="x") == "InvalidContinuationTokenException"
    assert refusal(codecommit.get_differences, **asked, MaxResults=0) == "InvalidMaxResultsException"
    folder = codecommit.get_folder(repositoryName=name, folderPath="/")
    kinds_of = {
        kind: [one["relativePath"] for one in folder[kind]] for kind in ("files", "symbolicLinks", "subModules")
    }
    assert kinds_of == {"files": ["moved", "run"], "symbolicLinks": ["link"], "subModules": ["module"]}


def test_a_file_of_more_than_six_megabytes_can_be_pushed_and_not_be_read(run: Run, name: str, working: Clone) -> None:
    working.put({"fits": bytes(6 * 1024 * 1024), "large": bytes(6 * 1024 * 1024 + 1)})
    codecommit = run.client("codecommit")
    listed = codecommit.get_differences(repositoryName=name, afterCommitSpecifier="main")["differences"]
    ids = {one["afterBlob"]["path"]: one["afterBlob"]["blobId"] for one in listed}
    assert len(codecommit.get_blob(repositoryName=name, blobId=ids["fits"])["content"]) == 6 * 1024 * 1024
    assert refusal(codecommit.get_blob, repositoryName=name, blobId=ids["large"]) == "FileTooLargeException"
    assert refusal(codecommit.get_file, repositoryName=name, filePath="large") == "FileTooLargeException"
    assert refusal(codecommit.get_blob, repositoryName=name, blobId="x") == "InvalidBlobIdException"


def test_git_gets_what_the_api_commits_and_the_other_way_round(run: Run, name: str, working: Clone) -> None:
    codecommit = run.client("codecommit")
    files = {"b/a": b"1", "b.txt": b"2", "b/c/d": b"3", "ü": b"4"}
    put = [{"filePath": path, "fileContent": content} for path, content in files.items()]
    mode = {"filePath": "run", "fileContent": b"#!", "fileMode": "EXECUTABLE"}
    made = codecommit.create_commit(
        repositoryName=name, branchName="main", putFiles=[*put, mode], authorName="Ü", email="u@example.com"
    )
    working.git("fetch", "-q", "origin")
    working.switch("main", "origin/main")
    assert working.git("rev-parse", "HEAD", "HEAD^{tree}").split() == [made["commitId"], made["treeId"]]
    working.git("fsck", "--strict", "--full")
    assert {path: (working.folder / path).read_bytes() for path in files} == files
    assert (working.folder / "run").stat().st_mode & 0o100
    pushed = working.put({"ü": b"5"})
    done = codecommit.put_file(
        repositoryName=name, branchName="main", filePath="b/a", fileContent=b"6", parentCommitId=pushed
    )
    working.git("pull", "-q", "--ff-only", "origin", "main")
    assert working.git("rev-parse", "HEAD") == done["commitId"]
    bad = {"repositoryName": name, "commitId": pushed}
    for branch in ("../x", "a..b", "a.lock", "main/sub", NOWHERE):
        code = refusal(codecommit.create_branch, **bad, branchName=branch)
        assert code == "InvalidBranchNameException", branch
    asked = {"repositoryName": name, "branchName": "main", "fileContent": b"7", "parentCommitId": done["commitId"]}
    for path in ("../x", "a//b", ".git/hooks/x", "/"):
        assert refusal(codecommit.put_file, **asked, filePath=path) == "InvalidPathException", path


def test_lists_of_repositories_and_branches_have_pages(run: Run, name: str, working: Clone) -> None:
    working.put({"a": b"1"})
    names = [f"branch-{number:04}" for number in range(1005)]
    lines = "".join(f"create refs/heads/{one} HEAD\n" for one in names)
    working.git("update-ref", "--stdin", stdin=lines.encode())
    working.push("refs/heads/*:refs/heads/*")
    codecommit = run.client("codecommit")
    pages = [page["branches"] for page in codecommit.get_paginator("list_branches").paginate(repositoryName=name)]
    assert ([len(page) for page in pages], pages[0][0], pages[1][-1]) == ([1000, 6], names[0], "main")
    codecommit.create_repository(repositoryName="zzz")
    found = codecommit.list_repositories(sortBy="repositoryName", order="descending")["repositories"]
    codecommit.delete_repository(repositoryName="zzz")
    listed = [one["repositoryName"] for one in found]
    assert (listed[0], name in listed) == ("zzz", True)
