"""Scans what a push has brought, or a whole history, in slices that Step Functions calls one after the other.

A slice ends before Lambda ends it, and soon after it has found something, because findings are answered between slices.
Another try of a slice, and the next one, go on where the walk was saved last.
"""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from asked import Asked, asked_of
from contents import AT_ONCE, Change, Piece, Repository
from found import Findings, Place, Source, shown
from history import Commit, History
from progress import MOST_PLACES, Record
from scanner import Leak, is_binary, scan

MOST_FINDINGS = 200
"""How many findings a slice has."""

IN_BATCH = 25
"""How many of them are answered by one call; a history of Step Functions has 25,000 events:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

IN_RUN = 200
"""After how many slices another run of the state machine goes on, before the history of this one is too long."""

LONGEST_WAIT = 60
"""How many seconds a finding waits to be answered while the slice goes on; in the first slices less."""

SPARE_MILLISECONDS = 90_000
"""How much of its time a slice leaves, for what it has begun."""

SAVED_COMMITS, SAVED_SECONDS = 16, 20
"""After how many commits, or how long, a walk is saved."""

COUNTS = ("commits", "files", "bytes", "not_scanned")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Scan a slice.

    Args:
        event: ``walk``, its name; ``slice``, its number; ``request``, the input of the state machine: an event of
            CodeCommit, ``full_scan`` with ``repository`` and maybe ``branch``, or ``findings`` to be answered again.
        context: Lambda's context.

    Returns:
        The event of the next slice, with ``done``, the ``findings`` of this one, ``progress``, and at the end a
            ``report`` on a whole history, or if something could not be scanned.

    Raises:
        ClientError: If a service refused a call; all can be done again.
        OvertakenError: If another call goes on with the walk.
        QueueTooLongError: If the history is too wide to be walked.
        ValueError: If the request is none of these.
    """
    walk, request, number = event["walk"], event["request"], event["slice"]
    again = {"walk": walk, "request": request, "slice": number + 1, "hand_over": (number + 1) % IN_RUN == 0}
    if "findings" in request:
        return {**again, **_replayed(request["findings"], number)}
    asked = asked_of(request)
    with ThreadPoolExecutor(AT_ONCE) as executor:
        return {**again, **_Slice(walk, number, asked, context, executor).run()}


