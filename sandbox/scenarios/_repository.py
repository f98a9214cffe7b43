"""A repository of CodeCommit as a developer has it: a working copy, and pushes by Git with a key of one's own."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.run import Run
from sandbox.server import REGION

from . import Broken

Changes = Mapping[str, bytes | None]
"""Contents by path; None for a file that is removed."""
DEVELOPER = ("Dev Eloper", "dev@example.com")
SECONDS = 120


class Refused(Broken):
    """Git did not do what it was told; the message is what it said."""


def password(url: str, credentials: Mapping[str, str], region: str) -> tuple[str, str]:
    """Return user name and password for Git, as AWS's credential helper makes them.

    Args:
        url: The repository's URL.
        credentials: An access key, as ``boto3.Session`` takes it.
        region: The repository's region.
    """
    key, secret = credentials["aws_access_key_id"], credentials["aws_secret_access_key"]
    token = credentials.get("aws_session_token") or ""
    request = AWSRequest(method="GIT", url=url)
    request.context["timestamp"] = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    at = urlsplit(url)
    signer = SigV4Auth(Credentials(key, secret), "codecommit", region)
    text = signer.string_to_sign(request, f"GIT\n{at.path}\n\nhost:{at.hostname}\n\nhost\n")
    signature = signer.signature(text, request)
    return key + (f"%{token}" if token else ""), f"{request.context['timestamp']}Z{signature}"


@dataclass(frozen=True)
class Clone:
    """A working copy of a repository; ``clone`` makes it.

    Attributes:
        folder: Its files.
        url: The repository's URL.
        region: The repository's region.
        authority: The certificate of the authority that signed the server's.
        credentials: Whose key Git calls with, as ``boto3.Session`` takes it.
    """

    folder: Path
    url: str
    region: str
    authority: Path
    credentials: Mapping[str, str]

    def git(self, *command: str, stdin: bytes = b"", moment: int | None = None) -> str:
        """Run Git, and return what it says without the line's end.

        Args:
            command: What it is told, without its name.
            stdin: What it reads.
            moment: When commits are made, in seconds since 1970; None for now.

        Raises:
            Refused: If it fails, such as a push that is not allowed.
            Broken: If there is no Git.
        """
        program = shutil.which("git")
        if program is None:
            raise Broken("the scenarios of repositories need the command git; install it")
        environment = self._environment()
        if moment is not None:
            environment |= dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"@{moment} +0000")
        done = subprocess.run(
            [program, *command],
            cwd=self.folder,
            env=environment,
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            said = " / ".join(done.stderr.decode(errors="replace").split("\n")).strip(" /")
            raise Refused(f"git {command[0]} failed: {said}")
        return done.stdout.decode(errors="replace").rstrip("\n")

    def _environment(self) -> dict[str, str]:
        """Nothing of the user's configuration, and what Git needs for this repository's server."""
        user, secret = password(self.url, self.credentials, self.region)
        basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
        settings = {
            f"http.{self.url}.extraHeader": f"Authorization: Basic {basic}",
            "http.sslCAInfo": str(self.authority),
            "gc.auto": "0",
        }
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for number, (name, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        for who in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{who}_NAME": DEVELOPER[0], f"GIT_{who}_EMAIL": DEVELOPER[1]}
        return environment

    def switch(self, branch: str, start: str = "") -> None:
        """Go to a branch.

        Args:
            branch: The branch.
            start: The commit that it begins at, if it is new or to begin anew.
        """
        self.git("checkout", "--quiet", *(("-B", branch, start) if start else (branch,)))

    def commit(self, changes: Changes, message: str = "Change", moment: int | None = None) -> str:
        """Commit changes to the branch that it is on, and return the id of the commit.

        Args:
            changes: The files.
            message: What is changed.
            moment: When, in seconds since 1970; None for now.
        """
        for path, content in changes.items():
            at = self.folder / path
            if content is None:
                at.unlink()
            else:
                at.parent.mkdir(parents=True, exist_ok=True)
                at.write_bytes(content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--file=-", stdin=message.encode(), moment=moment)
        return self.git("rev-parse", "HEAD")

    def history(self, commits: Iterable[tuple[str, Changes]], branch: str = "main", moment: int = 0) -> list[str]:
        """Make many commits at once on a branch, each a second after the one before, and return their ids.

        Args:
            commits: Messages and changes.
            branch: The branch, which need not be there.
            moment: When the first is made, in seconds since 1970; 0 for now.
        """
        start = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        moment = moment or int(datetime.now(UTC).timestamp())
        lines: list[bytes] = []
        for number, (message, changes) in enumerate(commits):
            who = f"{DEVELOPER[0]} <{DEVELOPER[1]}> {moment + number} +0000"
            lines.append(f"commit refs/heads/{branch}\nmark :{number + 1}\ncommitter {who}\n".encode())
            lines.append(_data(message.encode()))
            if start and number == 0:
                lines.append(f"from {start}\n".encode())
            for path, content in changes.items():
                name = '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
                told = f"D {name}\n" if content is None else f"M 100644 inline {name}\n"
                lines.append(told.encode() + (b"" if content is None else _data(content)))
        marks = self.folder.parent / "marks"
        self.git("fast-import", "--quiet", f"--export-marks={marks}", stdin=b"".join(lines))
        if self.git("symbolic-ref", "--short", "HEAD") == branch:
            self.git("reset", "--quiet", "--hard")
        made = dict(line[1:].split() for line in marks.read_text().splitlines())
        return [made[str(number + 1)] for number in range(len(made))]

    def merge(self, branch: str, changes: Changes | None = None) -> str:
        """Merge a branch into the one that it is on, never by going ahead only, and return the id of the commit.

        Args:
            branch: The other branch.
            changes: What the merge itself brings, which neither branch has.
        """
        self.git("merge", "--quiet", "--no-ff", "--no-commit", branch)
        return self.commit(changes or {}, f"Merge {branch}")

    def tag(self, name: str, message: str = "", commit: str = "HEAD") -> str:
        """Tag a commit, and return the id of the tag's object, or of the commit for a light one.

        Args:
            name: The tag's name.
            message: What it is about; empty for a light tag.
            commit: The commit.
        """
        self.git("tag", "--force", *(("--annotate", f"--message={message}") if message else ()), name, commit)
        return self.git("rev-parse", f"refs/tags/{name}")

    def push(self, *references: str, force: bool = False) -> None:
        """Push references, in one push.

        Args:
            references: Branches, tags, or other references as Git takes them; none for the branch that it is on.
            force: Whether a branch may lose commits.

        Raises:
            Refused: If it is not taken.
        """
        wanted = references or (self.git("symbolic-ref", "--short", "HEAD"),)
        self.git("push", "--quiet", *(("--force",) if force else ()), "origin", *wanted)

    def put(self, changes: Changes, message: str = "Change", branch: str = "main") -> str:
        """Commit changes to a branch and push it; return the id of the commit.

        Args:
            changes: The files.
            message: What is changed.
            branch: The branch, which begins where the working copy is if it is new.
        """
        if self.git("symbolic-ref", "--short", "HEAD") != branch:
            self.switch(branch, "" if self.git("for-each-ref", f"refs/heads/{branch}") else "HEAD")
        made = self.commit(changes, message)
        self.push(branch)
        return made

    def put_many(self, count: int, special: Mapping[int, Changes] | None = None, branch: str = "main") -> list[str]:
        """Push so many commits in one push; return their ids.

        Args:
            count: How many.
            special: What commits have, by their numbers from 0, beside a file that each adds.
            branch: The branch.
        """
        own, plain = special or {}, [(f"notes/{n:05}.txt", f"note {n}\n".encode()) for n in range(count)]
        made = self.history([(f"Note {n}", {at: text, **own.get(n, {})}) for n, (at, text) in enumerate(plain)], branch)
        self.push(branch)
        return made

    def put_and_remove(self, changes: Changes, branch: str = "main") -> tuple[str, str]:
        """Push two commits in one push, of which the second takes back what the first brings; return their ids.

        Args:
            changes: New files.
            branch: The branch.
        """
        first, second = self.history([("Add", changes), ("Remove", dict.fromkeys(changes))], branch)
        self.push(branch)
        return first, second

    def replace(self, changes: Changes, commits: int = 1, branch: str = "main") -> str:
        """Push a commit in the place of a branch's last ones, by force; return its id.

        Args:
            changes: The files of the new commit.
            commits: How many commits the branch loses.
            branch: The branch.
        """
        self.switch(branch)
        self.git("reset", "--quiet", "--hard", f"HEAD~{commits}")
        made = self.commit(changes, "Another way")
        self.push(branch, force=True)
        return made


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"


@contextmanager
def clone(run: Run, name: str, region: str = REGION, credentials: Mapping[str, str] | None = None) -> Iterator[Clone]:
    """Clone a repository while the context lasts; it may be empty.

    Args:
        run: The embedded AWS.
        name: The repository's name.
        region: Its region.
        credentials: Whose key Git calls with, as ``boto3.Session`` takes it; None for the account's root user.

    Raises:
        Refused: If it cannot be fetched.
        Broken: If there is no Git.
    """
    with tempfile.TemporaryDirectory(dir=run.sandbox.folder) as home:
        folder = Path(home) / "work"
        folder.mkdir()
        url = f"{run.sandbox.endpoint}/v1/repos/{name}"
        made = Clone(folder, url, region, run.sandbox.ca, credentials or run.sandbox.credentials)
        made.git("init", "--quiet", "--initial-branch=main")
        made.git("remote", "add", "origin", url)
        made.git("fetch", "--quiet", "origin")
        if made.git("for-each-ref", "refs/remotes/origin/main"):
            made.git("checkout", "--quiet", "-B", "main", "origin/main")
        yield made
