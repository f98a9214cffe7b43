"""What the actions of AWS's component runner take, and the refusal of anything else.

https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .component_conditions import REFERENCE, check_condition
from .document_node import Node, meant
from .image_values import Platform

Kind = Literal["text", "scalar", "flag", "whole", "texts", "map", "pairs", "value"]
"""What an input is. A scalar is text or a number, as the examples of AWS have account ids and permissions."""

ENCODINGS = tuple(
    f"utf{dash}{bits}{order}"
    for bits, orders in (("8", ("",)), ("16", ("", "-LE", "-BE")), ("32", ("", "-LE", "-BE")))
    for dash in ("", "-")
    for order in orders
)
HIVES = ("HKEY_CLASSES_ROOT", "HKEY_USERS", "HKEY_LOCAL_MACHINE", "HKEY_CURRENT_CONFIG", "HKEY_CURRENT_USER")
REGISTRY = rf"(?:(?:{'|'.join(HIVES)})|(?:HKCR|HKU|HKLM|HKCC|HKCU):)(?:\\.+)?"
S3 = (r"s3://[^/].*", "an address that begins with s3://")


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of an action.

    Args:
        kind: What it is.
        required: Whether it must be there.
        allowed: The words that are legal; empty for all.
        any_case: Whether these may be in capitals or not.
        pattern: A pattern of the whole text, with what it means in words.
        linux: Whether it is for Linux alone.
    """

    kind: Kind = "text"
    required: bool = False
    allowed: tuple[str, ...] = ()
    any_case: bool = False
    pattern: tuple[str, str] | None = None
    linux: bool = False


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action.

    Args:
        inputs: Its inputs by name.
        many: Whether it takes a list of such mappings.
        platforms: Where there is such an action.
        bare: Whether it may go without inputs.
        either: Names of inputs of which there must be exactly one.
        together: Names of inputs that are given all or none.
    """

    inputs: Mapping[str, Input] = field(default_factory=dict)
    many: bool = True
    platforms: tuple[Platform, ...] = ("LINUX", "WINDOWS")
    bare: bool = False
    either: tuple[str, ...] = ()
    together: tuple[str, ...] = ()


PATH = {"path": Input(required=True)}
FORCE = {"force": Input(kind="flag")}
OVERWRITE = {"overwrite": Input(kind="flag")}
RECURSIVE = {"recursive": Input(kind="flag")}
ENCODING = {"encoding": Input(allowed=ENCODINGS, any_case=True)}
OWNER = {
    "owner": Input(kind="scalar", linux=True),
    "group": Input(kind="scalar", linux=True),
    "permissions": Input(kind="scalar", linux=True),
}
NEW_OWNER = {"owner": Input(kind="scalar", required=True), "group": Input(kind="scalar")}
PERMISSIONS = {"permissions": Input(kind="scalar", required=True)}
BUCKET_OWNER = {"expectedBucketOwner": Input(kind="scalar")}
FROM_TO = {"source": Input(required=True), "destination": Input(required=True)}
MSI = Action(
    inputs={
        **PATH,
        "reboot": Input(allowed=("Allow", "Force", "Skip")),
        "logOptions": Input(pattern=(r"[iweaarucmopvxIWEARUCMOPVX+!*]+", "some of i w e a r u c m o p v x + ! *")),
        "logFile": Input(),
        "properties": Input(kind="map"),
        "ignoreAuthenticodeSignatureErrors": Input(kind="flag"),
        "allowUnsignedInstaller": Input(kind="flag"),
    },
    many=False,
    platforms=("WINDOWS",),
)

ACTIONS: Mapping[str, Action] = {
    "AppendFile": Action(inputs={**PATH, "content": Input(), **ENCODING}),
    "Assert": Action(many=False),
    "CopyFile": Action(inputs={**FROM_TO, **OVERWRITE}),
    "CopyFolder": Action(inputs={**FROM_TO, **OVERWRITE}),
    "CreateFile": Action(inputs={**PATH, "content": Input(), **ENCODING, **OWNER, **OVERWRITE}),
    "CreateFolder": Action(inputs={**PATH, **OWNER, **OVERWRITE}),
    "CreateSymlink": Action(inputs={**PATH, "target": Input(required=True), **FORCE}, platforms=("LINUX",)),
    # AWS does not document ``force`` here, and has it in a sample of its own for InSpec.
    "DeleteFile": Action(inputs={**PATH, **FORCE}),
    "DeleteFolder": Action(inputs={**PATH, **FORCE}),
    "ExecuteBash": Action(inputs={"commands": Input(kind="texts", required=True)}, many=False, platforms=("LINUX",)),
    "ExecuteBinary": Action(inputs={**PATH, "arguments": Input(kind="texts")}, many=False),
    "ExecuteDocument": Action(
        inputs={
            "document": Input(required=True),
            "document-s3-bucket-owner": Input(kind="scalar"),
            "phases": Input(),
            "parameters": Input(kind="pairs"),
        },
        many=False,
    ),
    "ExecutePowerShell": Action(
        inputs={
            "commands": Input(kind="texts"),
            "file": Input(pattern=(r"(?is).+\.ps1", "the path of a file that ends in .ps1")),
        },
        many=False,
        platforms=("WINDOWS",),
        either=("commands", "file"),
    ),
    "InstallMSI": MSI,
    "ListFiles": Action(inputs={**PATH, "fileNamePattern": Input(), **RECURSIVE}),
    "MoveFile": Action(inputs={**FROM_TO, **OVERWRITE}),
    "MoveFolder": Action(inputs={**FROM_TO, **OVERWRITE}),
    "ReadFile": Action(inputs={**PATH, **ENCODING, "printFileContent": Input(kind="flag")}),
    "Reboot": Action(inputs={"delaySeconds": Input(kind="whole")}, many=False, bare=True),
    "S3Download": Action(
        inputs={
            "source": Input(required=True, pattern=S3),
            "destination": Input(required=True),
            **BUCKET_OWNER,
            **OVERWRITE,
        }
    ),
    "S3Upload": Action(
        inputs={
            "source": Input(required=True),
            "destination": Input(required=True, pattern=S3),
            "recurse": Input(kind="flag"),
            **BUCKET_OWNER,
        }
    ),
    "SetFileEncoding": Action(inputs={**PATH, **ENCODING}),
    "SetFileOwner": Action(inputs={**PATH, **NEW_OWNER}, platforms=("LINUX",)),
    "SetFilePermissions": Action(inputs={**PATH, **PERMISSIONS}, platforms=("LINUX",)),
    "SetFolderOwner": Action(inputs={**PATH, **NEW_OWNER, **RECURSIVE}, platforms=("LINUX",)),
    "SetFolderPermissions": Action(inputs={**PATH, **PERMISSIONS, **RECURSIVE}, platforms=("LINUX",)),
    "SetRegistry": Action(
        inputs={
            "path": Input(required=True, pattern=(REGISTRY, r"a key of the registry such as HKLM:\SOFTWARE\Own")),
            "name": Input(required=True),
            "value": Input(kind="value", required=True),
            "type": Input(required=True, allowed=("BINARY", "DWORD", "QWORD", "SZ", "EXPAND_SZ", "MULTI_SZ")),
        },
        platforms=("WINDOWS",),
    ),
    "UninstallMSI": MSI,
    "UpdateOS": Action(inputs={"include": Input(kind="texts"), "exclude": Input(kind="texts")}, many=False, bare=True),
    "WebDownload": Action(
        inputs={
            "source": Input(required=True, pattern=(r"(?i)https?://[^/].*", "an address that begins with https://")),
            "destination": Input(required=True),
            **OVERWRITE,
            "checksum": Input(),
            "algorithm": Input(allowed=("MD5", "SHA1", "SHA256", "SHA512")),
            "ignoreCertificateErrors": Input(kind="flag"),
        },
        together=("checksum", "algorithm"),
    ),
}


def check_action(step: Node, platform: Platform) -> None:
    """Check the action of a step, and its inputs.

    Args:
        step: The step, with an action.
        platform: What the image runs.

    Raises:
        ValueError: If there is no such action on the platform, or it does not take such inputs.
    """
    node = step.at("action")
    name = node.text(remedy="give the name of an action")
    if name not in ACTIONS:
        node.refuse("an action of AWS's component runner", repr(name), meant(name, ACTIONS, f"see {LINK}"))
    action = ACTIONS[name]
    if platform not in action.platforms:
        other = {"ExecuteBash": "ExecutePowerShell", "ExecutePowerShell": "ExecuteBash"}.get(name)
        remedy = f"give {other}" if other else f"see {LINK}"
        node.refuse(f"one that {_CALLED[platform]} has when platform is {platform}", repr(name), remedy)
    if action.bare and step.value.get("inputs") is None:
        return
    if "inputs" not in step.value:
        step.refuse("a mapping with the key inputs", "one without", f"see {LINK}")
    inputs = step.at("inputs")
    if name == "Assert":
        check_condition(inputs, outcomes=False)
        return
    for one in inputs.items(remedy=f"{name} takes a list of mappings") if action.many else [inputs]:
        _check_inputs(one, name, action, platform)


LINK = "https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html"
_CALLED = {"LINUX": "Linux", "WINDOWS": "Windows"}


def _check_inputs(node: Node, name: str, action: Action, platform: Platform) -> None:
    required = [key for key, one in action.inputs.items() if one.required]
    optional = [key for key, one in action.inputs.items() if not one.required]
    node.mapping(required, optional, remedy=f"see {LINK}")
    if action.either and sum(key in node.value for key in action.either) != 1:
        got = "both" if all(key in node.value for key in action.either) else "neither"
        node.refuse(f"a mapping with either {' or '.join(action.either)}", got, f"give {name} one of them")
    given = [key for key in action.together if key in node.value]
    if given and len(given) < len(action.together):
        rule = f"a mapping with {' and '.join(action.together)}, or none of them"
        node.refuse(rule, f"one with {given[0]} alone", "give the other one too")
    for key in node.value:
        if action.inputs[key].linux and platform != "LINUX":
            node.at(key).refuse("left out on Windows", repr(node.value[key]), "Windows has no such owners")
        _check_input(node.at(key), action.inputs[key])


def _check_input(node: Node, wanted: Input) -> None:
    value = node.value
    filled_in = isinstance(value, str) and REFERENCE.search(value) is not None
    if wanted.kind in ("texts", "map", "pairs") or not filled_in:
        _CHECKS[wanted.kind](node, wanted)


def _check_text(node: Node, wanted: Input) -> None:
    text = node.text(empty=not wanted.required)
    if wanted.allowed and not (wanted.any_case and text.lower() in (one.lower() for one in wanted.allowed)):
        node.one_of(wanted.allowed)
    if wanted.pattern is not None and not re.fullmatch(wanted.pattern[0], text):
        node.refuse(wanted.pattern[1], repr(text), f"see {LINK}")


def _check_scalar(node: Node, _: Input) -> None:
    if isinstance(node.value, bool) or not isinstance(node.value, str | int):
        node.refuse("text", node.shown(), "put it in quotes")


def _check_flag(node: Node, _: Input) -> None:
    if not isinstance(node.value, bool):
        node.refuse("true or false", node.shown(), "write true or false, without quotes")


def _check_whole(node: Node, _: Input) -> None:
    node.whole(0, rule="a whole number from 0", remedy="give a number of seconds")


def _check_texts(node: Node, _: Input) -> None:
    for one in node.items(remedy="give a list of texts"):
        one.text()


def _check_value(node: Node, _: Input) -> None:
    """Check what is written to the registry of Windows."""
    for one in node.items(remedy="give a list of texts or numbers") if isinstance(node.value, list) else [node]:
        if isinstance(one.value, bool) or not isinstance(one.value, str | int | float):
            one.refuse("text, a number or a list of them", one.shown(), "put it in quotes")


def _check_pairs(node: Node, _: Input) -> None:
    for one in node.items(remedy="give a list of mappings with name and value"):
        one.mapping(("name", "value"), remedy="give name and value")
        one.at("name").text(empty=False)
        one.at("value").text()


def _check_map(node: Node, _: Input) -> None:
    if not isinstance(node.value, Mapping) or not all(isinstance(key, str) for key in node.value):
        node.refuse("a mapping of texts", node.shown(), "give names of properties with their values")
    for key in node.value:
        node.at(key).text()


_CHECKS: Mapping[Kind, Callable[[Node, Input], None]] = {
    "text": _check_text,
    "scalar": _check_scalar,
    "flag": _check_flag,
    "whole": _check_whole,
    "texts": _check_texts,
    "value": _check_value,
    "pairs": _check_pairs,
    "map": _check_map,
}
