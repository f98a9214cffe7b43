"""Documents that AWS's component runner would not take are refused in words that name the place and what to do."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cdk_refarch.image_builder_cicd.image import component_checks, documents
from cdk_refarch.image_builder_cicd.image.image_values import ImageComponent, Platform
from tests.unit import refusals as given
from tests.unit.image_builder_cicd.refusals import stack
from tests.unit.refusals import Call, Case, checks, names, refused

DOCS = "see https://docs.aws.amazon.com/imagebuilder/latest/userguide"
BASH: dict[str, Any] = {"name": "Own", "action": "ExecuteBash", "inputs": {"commands": ["true"]}}
STEP = "components[0].document phases[0].steps[0]"
OWN: dict[str, Any] = {"schemaVersion": 1.0, "phases": [{"name": "build", "steps": [BASH]}]}


def component(document: Any = OWN, platform: Platform = "LINUX", **arguments: Any) -> Call:
    one = ImageComponent(id="Own", document=document, **arguments)
    return lambda: component_checks.check_components(checks, stack, [one], platform)


def document(**more: Any) -> Call:
    return component({**OWN, **more})


def steps(*wanted: Any, phase: str = "build", **more: Any) -> Call:
    return document(phases=[{"name": phase, "steps": list(wanted)}], **more)


def step(**more: Any) -> Call:
    return steps({**BASH, **more})


def commands(*wanted: str, **more: Any) -> Call:
    return step(inputs={"commands": list(wanted)}, **more)


def action(name: str, inputs: Any, platform: Platform = "LINUX") -> Call:
    one = {"name": "Own", "action": name, "inputs": inputs}
    return component({**OWN, "phases": [{"name": "test", "steps": [one]}]}, platform)


def nested(operators: int) -> Any:
    return {"fileExists": "/a"} if not operators else {"not": nested(operators - 1)}


def deep(levels: int) -> Any:
    return [] if not levels else [deep(levels - 1)]


def chained(first: str, second: str, reference: str) -> Call:
    there, here = BASH, {**BASH, "name": "Later", "inputs": {"commands": [f"echo {{{{ {reference} }}}}"]}}
    phases = (
        [{"name": first, "steps": [there, here]}]
        if first == second
        else [
            {"name": first, "steps": [there]},
            {"name": second, "steps": [here]},
        ]
    )
    return document(phases=phases)


LATER_STEP = "components[0].document phases[0].steps[1].inputs.commands[0]"
COMMAND = f"{STEP}.inputs.commands[0]"
PARAMETER = [{"Version": {"type": "string"}}]

CASES: list[Case] = [
    (component("build"), "components[0].document must be a mapping that is known when the app runs, got str 'build'; give a file by path"),
    (component(given.LATER), "components[0].document must be a mapping that is known when the app runs, got a token; give a file by path"),
    (component({}), f"components[0].document must be a mapping with the key schemaVersion, got one without; {DOCS}/toe-use-documents.html"),
    (document(phase=[]), "components[0].document must be a mapping with no other keys than schemaVersion, phases, name, description, parameters, constants, got 'phase'; write 'phases'"),
    (document(schemaVersion=2.0), "components[0].document schemaVersion must be 1.0, got 2.0; there is no other yet"),
    (document(schemaVersion=1), "components[0].document schemaVersion must be 1.0, got 1; there is no other yet"),
    (document(name=5), "components[0].document name must be text, got int 5; put it in quotes"),
    (document(name="\ud800"), "components[0].document name must be valid Unicode, got '\\ud800'; replace the character"),
    (document(name=date(2026, 1, 1)), "components[0].document name must be text, a number, True, False, a list or a mapping, got date datetime.date(2026, 1, 1); put it in quotes"),
    (document(name=float("nan")), "components[0].document name must be text, a number, True, False, a list or a mapping, got float nan; put it in quotes"),
    (document(phases=[]), "components[0].document phases must be a list with one element or more, got list []; give one of build, validate and test, or more"),
    (document(phases=deep(32)), "components[0].document must be at most 32 levels deep, got more; do without references from a part of it to what it is in"),
    (commands(f"echo {given.LATER}"), f"{COMMAND} must be known when the app runs, got a token; declare a parameter in the document, and give the token in parameters"),
    (step(inputs={"commands": given.LATER_LIST}), f"{COMMAND} must be known when the app runs, got a token; declare a parameter in the document, and give the token in parameters"),
    (step(maxAttempts=given.LATER_NUMBER), f"{STEP}.maxAttempts must be known when the app runs, got a token; declare a parameter in the document, and give the token in parameters"),
    (steps(BASH, phase="container-host-test"), "components[0].document phases[0].name must be one of build, validate, test, got 'container-host-test'; give one of them"),
    (document(phases=[*OWN["phases"], *OWN["phases"]]), "components[0].document phases[1].name must be a name that no other phase of the document has, got 'build'; give one of them another name"),
    (steps(), "components[0].document phases[0].steps must be a list with one element or more, got list []; give a list of steps"),
    (steps(BASH, BASH), "components[0].document phases[0].steps[1].name must be a name that no other step of the phase has, got 'Own'; give one of them another name"),
    (step(name=" "), f"{STEP}.name must be text that is not empty, got ' '; put it in quotes"),
    (step(onfailure="Abort"), f"{STEP} must be a mapping with no other keys than name, action, inputs, timeoutSeconds, onFailure, maxAttempts, if, loop, disableLogging, got 'onfailure'; write 'onFailure'"),
    (step(onFailure="abort"), f"{STEP}.onFailure must be one of Abort, Continue, Ignore, got 'abort'; write 'Abort'"),
    (step(maxAttempts=0), f"{STEP}.maxAttempts must be a whole number from 1, got 0; leave it out for one attempt"),
    (step(maxAttempts=True), f"{STEP}.maxAttempts must be a whole number from 1, got bool True; leave it out for one attempt"),
    *((step(timeoutSeconds=wrong), f"{STEP}.timeoutSeconds must be a whole number from 1, or -1 for no end, got {wrong}; give a number of seconds") for wrong in (0, -2)),
    (step(disableLogging="yes"), f"{STEP}.disableLogging must be true or false, got str 'yes'; write true or false, without quotes"),
    (steps({"name": "Own", "action": "Reboot", "timeoutSeconds": 60}), f"{STEP}.timeoutSeconds must be left out for Reboot, got 60; a reboot has no timeout"),
    (step(action="RunShell"), f"{STEP}.action must be an action of AWS's component runner, got 'RunShell'; {DOCS}/toe-action-modules.html"),
    (step(action="executebash"), f"{STEP}.action must be an action of AWS's component runner, got 'executebash'; write 'ExecuteBash'"),
    (component(OWN, "WINDOWS"), f"{STEP}.action must be one that Windows has when platform is WINDOWS, got 'ExecuteBash'; give ExecutePowerShell"),
    (step(action="ExecutePowerShell"), f"{STEP}.action must be one that Linux has when platform is LINUX, got 'ExecutePowerShell'; give ExecuteBash"),
    (action("SetRegistry", []), f"{STEP}.action must be one that Linux has when platform is LINUX, got 'SetRegistry'; {DOCS}/toe-action-modules.html"),
    (steps({"name": "Own", "action": "ExecuteBash"}), f"{STEP} must be a mapping with the key inputs, got one without; {DOCS}/toe-action-modules.html"),
    (step(inputs=[]), f"{STEP}.inputs must be a mapping, got list []; {DOCS}/toe-action-modules.html"),
    (step(inputs={"commands": "true"}), f"{STEP}.inputs.commands must be a list with one element or more, got str 'true'; give a list of texts"),
    (step(inputs={"commands": [True]}), f"{COMMAND} must be text, got bool True; put it in quotes"),
    (action("S3Download", {"source": "s3://a", "destination": "/a"}), f"{STEP}.inputs must be a list with one element or more, got dict {{'source': 's3://a', 'destination': '/a'}}; S3Download takes a list of mappings"),
    (action("S3Download", [{"source": "https://a/b", "destination": "/a"}]), f"{STEP}.inputs[0].source must be an address that begins with s3://, got 'https://a/b'; {DOCS}/toe-action-modules.html"),
    (action("WebDownload", [{"source": "https://a/b", "destination": "/a", "checksum": "1"}]), f"{STEP}.inputs[0] must be a mapping with checksum and algorithm, or none of them, got one with checksum alone; give the other one too"),
    (action("WebDownload", [{"source": "https://a/b", "destination": "/a", "overwrite": "true"}]), f"{STEP}.inputs[0].overwrite must be true or false, got str 'true'; write true or false, without quotes"),
    (action("WebDownload", [{"source": "https://a/b", "destination": "/a", "checksum": "1", "algorithm": "sha256"}]), f"{STEP}.inputs[0].algorithm must be one of MD5, SHA1, SHA256, SHA512, got 'sha256'; write 'SHA256'"),
    (action("CreateFile", [{"path": "a", "owner": "root"}], "WINDOWS"), f"{STEP}.inputs[0].owner must be left out on Windows, got 'root'; Windows has no such owners"),
    (action("CreateFile", [{"path": "a", "permissions": True}]), f"{STEP}.inputs[0].permissions must be text, got bool True; put it in quotes"),
    (action("ExecutePowerShell", {}, "WINDOWS"), f"{STEP}.inputs must be a mapping with either commands or file, got neither; give ExecutePowerShell one of them"),
    (action("ExecutePowerShell", {"commands": ["a"], "file": "a.ps1"}, "WINDOWS"), f"{STEP}.inputs must be a mapping with either commands or file, got both; give ExecutePowerShell one of them"),
    (action("SetRegistry", [{"path": "HKLM", "name": "a", "value": "b", "type": "SZ"}], "WINDOWS"), f"{STEP}.inputs[0].path must be a key of the registry such as HKLM:\\SOFTWARE\\Own, got 'HKLM'; {DOCS}/toe-action-modules.html"),
    (action("SetRegistry", [{"path": "HKLM:", "name": "a", "value": None, "type": "SZ"}], "WINDOWS"), f"{STEP}.inputs[0].value must be text, a number or a list of them, got NoneType None; put it in quotes"),
    (action("InstallMSI", {"path": "a", "properties": []}, "WINDOWS"), f"{STEP}.inputs.properties must be a mapping of texts, got list []; give names of properties with their values"),
    (action("Reboot", {"delaySeconds": -1}), f"{STEP}.inputs.delaySeconds must be a whole number from 0, got -1; give a number of seconds"),
    (action("Assert", {"fileExists": "/a", "then": "Skip"}), f"{STEP}.inputs must be a mapping with no other keys than fileExists, got 'then'; fileExists takes it too"),
    (step(**{"if": {"fileexists": "/a"}}), f"{STEP}.if must be a mapping with one operator, got fileexists; write 'fileExists'"),
    (step(**{"if": []}), f"{STEP}.if must be a mapping with a condition, got list []; {DOCS}/toe-comparison-operators.html"),
    (step(**{"if": {"stringEquals": "a"}}), f"{STEP}.if must be a mapping with the key value, got one without; stringEquals takes it too"),
    (step(**{"if": {"fileExists": "/a", "then": "Run"}}), f"{STEP}.if.then must be one of Abort, Execute, Skip, got 'Run'; give one of them"),
    (step(**{"if": {"numberEquals": "a10", "value": 1}}), f"{STEP}.if.numberEquals must be a number, got str 'a10'; give a number, or a reference to one"),
    (step(**{"if": {"stringEquals": True, "value": 1}}), f"{STEP}.if.stringEquals must be text or a number, got bool True; put it in quotes"),
    (step(**{"if": {"fileMD5Equals": "a" * 31, "path": "/a"}}), f"{STEP}.if.fileMD5Equals must be a hash of 32 hexadecimal digits, got '{'a' * 31}'; give that of the file"),
    (step(**{"if": nested(5)}), f"{STEP}.if.not.not.not.not must be in at most 4 logical operators, got 5 with not; take it apart"),
    (step(loop={}), f"{STEP}.loop must be a mapping with either for or forEach, got neither; {DOCS}/toe-looping-constructs.html"),
    *((step(loop={"for": {"start": start, "end": 2, "updateBy": by}}), f"{STEP}.loop.for must be a range that has an end, got from {start} to 2 by {by}; give updateBy the sign that leads from start to end") for start, by in ((1, 0), (1, -1), (3, 1))),
    (step(loop={"for": {"start": "{{ a }}", "end": 2, "updateBy": 1}}), f"{STEP}.loop.for.start must be a whole number, got str '{{{{ a }}}}'; references are not for this"),
    (step(loop={"forEach": {"list": "a", "delimiter": "/"}}), f"{STEP}.loop.forEach.delimiter must be one of . , ; : - _ a space, a tab and a line break, got '/'; put one of them in quotes"),
    (steps({**BASH, "loop": {"name": "All", "forEach": ["a"]}}, {**BASH, "name": "B", "loop": {"name": "All", "forEach": ["a"]}}), "components[0].document phases[0].steps[1].loop.name must be a name that no other loop of the phase has, got 'All'; give one of them another name"),
    (document(parameters={"Version": {"type": "string"}}), "components[0].document parameters must be a list with one element or more, got dict {'Version': {'type': 'string'}}; give a list of mappings from one name each"),
    (document(parameters=[{"A1": {"type": "string"}}]), "components[0].document parameters[0] must be a name of 3 to 128 letters, digits, - and _, got 'A1'; give it another name"),
    (document(parameters=[{"Version": {"type": "string"}, "Other": {"type": "string"}}]), "components[0].document parameters[0] must be a mapping with one name, got dict {'Version': {'type': 'string'}, 'Other': {'type': 'string'}}; put a dash before each name"),
    (document(parameters=[{"Version": {"type": "integer"}}]), "components[0].document parameters[0].Version.type must be one of string, got 'integer'; give one of them"),
    (document(parameters=[{"Version": {"type": "string", "default": 5}}]), "components[0].document parameters[0].Version.default must be text, got int 5; put it in quotes"),
    (document(parameters=PARAMETER, constants=[{"Version": {"type": "string", "value": "1"}}]), "components[0].document constants[0] must be a name that the document does not have yet, got 'Version'; give one of them another name"),
    (commands("{{ Version }}"), f"{COMMAND} must be text with references to parameters and constants of the document, got {{{{ Version }}}}; declare a parameter of this name"),
    (commands("{{version}}"), f"{COMMAND} must be text with references to parameters and constants of the document, got {{{{ version }}}}; declare a parameter of this name"),
    (steps({**BASH, "inputs": {"commands": ["{{ Versoin }}"]}}, parameters=[{"Version": {"type": "string", "default": "1"}}]), f"{COMMAND} must be text with references to parameters and constants of the document, got {{{{ Versoin }}}}; write 'Version'"),
    (commands("{{ aws:ssm:resolve(Secret) }}"), f"{COMMAND} must be text with references to parameters and constants of the document, got {{{{ aws:ssm:resolve(Secret) }}}}; declare a parameter of this name"),
    (commands("{{ loop.value }}"), f"{COMMAND} must be text with references to the loop of the step, got {{{{ loop.value }}}}; give the step a loop"),
    (commands("{{ other.index }}", loop={"name": "All", "forEach": ["a"]}), f"{COMMAND} must be text with references to the loop of the step, got {{{{ other.index }}}}; write loop.index"),
    (step(loop={"forEach": ["{{ loop.value }}"]}), f"{STEP}.loop.forEach[0] must be text with references to the loop of the step, got {{{{ loop.value }}}}; give the step a loop"),
    (chained("build", "build", "build.Own2.outputs.stdout"), f"{LATER_STEP} must be text with references to steps before this one, got {{{{ build.Own2.outputs.stdout }}}}; write 'Own'"),
    (chained("build", "build", "build.Later.outputs.stdout"), f"{LATER_STEP} must be text with references to steps before this one, got {{{{ build.Later.outputs.stdout }}}}; name a step that comes before, with its phase"),
    (chained("build", "test", "build.Own.outputs.stdout"), "components[0].document phases[1].steps[0].inputs.commands[0] must be text with references to steps of the same stage, got {{ build.Own.outputs.stdout }}; write it to a file of the image: tests run on another instance"),
    (commands("a" * 16_000), "components[0].document must be at most 16000 characters long in JSON, got 16276; write it to a file, and give that by path"),
]  # fmt: skip

LEGAL: list[Call] = [
    component(),
    component({**OWN, "phases": ({"name": "build", "steps": (BASH,)},)}),
    step(timeoutSeconds=-1, maxAttempts=1, disableLogging=True, onFailure="Ignore"),
    step(timeoutSeconds=1, **{"if": nested(4)}),
    commands("a" * (16_000 - 276)),
    commands("docker inspect --format '{{.State.Status}}'", "echo {{ item.name }} {{ }} {{ resolve:ssm:x }}"),
    commands("{{ loop.value }} {{ All.index }}", loop={"name": "All", "forEach": ["a"]}),
    commands("{{ aws:ssm:/images/secret }}"),
    step(loop={"for": {"start": 2, "end": 2, "updateBy": -1}}),
    chained("build", "build", "build.Own.outputs.stdout"),
    chained("build", "validate", "build.Own.inputs.commands"),
    chained("test", "test", "test.Own.outputs[0].stdout"),
    chained("build", "test", "other.Own.outputs.stdout"),
    steps(BASH, parameters=[{"Version": {"type": "string", "default": ""}}]),
    steps({**BASH, "inputs": {"commands": ["{{Version}}"]}}, constants=[{"Version": {"type": "string", "value": "1"}}]),
    document(phases=[{"name": "test", "steps": [{"name": "Own", "action": "UpdateOS", "inputs": None}]}]),
]

FILES: list[tuple[str, str | bytes, str]] = [
    ("a.yaml", "a: [", "must be a file in YAML, got expected the node content, but found '<stream end>' in line 1; mend it"),
    ("a.yaml", "a: !Sub b", "must be a file in YAML, got could not determine a constructor for the tag '!Sub' in line 1; mend it"),
    ("a.yml", "a: 1\nb: 2\na: 3", "must be a file that has every key of a mapping once, got 'a' twice; drop one of them"),
    ("a.yml", "a\0", "must be a file in YAML, got special characters are not allowed; mend it"),
    ("a.yml", "--- a\n--- b", "must be a file in YAML, got but found another document in line 2; mend it"),
    ("a.json", '{"a":\n}', "must be a file in JSON, got Expecting value in line 2; mend it"),
    ("a.json", '{"a": 1, "a": 2}', "must be a file that has every key of a mapping once, got 'a' twice; drop one of them"),
    ("a.yaml", b"\xff\xfe\xfa", "must be a file in UTF-8, got {path!r}; save it in UTF-8"),
    ("a.yaml", "", f"must be a mapping, got NoneType None; {DOCS}/toe-use-documents.html"),
    ("a.yaml", "name: 2026-01-01", "name must be text, a number, True, False, a list or a mapping, got date datetime.date(2026, 1, 1); put it in quotes"),
    ("a.yaml", "&a [*a]", "must be at most 32 levels deep, got more; do without references from a part of it to what it is in"),
    ("a.json", json.dumps({**OWN, "description": "a" * 65_536}), "must be a file of at most 65536 bytes, got 65695; make two components of it"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), CASES, ids=names(CASES))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def of_file(path: object) -> ImageComponent:
    return ImageComponent(id="Own", path=path)  # type: ignore[arg-type]


def check_file(path: object) -> None:
    component_checks.check_components(checks, stack, [of_file(path)], "LINUX")


@pytest.mark.parametrize(("name", "text", "message"), FILES, ids=[message[:60] for _, _, message in FILES])
def test_rejects_files(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    shown = message.replace("{path!r}", repr(str(path)))
    refused(lambda: check_file(path), f"components[0].path {shown}")


def test_rejects_a_file_that_is_not_there(tmp_path: Path) -> None:
    remedy = "give a path that is absolute, or counts from where the app is run"
    refused(
        lambda: check_file("none.yaml"),
        f"components[0].path must be a file, got 'none.yaml': No such file or directory; {remedy}",
    )
    with pytest.raises(ValueError, match="Is a directory; give a path"):
        check_file(tmp_path)
    refused(
        lambda: check_file(given.LATER),
        "components[0].path must be known when the app runs, got a token; give the path of a file",
    )


def test_the_text_of_a_file_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    text = "# Whatever\nschemaVersion: 1.0\nphases:\n  - {name: build, steps: [{name: Own, action: UpdateOS}]}\n"
    path.write_text(text)
    check_file(path)
    assert documents.read(of_file(path)) == (
        text,
        {"schemaVersion": 1.0, "phases": [{"name": "build", "steps": [{"name": "Own", "action": "UpdateOS"}]}]},
    )
    merged = tmp_path / "merged.yaml"
    merged.write_text("a: &a {b: 1, c: 2}\nd:\n  <<: *a\n  c: 3\n")
    assert documents.read(of_file(merged))[1] == {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}


def test_the_text_of_a_mapping_is_json_with_its_keys_in_order() -> None:
    text, found = documents.read(ImageComponent(id="Own", document={"b": 1.0, "a": ("ü", {"d": None, "c": True})}))
    assert text == '{\n  "b": 1.0,\n  "a": [\n    "ü",\n    {\n      "d": null,\n      "c": true\n    }\n  ]\n}'
    assert found == {"b": 1.0, "a": ["ü", {"d": None, "c": True}]}
