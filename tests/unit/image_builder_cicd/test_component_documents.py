"""What AWS's component runner takes is taken, and nothing else: compared with a schema from AWS's documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.jsonschema import StandardValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdk_refarch._parts.checks import Checks
from cdk_refarch.image_builder_cicd.image.component_actions import ACTIONS
from cdk_refarch.image_builder_cicd.image.component_schema import check_document
from cdk_refarch.image_builder_cicd.image.image_values import Platform
from tests.unit.image_builder_cicd import component_documents as made

SCHEMA = json.loads((Path(__file__).parent / "awstoe.schema.json").read_text())
CHECKS = Checks("Stack/Image")
PLATFORMS = st.sampled_from(("LINUX", "WINDOWS"))
MANY = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# In the manner of the documents that AWS publishes, in other words: in its user guide, and in
# https://github.com/aws-samples/amazon-ec2-image-builder-samples under awstoe/cookbook and Components.
LIKE_AWS: dict[str, tuple[Platform, str]] = {
    "one that does with whichever package manager there is": (
        "LINUX",
        """
        name: any-distribution
        description: >-
          Steps that are skipped count as done.
        schemaVersion: 1.0
        phases:
          - name: build
            steps:
              - name: WithDnf
                action: ExecuteBash
                if:
                  and:
                    - binaryExists: 'dnf'
                    - not:
                        binaryExists: 'zip'
                inputs:
                  commands:
                    - dnf -y install zip
              - name: Configure
                action: CreateFile
                if:
                  fileExists: '/etc/own.conf'
                  then: Skip
                  else: Execute
                inputs:
                  - path: /etc/own.conf
          - name: validate
            steps:
              - name: Zip
                action: ExecuteBash
                inputs:
                  commands:
                    - zip -v > /dev/null
        """,
    ),
    "one that repeats a step": (
        "LINUX",
        """
        schemaVersion: 1.0
        constants:
          - Tools:
              type: string
              value: tar,gzip
        phases:
          - name: build
            steps:
              - name: Install
                action: ExecuteBash
                loop:
                  name: tools
                  forEach:
                    list: '{{ Tools }}'
                    delimiter: ','
                inputs:
                  commands:
                    - dnf -y install "{{ tools.value }}" # {{ loop.index }}
        """,
    ),
    "one that reads a secret by the name of a parameter": (
        "LINUX",
        """
        schemaVersion: 1.0
        parameters:
          - secretName:
              type: string
              default: /images/secret
              description: >-
                A parameter of Systems Manager.
        phases:
          - name: build
            steps:
              - name: Use
                action: ExecuteBash
                disableLogging: true
                inputs:
                  commands:
                    - |
                      test -n '{{ aws:ssm:resolve(secretName) }}'
        """,
    ),
    "one that downloads and verifies": (
        "LINUX",
        """
        schemaVersion: 1.0
        parameters:
          - source:
              type: string
          - sha256:
              type: string
              description: What it must be.
        phases:
          - name: build
            steps:
              - name: Fetch
                action: WebDownload
                maxAttempts: 3
                inputs:
                  - source: '{{ source }}'
                    destination: /tmp/archive
                    checksum: '{{ sha256 }}'
                    algorithm: SHA256
              - name: Run
                action: ExecuteBinary
                onFailure: Continue
                inputs:
                  path: '{{ build.Fetch.inputs[0].destination }}'
                  arguments: ['--install']
              - name: Delete
                action: DeleteFile
                inputs:
                  - path: '{{build.Fetch.inputs[0].destination}}'
        """,
    ),
    "one for Windows in all phases": (
        "WINDOWS",
        """
        name: Configure
        schemaVersion: 1.0
        constants:
          - folder:
              type: string
              value: 'C:\\Own'
        phases:
          - name: build
            steps:
              - name: Folder
                action: CreateFolder
                inputs:
                  - path: '{{ folder }}'
                    overwrite: false
              - name: Download
                action: S3Download
                timeoutSeconds: 60
                onFailure: Abort
                inputs:
                  - source: s3://bucket/own.ps1
                    destination: '{{ folder }}\\own.ps1'
                    expectedBucketOwner: 123456789012
              - name: Run
                action: ExecutePowerShell
                inputs:
                  file: '{{build.Download.inputs[0].destination}}'
              - name: Restart
                action: Reboot
                inputs:
                  delaySeconds: 60
              - name: Updates
                action: UpdateOS
          - name: validate
            steps:
              - name: Same
                action: Assert
                inputs:
                  stringEquals: 'done'
                  value: '{{ build.Run.outputs.stdout }}'
          - name: test
            steps:
              - name: Restart
                action: Reboot
        """,
    ),
    "one that runs others": (
        "LINUX",
        """
        schemaVersion: 1.0
        phases:
          - name: test
            steps:
              - name: Others
                action: ExecuteDocument
                loop:
                  name: others
                  forEach:
                    - arn:aws:imagebuilder:eu-west-1:123456789012:component/one/1.0.2/1
                    - arn:aws:imagebuilder:eu-west-1:123456789012:component/two/1.0.2/1
                inputs:
                  document: "{{ others.value }}"
                  phases: test
        """,
    ),
}


def validator(platform: str) -> Any:
    """Return cfn-lint's validator of schemas, without what it does for CloudFormation alone."""
    found = StandardValidator({**SCHEMA, "allOf": [{"$ref": f"#/definitions/{platform}"}]})
    return found.evolve(context=found.context.evolve(functions=[]))


