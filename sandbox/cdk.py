"""The pinned CDK command line, at work on the embedded AWS as it would be on AWS."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from .process import ROOT, Sandbox
from .scenarios import Deployment
from .server import ACCOUNT, REGION

NODE = Path(sys.executable).parent / "node"
CLI = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
_QUIET = ("--no-notices", "--no-color", "--ci")
_MOST = 5
"""Reasons in a message."""
_EVENT = re.compile(r"^(?P<stack>\S+) \|\s*(?P<done>\d+)(/(?P<all>\d+))? \| [^|]+ \| \w+")
_FAILED = re.compile(r"\| \w+_FAILED\s+\| (?P<type>\S+)\s+\| (?P<what>.*)")
_CONSEQUENCE = re.compile(
    r"Resource (creation|update|deletion) cancelled|resource\(s\) failed to (create|update|delete)"
)
_FINDING = re.compile(r"ERROR (?P<what>.+)")
_HEADLINE = re.compile(r"\b\w*(error|exception)\b.?:", re.IGNORECASE)


class DeploymentFailed(Exception):
    """The command line gave up; the message says why in one line, and what to do."""


class Cdk:
    """The command line with the embedded AWS for its account. Nothing is written in the repository.

    Args:
        sandbox: The running sandbox.
        say: Takes a few words on the progress.
    """

    def __init__(self, sandbox: Sandbox, say: Callable[[str], None] = lambda text: None) -> None:
        self._sandbox = sandbox
        self._say = say
        self._synthesizer = ThreadPoolExecutor(1, thread_name_prefix="synth")
        self._assemblies: dict[str, Future[Path]] = {}

    def bootstrap(self, regions: Iterable[str] = (REGION,)) -> None:
        """Prepare the account's regions, once.

        Args:
            regions: Those that stacks are deployed in.

        Raises:
            DeploymentFailed: If that fails.
        """
        # Where no cdk.json is, no app is synthesized.
        empty = self._sandbox.folder / "empty"
        empty.mkdir(exist_ok=True)
        self._run("cdk bootstrap", ["bootstrap", *(f"aws://{ACCOUNT}/{region}" for region in regions)], empty)

    def synthesize(self, deployment: Deployment) -> None:
        """Begin to synthesize an app in the background; its templates and checks are what ``cdk deploy`` makes.

        Apps are synthesized one after the other in the order of the calls, and none twice.

        Args:
            deployment: What is to be deployed later.
        """
        key = _key(deployment)
        if key not in self._assemblies:
            # A scenario may have a command line of its own, in the same folder.
            outdir = Path(tempfile.mkdtemp(prefix="assembly-", dir=self._sandbox.folder))
            self._assemblies[key] = self._synthesizer.submit(self._synth, deployment, outdir)

    def assembly(self, deployment: Deployment) -> Path:
        """Wait until an app is synthesized and return the folder of its templates.

        Args:
            deployment: What is to be deployed.

        Raises:
            DeploymentFailed: If the app cannot be synthesized, or a check of its own fails.
        """
        self.synthesize(deployment)
        return self._assemblies[_key(deployment)].result()

    def _synth(self, deployment: Deployment, outdir: Path) -> Path:
        app = ROOT / deployment.app
        context = [part for name, value in deployment.context.items() for part in ("-c", f"{name}={value}")]
        command = ["synth", "--quiet", "--app", shlex.join([sys.executable, app.name]), "--output", str(outdir)]
        self._run(f"cdk synth of {deployment.app}", [*command, *context], app.parent)
        return outdir

    def deploy(self, deployment: Deployment) -> None:
        """Deploy stacks.

        Args:
            deployment: Which.

        Raises:
            DeploymentFailed: If the app cannot be synthesized, a check of its own fails, a stack is for another region
                than the deployment says, or a resource fails.
        """
        self._check_regions(deployment)
        self._on("deploy", deployment, "--require-approval", "never", "--progress", "events")

    def destroy(self, deployment: Deployment) -> None:
        """Delete stacks.

        Args:
            deployment: Which.

        Raises:
            DeploymentFailed: If a resource cannot be deleted.
        """
        self._on("destroy", deployment, "--force")

    def _check_regions(self, deployment: Deployment) -> None:
        manifest = json.loads((self.assembly(deployment) / "manifest.json").read_text())
        for stack in set(deployment.stacks) & set(manifest["artifacts"]):
            # Such as aws://123456789012/us-west-2.
            region = manifest["artifacts"][stack]["environment"].rpartition("/")[2]
            if region.replace("unknown-region", REGION) != deployment.region(stack):
                raise DeploymentFailed(
                    f"stack {stack} must be for {deployment.region(stack)}, where the demo looks for it, got {region}; "
                    "name its region in Deployment.regions"
                )

    def _on(self, verb: str, deployment: Deployment, *options: str) -> None:
        command = [verb, *deployment.stacks, "--app", str(self.assembly(deployment)), *options]
        self._run(f"cdk {verb} {' '.join(deployment.stacks)}", command, self._sandbox.folder)

    def _run(self, what: str, command: Sequence[str], folder: Path) -> None:
        child = self._sandbox.start([str(NODE), str(CLI), *command, *_QUIET], folder)
        said: list[str] = []
        assert child.stdout is not None  # noqa: S101 - Sandbox.start makes it
        for line in child.stdout:
            said.append(line.rstrip())
            if event := _EVENT.match(line):
                self._say(f"{event['stack']} {event['done']}" + (f"/{event['all']}" if event["all"] else ""))
        status = self._sandbox.finish(child)
        if status != 0:
            self._sandbox.check()
            again = "run it by hand in make sandbox to see all of it"
            raise DeploymentFailed(f"{what} must succeed, got {reasons(said)}; {again}")


def reasons(said: Sequence[str]) -> str:
    """Return what in the command line's output says why it failed, short.

    Args:
        said: The lines of the output.
    """
    found = list(_failures(said)) or list(_findings(said))
    found = found or [line.strip() for line in said if _HEADLINE.match(line.strip())]
    found = found or [line.strip() for line in said if line.strip()][-1:]
    found = list(dict.fromkeys(found))
    more = [f"{len(found) - _MOST} more"] if len(found) > _MOST else []
    return " / ".join([*found[:_MOST], *more]) or "no word from it"


def _failures(said: Sequence[str]) -> Iterator[str]:
    """What failed by itself, with the lines that say which property is wrong."""
    for number, line in enumerate(said):
        failed = _FAILED.search(line)
        if failed and not _CONSEQUENCE.search(line):
            details = itertools.takewhile(lambda detail: detail.startswith("#"), said[number + 1 :])
            yield " ".join([failed["type"], failed["what"].strip(), *details])


def _findings(said: Sequence[str]) -> Iterator[str]:
    """What the checks of the app found, each with the construct that the line after it names."""
    for line, after in itertools.pairwise([*said, ""]):
        if finding := _FINDING.fullmatch(line):
            where = after.split()[:1] if after.startswith(" ") else []
            yield " ".join([*where, finding["what"]])


def _key(deployment: Deployment) -> str:
    return f"{deployment.app} {sorted(deployment.context.items())}"
