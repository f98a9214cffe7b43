"""``python -m sandbox demo`` and ``python -m sandbox serve``, which ``make demo`` and ``make sandbox`` call."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from .cdk import CLI, Cdk, DeploymentFailed
from .demo import run
from .display import Display
from .process import ROOT, Sandbox, SandboxFailed, without_aws
from .scenarios import architectures, regions, script

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)
_TOPIC = "refarch/one/telemetry"


class Stopped(BaseException):
    """A signal asked to end; everything cleans up on its way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 1 if something did not hold, 2 if it could not begin.

    Args:
        arguments: The command line; None for the process's.
    """
    asked = _parser().parse_args(arguments)
    _stop_by_signal()
    # Whatever is called from here cannot reach an account of the user's.
    clean = without_aws(os.environ)
    for name in set(os.environ) - set(clean):
        del os.environ[name]
    try:
        if not CLI.exists():
            raise SandboxFailed(f"{CLI.relative_to(ROOT)} must be there, got nothing; run make setup")
        if asked.command == "serve":
            return _serve(asked.port)
        return run(asked.architecture or architectures(), asked.json)
    except (SandboxFailed, DeploymentFailed) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2 if isinstance(failure, SandboxFailed) else 1
    except Stopped as stopped:
        if asked.command == "serve":
            return 0
        print("Interrupted; the embedded AWS and all that ran in it are gone.", file=sys.stderr)
        return 128 + stopped.number


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m sandbox", description="The embedded AWS.")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="deploy, drive and delete the architectures, and show a table")
    demo.add_argument("--architecture", type=_names, metavar="NAME", help="only these, with commas between")
    demo.add_argument("--json", type=_file, metavar="FILE", help="write the results there too")
    serve = commands.add_parser("serve", help="keep the embedded AWS running")
    serve.add_argument("--port", type=int, default=0, help="where it listens on 127.0.0.1 (default: a free port)")
    return parser


def _names(text: str) -> list[str]:
    names, known = [name.strip() for name in text.split(",")], architectures()
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(known)}, got {name!r}")
    return names


def _file(text: str) -> Path:
    path = Path(text).absolute()
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"must be in a folder that exists, got {text!r}; create the folder first")
    return path


def _stop_by_signal() -> None:
    """Let the first signal unwind the program; further ones must not disturb the cleaning up."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for other in _SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)

    for number in _SIGNALS:
        # What nohup ignores stays ignored; an interrupt is heard in the background of a script too.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _serve(port: int) -> int:
    display = Display()
    with Sandbox(port=port) as sandbox:
        with display.step("cdk bootstrap"):
            Cdk(sandbox, display.say).bootstrap(regions(map(script, architectures())))
        settings = sandbox.folder / "env.sh"
        settings.write_text(exports(sandbox))
        print(_welcome(sandbox, settings), flush=True)
        while True:
            time.sleep(0.5)
            sandbox.check()


def exports(sandbox: Sandbox) -> str:
    """Return lines for a shell that lead the CDK, boto3 and the aws command to the embedded AWS.

    Args:
        sandbox: The running sandbox.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sandbox.environment.items()]
    path = f"export PATH={shlex.quote(str(ROOT / '.venv' / 'bin'))}:$PATH"
    return "\n".join([*lines, f"unset {' '.join(_UNSET)}", path]) + "\n"


def _welcome(sandbox: Sandbox, settings: Path) -> str:
    publish = f"""boto3.client("iot-data").publish(topic="{_TOPIC}", qos=1, payload=b"{{\\"temperature\\": 21}}")"""
    look = '[print(b.name, o.key, o.size) for b in boto3.resource("s3").buckets.all() for o in b.objects.all()]'
    return f"""
The embedded AWS listens on {sandbox.endpoint} (MQTT: port {sandbox.mqtt_port}), its log is {sandbox.log}

{exports(sandbox)}
In another terminal, in {ROOT}, paste the lines above or
  source {settings}
and then, for example, deploy a stack, publish a message, and see the object some seconds later:
  npx cdk deploy IotToFirehose --require-approval never
  python -c {shlex.quote(f"import boto3; {publish}")}
  python -c {shlex.quote(f"import boto3; {look}")}
The aws command works too, for example: aws s3 ls. Ctrl-C here ends everything and leaves nothing behind."""


if __name__ == "__main__":
    sys.exit(main())