VALIDATORS = {platform: validator(platform) for platform in ("LINUX", "WINDOWS")}


def problem(document: Any, platform: Any) -> str | None:
    try:
        check_document(CHECKS, "components[0].document", document, platform)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("platform", "text"), LIKE_AWS.values(), ids=list(LIKE_AWS))
def test_documents_like_those_of_aws_are_taken(platform: Platform, text: str) -> None:
    document = yaml.safe_load(text)
    assert problem(document, platform) is None
    assert [error.message for error in VALIDATORS[platform].iter_errors(document)] == []


@MANY
@given(st.data(), PLATFORMS)
def test_good_documents_are_taken(data: st.DataObject, platform: Platform) -> None:
    document = data.draw(made.documents(platform))
    assert problem(document, platform) is None
    assert VALIDATORS[platform].is_valid(document)


@MANY
@given(st.data(), PLATFORMS)
def test_documents_are_refused_when_the_schema_refuses_them(data: st.DataObject, platform: Platform) -> None:
    document = data.draw(made.spoiled(platform))
    found = problem(document, platform)
    assert (found is None) == VALIDATORS[platform].is_valid(document), found
    if found is not None:
        assert re.fullmatch(r"Stack/Image: components\[0\]\.document .*must be .*; .*", found, re.DOTALL)


def test_the_examples_have_every_action_on_every_platform_that_has_it() -> None:
    for platform, tables in made.INPUTS.items():
        examples = {action for table in tables for action in table}
        assert examples == {name for name, action in ACTIONS.items() if platform in action.platforms}


def test_documents_for_one_platform_alone_are_refused_on_the_other() -> None:
    for mine, other in ((made.LINUX, "WINDOWS"), (made.WINDOWS, "LINUX")):
        for action, examples in mine.items():
            step = {"name": "Own", "action": action, "inputs": examples[0]}
            document = {"schemaVersion": 1.0, "phases": [{"name": "build", "steps": [step]}]}
            assert problem(document, other) is not None, action
            assert not VALIDATORS[other].is_valid(document), action


def test_every_optional_input_can_be_left_out_and_every_other_is_needed() -> None:
    for platform, tables in made.INPUTS.items():
        for table in tables:
            for action, examples in table.items():
                for inputs in examples:
                    one = inputs[0] if isinstance(inputs, list) else inputs
                    for key in one or {}:
                        less = {name: value for name, value in one.items() if name != key}
                        step = {"name": "Own", "action": action, "inputs": [less] if isinstance(inputs, list) else less}
                        document = {"schemaVersion": 1.0, "phases": [{"name": "build", "steps": [step]}]}
                        assert (problem(document, platform) is None) == VALIDATORS[platform].is_valid(document), step
