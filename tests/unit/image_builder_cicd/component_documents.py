"""Documents of components: what their steps may look like, and how they are made and spoiled."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

REFERENCE = "{{ aws:ssm:/images/version }}"
HASH = "0123456789abcdef"

FILES = [{"path": "/opt/a"}, {"path": REFERENCE}]
MSI = {
    "path": r"C:\a.msi",
    "reboot": "Skip",
    "logOptions": "*VX",
    "logFile": "a.log",
    "properties": {"COMPANY": '"Own"'},
    "ignoreAuthenticodeSignatureErrors": False,
    "allowUnsignedInstaller": REFERENCE,
}

BOTH: dict[str, list[Any]] = {
    "AppendFile": [[{"path": "./a", "content": "", "encoding": "UTF-32"}], FILES],
    "Assert": [
        {"stringEquals": "2.1.1", "value": REFERENCE},
        {"and": [{"fileExists": "/a"}, {"or": [{"not": {"not": {"binaryExists": "b"}}}]}]},
        {"fileSHA1Equals": (HASH * 3)[:40], "path": "/a"},
    ],
    "CopyFile": [[{"source": "/a*", "destination": "/b/", "overwrite": False}]],
    "CopyFolder": [
        [{"source": "/a", "destination": "/b"}, {"source": "/c", "destination": "/d", "overwrite": REFERENCE}]
    ],
    "CreateFile": [[{"path": "a", "content": "x", "encoding": "utf16-LE", "overwrite": True}], FILES],
    "CreateFolder": [[{"path": "a/", "overwrite": False}], FILES],
    "DeleteFile": [FILES],
    "DeleteFolder": [[{"path": "/a", "force": True}]],
    "ExecuteBinary": [{"path": "/a", "arguments": ["--install", REFERENCE]}, {"path": "b"}],
    "ExecuteDocument": [
        {"document": "s3://bucket/a.yaml", "document-s3-bucket-owner": 123456789012, "phases": "build,test"},
        {"document": "/a.yaml", "parameters": [{"name": "Own", "value": ""}]},
    ],
    "ListFiles": [[{"path": "/a", "fileNamePattern": "*.log", "recursive": True}]],
    "MoveFile": [[{"source": "/a", "destination": "/b"}]],
    "MoveFolder": [[{"source": "/a", "destination": "/b", "overwrite": False}]],
    "ReadFile": [[{"path": "/a", "encoding": "utf8", "printFileContent": True}]],
    "Reboot": [{}, {"delaySeconds": 0}, {"delaySeconds": REFERENCE}, None],
    "S3Download": [
        [{"source": "s3://a/*", "destination": "/a", "expectedBucketOwner": 123456789012, "overwrite": False}]
    ],
    "S3Upload": [
        [{"source": "/a/*", "destination": "s3://a/", "recurse": True, "expectedBucketOwner": "123456789012"}]
    ],
    "SetFileEncoding": [[{"path": "/a", "encoding": "utf-16"}], FILES],
    "UpdateOS": [{}, {"include": ["kernel*"], "exclude": [REFERENCE]}, None],
    "WebDownload": [
        [{"source": "https://example.com/a", "destination": "/a", "ignoreCertificateErrors": False, "overwrite": True}],
        [{"source": REFERENCE, "destination": "/a/", "checksum": HASH, "algorithm": "SHA256"}],
    ],
}
LINUX: dict[str, list[Any]] = {
    "CreateFile": [[{"path": "a", "owner": "root", "group": "root", "permissions": 644}]],
    "CreateFolder": [[{"path": "a", "permissions": "0755"}]],
    "CreateSymlink": [[{"path": "/a", "target": "/b", "force": True}]],
    "ExecuteBash": [{"commands": ["true"]}, {"commands": ["set -e\ndnf -y install jq", "echo {{.State}}"]}],
    "SetFileOwner": [[{"path": "/a", "owner": "web", "group": "web"}]],
    "SetFolderOwner": [[{"path": "/a", "owner": "web", "recursive": False}]],
    "SetFilePermissions": [[{"path": "/a", "permissions": 766}]],
    "SetFolderPermissions": [[{"path": "/a", "permissions": "0777", "recursive": REFERENCE}]],
}
WINDOWS: dict[str, list[Any]] = {
    "ExecutePowerShell": [{"commands": ["Write-Host 'a'"]}, {"file": r"C:\a.PS1"}, {"file": REFERENCE}],
    "InstallMSI": [MSI, {"path": "https://example.com/a.msi"}],
    "SetRegistry": [
        [{"path": r"HKLM:\SOFTWARE\Own", "name": "a", "value": "b", "type": "SZ"}],
        [{"path": r"HKEY_CURRENT_USER\Own", "name": "a", "value": [1, "2"], "type": "MULTI_SZ"}],
        [{"path": "HKCU:", "name": "a", "value": 1.1, "type": REFERENCE}],
    ],
    "UninstallMSI": [MSI],
}
INPUTS = {"LINUX": [BOTH, LINUX], "WINDOWS": [BOTH, WINDOWS]}

CONDITIONS: list[Any] = [
    {"stringIsEmpty": ""},
    {"stringIsWhitespace": " ", "then": "Skip", "else": "Execute"},
    {"folderExists": "/a", "else": "Abort"},
    {"patternMatches": "^[a-z]+$", "value": 5},
    {"stringLessThanEquals": "a", "value": "b", "then": "Abort"},
    {"numberGreaterThan": 1, "value": "-1.9"},
    {"numberEquals": "5", "value": REFERENCE},
    {"fileMD5Equals": HASH * 2, "path": "/a"},
    {"fileSHA512Equals": REFERENCE, "path": "/a"},
    {"and": [{"binaryExists": "apt-get"}, {"not": {"binaryExists": "unzip"}}], "then": "Execute"},
    {"not": {"or": [{"and": [{"not": {"fileExists": "/a"}}]}]}},
]
LOOPS: list[Any] = [
    {"for": {"start": 1, "end": 5, "updateBy": 2}},
    {"name": "Down", "for": {"start": 5, "end": -5, "updateBy": -1}},
    {"forEach": ["a", REFERENCE]},
    {"forEach": {"list": "a,b"}},
    {"forEach": {"list": REFERENCE, "delimiter": "\n"}},
]
SCALARS: list[Any] = [None, True, False, 0, -1, 1.5, "", " ", "x", "1.0", [], ["x"], [1], {}, {"x": "y"}, REFERENCE]


@st.composite
def steps(draw: st.DrawFn, name: str, platform: str) -> dict[str, Any]:
    """A step that AWS takes."""
    table = draw(st.sampled_from(INPUTS[platform]))
    action = draw(st.sampled_from(sorted(table)))
    step: dict[str, Any] = {"name": name, "action": action}
    inputs = draw(st.sampled_from(table[action]))
    if inputs is not None or draw(st.booleans()):
        step["inputs"] = inputs
    wanted: dict[str, list[Any]] = {
        "onFailure": ["Abort", "Continue", "Ignore"],
        "maxAttempts": [1, 3],
        "disableLogging": [True, False],
        "if": CONDITIONS,
        "loop": LOOPS,
        **({} if action == "Reboot" else {"timeoutSeconds": [-1, 1, 7200]}),
    }
    for key in draw(st.sets(st.sampled_from(sorted(wanted)), max_size=3)):
        step[key] = draw(st.sampled_from(wanted[key]))
    if "name" in step.get("loop", {}):
        step["loop"] = {**step["loop"], "name": f"Of{name}"}
    return step


@st.composite
def documents(draw: st.DrawFn, platform: str) -> dict[str, Any]:
    """A document that AWS takes."""
    document: dict[str, Any] = {"schemaVersion": draw(st.sampled_from([1.0, "1.0"]))}
    parameters = [
        {"Version": {"type": "string", "default": "1", "description": "Which one"}},
        {"Own": {"type": "string"}},
    ]
    wanted = {
        "name": "web server",
        "description": "",
        "parameters": parameters,
        "constants": [{"Source": {"type": "string", "value": "https://example.com"}}],
    }
    for key in draw(st.sets(st.sampled_from(sorted(wanted)))):
        document[key] = wanted[key]
    phases = draw(st.lists(st.sampled_from(["build", "validate", "test"]), min_size=1, max_size=3, unique=True))
    document["phases"] = [
        {"name": phase, "steps": [draw(steps(f"Step{index}", platform)) for index in range(draw(st.integers(1, 2)))]}
        for phase in phases
    ]
    return copy.deepcopy(document)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: a list or mapping, and an index or key of it."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@st.composite
def spoiled(draw: st.DrawFn, platform: str) -> dict[str, Any]:
    """A document with one place of it changed, mostly into something that AWS does not take."""
    document = draw(documents(platform))
    found = list(places(document))
    above, key = found[draw(st.integers(0, len(found) - 1))]
    kind = draw(st.sampled_from(["drop", "replace", "add", "rename", "wrap"]))
    if kind == "drop":
        del above[key]
    elif kind == "replace":
        above[key] = draw(st.sampled_from(SCALARS))
    elif kind == "wrap":
        above[key] = [above[key]]
    elif isinstance(above, list):
        above.append(draw(st.sampled_from(SCALARS)))
    elif kind == "add":
        above[draw(st.sampled_from(["x", "inputs", "value", "path", "then", "and", "timeoutSeconds"]))] = draw(
            st.sampled_from(SCALARS)
        )
    else:
        above[key.capitalize() if key[0].islower() else key.lower()] = above.pop(key)
    return document
