"""A custom resource that cannot work fails the stack at once and says why."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed

TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}


def template(code: str) -> dict[str, Any]:
    function = {
        "Handler": "index.handler",
        "Runtime": "python3.13",
        "Code": {"ZipFile": code},
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    custom = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}}
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Custom": {"Type": "Custom::Thing", "Properties": custom},
        }
    }


ANSWERS = """
import json, urllib.request
def handler(event, context):
    answer = {"Status": "SUCCESS", "PhysicalResourceId": "it", "Data": {}, **{
        name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""
RAISES = """
def handler(event, context):
    if event["RequestType"] == "Create":
        raise LookupError("no such thing")
"""


def test_one_that_answers_over_tls_is_created(run: Run) -> None:
    with deployed(run, "Answers", template(ANSWERS)):
        assert run.resource("Answers", "Custom::Thing") == "it"


def test_one_whose_function_raises_fails_with_what_it_said(run: Run) -> None:
    with pytest.raises(Broken, match=r"gave no answer.*no such thing"), deployed(run, "Raises", template(RAISES)):
        pass