class _Slice:
    def __init__(self, walk: str, number: int, asked: Asked, context: Any, executor: Executor) -> None:
        self._asked, self._number, self._context = asked, number, context
        self._repository = Repository(asked.repository, executor)
        self._record = Record(walk, number, asked.repository, anew=not asked.commit)
        self._progress = self._record.take()
        source = Source(walk, number, asked.repository, shown(asked.reference), asked.pusher)
        self._findings = Findings(source, self._progress.pending)
        self._before = {name: getattr(self._progress, name) for name in COUNTS}
        self._saved = self._first = time.monotonic()
        self._moved = False
        self._marks: list[str] = []
        self._clean: set[str] = set()

    def run(self) -> dict[str, Any]:
        """Scan until nothing is left or the slice is over, and return what came of it."""
        progress = self._progress
        if not progress.complete:
            self._history = self._begun()
            try:
                self._go_on()
            except (BotoCoreError, ClientError) as error:
                # What was found must not wait for it; the next slice gets the same error, if it lasts.
                if not self._findings.pending:
                    raise
                code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
                _log({"walk": self._record.walk, "slice": self._number, "ended_by": code})
            # What this slice has found is answered before the walk counts as complete.
            progress.complete = self._history.ended and not self._findings.pending
            self._save()
        walk, repository = self._record.walk, self._asked.repository
        made = {name: getattr(progress, name) - count for name, count in self._before.items()}
        made["findings"] = len(self._findings.pending)
        _log({"walk": walk, "repository": repository, "slice": self._number, **made, "done": progress.complete})
        counts = {**{name: getattr(progress, name) for name in COUNTS}, "findings": progress.found}
        result = {"done": progress.complete, "findings": _batches(self._findings.pending), "progress": counts}
        if progress.complete and (progress.not_scanned or not self._asked.commit):
            result["report"] = self._report(counts)
        return result

    def _go_on(self) -> None:
        while not self._history.ended and not self._over() and self._step():
            if len(self._marks) >= SAVED_COMMITS or time.monotonic() - self._saved >= SAVED_SECONDS:
                self._save()

    def _report(self, counts: Mapping[str, int]) -> dict[str, Any]:
        asked = self._asked
        about = {"repository": asked.repository, "reference": shown(asked.reference), "full": not asked.commit}
        pusher = {"pusher": asked.pusher} if asked.pusher else {}
        return {**about, **counts, **pusher, "places": self._progress.places}

    def _begun(self) -> History:
        progress, asked, repository = self._progress, self._asked, self._repository
        if progress.queue is not None:
            seen = self._record.seen
            return History(repository.commit, seen, progress.queue, asked.old, progress.painted)
        history = History(repository.commit, self._record.seen)
        if not asked.commit:
            for head in repository.heads(asked.branch):
                history.want(head)
            return history
        if asked.old:
            history.paint(asked.old)
        history.want(asked.commit)
        if history.gone and asked.reference and (peeled := repository.peeled(asked.reference)):
            history.gone.clear()
            history.want(peeled)
        return history

    def _step(self) -> bool:
        """Go one commit further, and return whether the slice may go on."""
        history, progress = self._history, self._progress
        commit = history.step()
        if commit is not None:
            if not self._scan(commit):
                return False
            history.done(commit)
            progress.commits += 1
            progress.at, progress.skip, progress.inside = "", 0, 0
            self._marks.append(commit.id)
        self._moved = True
        self._marks += history.passed
        history.passed.clear()
        return True

    def _scan(self, commit: Commit) -> bool:
        """Scan a commit from where an earlier slice has left it, and return whether that is done."""
        progress = self._progress
        if progress.at != commit.id:
            progress.at, progress.skip, progress.inside = commit.id, 0, 0
        author = shown(commit.author)
        with closing(self._repository.pieces(self._changes(commit), self._clean)) as files:
            # Whoever is named in it, nothing of a commit is left out.
            text = Piece("", "", f"{commit.message}\n{commit.author}".encode(errors="replace"))
            for piece in chain(() if progress.skip else (text,), files):
                if self._over() or not self._scan_piece(commit.id, author, piece):
                    return False
                progress.skip, progress.inside = progress.skip + 1, 0
                self._moved = True
                if time.monotonic() - self._saved >= SAVED_SECONDS:
                    self._save()
        return True

    def _changes(self, commit: Commit) -> Iterator[Change]:
        # Before the changes comes the message.
        return islice(self._repository.changes(commit), max(self._progress.skip - 1, 0), None)

    def _scan_piece(self, commit: str, author: str, piece: Piece) -> bool:
        """Scan a file, or the message, from the leak where an earlier slice has left it."""
        progress, is_message = self._progress, not self._progress.skip
        in_path = scan(piece.path.encode(errors="replace"))
        path = shown(piece.path, in_path)
        binary = is_binary(piece.data)
        in_data = [] if binary else _of_one_session(scan(piece.data))
        place = Place(commit, author, path, "message" if is_message else "file")
        leaks = [
            *((leak, Place(commit, author, path, "path")) for leak in in_path),
            *((leak, place) for leak in in_data),
        ]
        begin = progress.inside
        for number, (leak, where) in enumerate(leaks[begin:], begin):
            full = len(self._findings.pending) >= MOST_FINDINGS and not self._findings.knows(leak)
            if full or (number > begin and self._late()):
                return False
            if self._findings.offer(leak, where):
                progress.found += 1
                if len(self._findings.pending) == 1:
                    self._first = time.monotonic()
            progress.inside = number + 1
        if piece.reason:
            self._skip(commit, path, piece.reason)
        elif piece.blob and not binary:
            progress.files += 1
            progress.bytes += len(piece.data)
        if piece.blob and not in_data:
            self._clean.add(piece.blob)
        return True

    def _skip(self, commit: str, path: str, reason: str) -> None:
        progress = self._progress
        progress.not_scanned += 1
        if len(progress.places) < MOST_PLACES:
            progress.places.append({"commit": commit, "path": path, "reason": reason})
        _log({"not_scanned_path": path, "commit": commit, "reason": reason})

    def _over(self) -> bool:
        found = len(self._findings.pending)
        waited = time.monotonic() - self._first
        if found >= MOST_FINDINGS or (found and waited >= min(self._number, LONGEST_WAIT)):
            return True
        # Less time than that must not keep a walk from getting on at all.
        return self._moved and self._late()

    def _late(self) -> bool:
        left: int = self._context.get_remaining_time_in_millis()
        return left < SPARE_MILLISECONDS

    def _save(self) -> None:
        progress, history = self._progress, self._history
        for commit in history.gone:
            self._skip(commit, "", "commit is gone")
        history.gone.clear()
        self._findings.flush()
        progress.queue, progress.painted = history.entries(), history.painted
        progress.pending = self._findings.pending
        self._record.save(progress, self._marks)
        self._marks.clear()
        self._saved = time.monotonic()


def _replayed(findings: object, number: int) -> dict[str, Any]:
    ids = [findings] if isinstance(findings, str) else findings
    if not isinstance(ids, list) or not all(isinstance(one, str) and one for one in ids):
        raise ValueError(f"findings must be a list of ids, got {type(findings).__name__}")
    some = ids[number * MOST_FINDINGS : (number + 1) * MOST_FINDINGS]
    counts = {**dict.fromkeys(COUNTS, 0), "findings": len(some)}
    return {"done": len(ids) <= (number + 1) * MOST_FINDINGS, "findings": _batches(some), "progress": counts}


def _of_one_session(leaks: list[Leak]) -> list[Leak]:
    """Return leaks without the tokens beside a temporary key, for whose session they are: it is told of once."""
    if all(leak.kind != "temporary_key" for leak in leaks):
        return leaks
    return [leak for leak in leaks if leak.kind != "session_token"]


def _batches(findings: list[str]) -> list[list[str]]:
    """Return findings as they are answered, some at a time."""
    return [findings[start : start + IN_BATCH] for start in range(0, len(findings), IN_BATCH)]


def _log(line: Mapping[str, Any]) -> None:
    print(json.dumps(line))
