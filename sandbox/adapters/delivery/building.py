"""The course of a build: its phases, its log, and what it leaves; everything is done with the project's role."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, ssm

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Fault, Record

from . import artifacts, codecommit, commands, roles
from .artifacts import Place
from .buildspec import Buildspec, BuildspecError, Phase, parse
from .state import announce, now

WHO = "codebuild.amazonaws.com"


class _BrokenError(Exception):
    """A phase failed; with the status of its context and what is said of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Build:
    """A build.

    Args:
        project: Its project, as it was when the build was started.
        record: What the API says of it, kept up to date.
        variables: Environment variables that come before the project's.
        inputs: The artifacts of a pipeline that it reads, the one with the buildspec first.
        outputs: Where a pipeline wants its artifacts, by their names.

    Attributes:
        record: What the API says of it.
        exported: The variables that later actions of a pipeline can use, once it is over.
        over: Set when it is over.
    """

    record: Record
    exported: dict[str, str]
    over: threading.Event

    def __init__(
        self,
        project: Record,
        record: Record,
        variables: list[Record],
        inputs: dict[str, Place],
        outputs: dict[str, Place],
    ) -> None:
        self.record, self.exported, self.over = record, {}, threading.Event()
        self._project, self._variables, self._inputs, self._outputs = project, variables, inputs, outputs
        self._shell: commands.Shell | None = None
        self._ended = ""
        self._logs = False
        self._spec = Buildspec()

    def run(self) -> None:
        """Run it, to its end."""
        self._folder = Path(tempfile.mkdtemp(prefix="codebuild-")).resolve()
        self._source = self._folder / "src"
        self._source.mkdir()
        timer = threading.Timer(60 * float(self.record["timeoutInMinutes"]), self.stop, ("TIMED_OUT",))
        timer.daemon = True
        timer.start()
        self._tell("IN_PROGRESS")
        try:
            status = self._course()
        except Exception:
            self._finish("FAULT")
            raise
        finally:
            timer.cancel()
            shutil.rmtree(self._folder, ignore_errors=True)
        self._finish(self._ended or status)

    def stop(self, status: str) -> None:
        """End it before its time.

        Args:
            status: What becomes of it: ``STOPPED`` or ``TIMED_OUT``.
        """
        if not self.over.is_set():
            self._ended = status
        if self._shell is not None:
            self._shell.end()

    def _course(self) -> str:
        if not all((self._phase("SUBMITTED"), self._phase("QUEUED"), self._phase("PROVISIONING", self._provision))):
            return "FAILED"
        good = self._phase("DOWNLOAD_SOURCE", self._download)
        if good:
            good = self._commands("install") and self._commands("pre_build")
            if good:
                built = self._commands("build")
                # What comes after the build is done also when the build failed.
                good = self._commands("post_build") and built
            # Like CodeBuild's, artifacts are uploaded when the build succeeded.
            good = good and self._phase("UPLOAD_ARTIFACTS", self._upload)
        self._phase("FINALIZING")
        return "SUCCEEDED" if good else "FAILED"

    def _phase(self, name: str, work: Callable[[], None] | None = None) -> bool:
        begun = now()
        phase: Record = {"phaseType": name, "startTime": begun}
        self.record["currentPhase"] = name
        self.record["phases"].append(phase)
        try:
            if work is not None:
                work()
            status, contexts = "SUCCEEDED", []
        except _BrokenError as error:
            status, contexts = "FAILED", [{"statusCode": error.code, "message": str(error)}]
            self._say(f"[Container] Phase context status code: {error.code} Message: {error}")
        status = self._ended if status == "FAILED" and self._ended else status
        ended = now()
        phase |= {
            "phaseStatus": status,
            "endTime": ended,
            "durationInSeconds": int(ended - begun),
            "contexts": contexts,
        }
        self._say(f"[Container] Phase complete: {name} State: {status}")
        return status == "SUCCEEDED"

    def _provision(self) -> None:
        try:
            self.session = roles.assume(self._project["serviceRole"], WHO, get_region(), self._project["arn"])
        except access.Refused as error:
            raise _BrokenError(
                "ACCESS_DENIED", f"CodeBuild is not authorized to perform: sts:AssumeRole: {error}"
            ) from error
        config = (self._project.get("logsConfig") or {}).get("cloudWatchLogs") or {}
        if config.get("status") == "DISABLED":
            return
        group, stream = self.record["logs"]["groupName"], self.record["logs"]["streamName"]
        arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:"
        try:
            if group not in cloudwatch_logs._log_groups:
                access.require(self.session, "logs:CreateLogGroup", arn)
                cloudwatch_logs._create_log_group({"logGroupName": group})
            for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
                access.require(self.session, action, f"{arn}{stream}")
        except access.Refused as error:
            role, id = self._project["serviceRole"], self.record["arn"]
            lead = f"Service role {role} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams"
            raise _BrokenError("ACCESS_DENIED", f"{lead} for build {id}. Error message: {error}") from error
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        self._logs = True

    def _download(self) -> None:
        environment = commands.environment(self._folder, get_region())
        try:
            for number, (name, at) in enumerate(self._inputs.items()):
                folder = self._source if number == 0 else self._folder / f"src-{name}"
                artifacts.unpack(artifacts.read(self.session, at), folder)
                environment[f"CODEBUILD_SRC_DIR_{name}"] = str(folder)
            if self._project["source"].get("type") == "CODECOMMIT":
                self._clone()
            self._spec = parse(self._buildspec())
            environment |= self._of_build() | self._declared()
        except BuildspecError as error:
            raise _BrokenError("YAML_FILE_ERROR", str(error)) from error
        except (access.Refused, Fault) as error:
            raise _BrokenError("CLIENT_ERROR", str(error)) from error
        environment |= roles.credentials(self.session, f"AWSCodeBuild-{uuid4()}")
        self._shell = commands.Shell(self._folder, environment, self._say)

    def _clone(self) -> None:
        found = codecommit.repository(self._project["source"]["location"].rpartition("/")[2])
        access.require(self.session, "codecommit:GitPull", found.arn)
        id = codecommit.commit(found, self.record["sourceVersion"]).id
        for path, (content, runs) in found.exported(id).items():
            target = self._source / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(0o755 if runs else 0o644)

    def _buildspec(self) -> str:
        given = self._project["source"].get("buildspec") or "buildspec.yml"
        if "\n" in given or given.lstrip().startswith("{"):
            return str(given)
        path = self._source / given
        if not path.is_file():
            raise BuildspecError(f"stat {path}: no such file or directory")
        return path.read_text()

    def _of_build(self) -> dict[str, str]:
        record = self.record
        return {
            "CI": "true",
            "CODEBUILD_CI": "true",
            "CODEBUILD_BUILD_ARN": record["arn"],
            "CODEBUILD_BUILD_ID": record["id"],
            "CODEBUILD_BUILD_NUMBER": str(record["buildNumber"]),
            "CODEBUILD_BUILD_IMAGE": self._project["environment"].get("image", ""),
            "CODEBUILD_INITIATOR": record["initiator"],
            "CODEBUILD_KMS_KEY_ID": record["encryptionKey"],
            "CODEBUILD_LOG_PATH": record["logs"]["streamName"],
            "CODEBUILD_RESOLVED_SOURCE_VERSION": record.get("resolvedSourceVersion") or record["sourceVersion"] or "",
            "CODEBUILD_SOURCE_VERSION": record["sourceVersion"] or "",
            "CODEBUILD_SRC_DIR": str(self._source),
            "CODEBUILD_START_TIME": str(int(1000 * record["startTime"])),
            "CODEBUILD_BUILD_SUCCEEDING": "1",
        }

    def _declared(self) -> dict[str, str]:
        """The variables of the buildspec, of the project, and of who started it, each before the ones before."""
        found = {**self._spec.variables}
        found |= {name: self._parameter(one) for name, one in self._spec.parameters.items()}
        for one in [*(self._project["environment"].get("environmentVariables") or []), *self._variables]:
            kind = one.get("type") or "PLAINTEXT"
            if kind == "SECRETS_MANAGER":
                raise _BrokenError("CLIENT_ERROR", "the sandbox has no SECRETS_MANAGER variables of builds")
            found[one["name"]] = self._parameter(one["value"]) if kind == "PARAMETER_STORE" else one["value"]
        return found

    def _parameter(self, name: str) -> str:
        arn = f"arn:aws:ssm:{get_region()}:{get_account_id()}:parameter/{name.lstrip('/')}"
        access.require(self.session, "ssm:GetParameters", arn)
        value = ssm.resolve_parameter_value(name)
        if value is None:
            raise _BrokenError("CLIENT_ERROR", f"parameter does not exist: {name}")
        return str(value)

    def _commands(self, name: str) -> bool:
        phase, shell = self._spec.phases.get(name), self._shell
        return self._phase(name.upper(), (lambda: self._run(phase, shell)) if phase and shell else None)

    def _run(self, phase: Phase, shell: commands.Shell) -> None:
        for code, what in [shell.run(phase.commands), shell.run(phase.always)]:
            if code != 0:
                shell.environment["CODEBUILD_BUILD_SUCCEEDING"] = "0"
                message = f"Error while executing command: {what}. Reason: exit status {code}"
                raise _BrokenError("COMMAND_EXECUTION_ERROR", message)
        self.exported = {one: shell.environment.get(one, "") for one in self._spec.exported}

    def _upload(self) -> None:
        wanted = dict(self._outputs)
        found = dict(self._spec.secondary)
        if self._spec.artifacts is not None and wanted and not found:
            found = {next(iter(wanted)): self._spec.artifacts}
        try:
            for name, at in wanted.items():
                if name not in found:
                    raise BuildspecError(f"no artifacts of the buildspec are for {name}")
                artifacts.write(self.session, at, artifacts.packed(found[name].collect(self._source)))
        except (BuildspecError, access.Refused) as error:
            raise _BrokenError("CLIENT_ERROR", f"Error while uploading artifacts: {error}") from error

    def _say(self, line: str) -> None:
        if self._logs and line:
            where = {
                "logGroupName": self.record["logs"]["groupName"],
                "logStreamName": self.record["logs"]["streamName"],
            }
            entry = {"timestamp": int(time.time() * 1000), "message": line}
            cloudwatch_logs._put_log_events({**where, "logEvents": [entry]})

    def _finish(self, status: str) -> None:
        ended = now()
        self.record["phases"].append({"phaseType": "COMPLETED", "startTime": ended})
        self.record |= {"buildStatus": status, "currentPhase": "COMPLETED", "buildComplete": True, "endTime": ended}
        self.over.set()
        self._tell(status)

    def _tell(self, status: str) -> None:
        detail = {
            "build-status": status,
            "project-name": self._project["name"],
            "build-id": self.record["arn"],
            "current-phase": self.record["currentPhase"],
            "version": "1",
            "additional-information": {
                "initiator": self.record["initiator"],
                "build-number": self.record["buildNumber"],
                "build-complete": self.record["buildComplete"],
                "logs": {key.replace("N", "-n").replace("L", "-l"): one for key, one in self.record["logs"].items()},
            },
        }
        announce("aws.codebuild", "CodeBuild Build State Change", detail, self.record["arn"])
