"""The stacks, held against what the fleet must never lose."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    spec = importlib.util.spec_from_file_location("image_repo_app", HERE / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("assembly")
    module.build(str(folder)).synth()
    return {path.name.partition(".")[0]: json.loads(path.read_text()) for path in folder.glob("*.template.json")}


def resources(templates: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the resources of a type in all stacks."""
    return [one for template in templates.values() for one in template["Resources"].values() if one["Type"] == kind]


def test_the_image_has_all_components_in_order(templates: dict[str, dict[str, Any]]) -> None:
    (recipe,) = resources(templates, "AWS::ImageBuilder::ImageRecipe")
    assert len(recipe["Properties"]["Components"]) == 3


def test_the_fleet_keeps_its_capacity_while_it_is_rolled(templates: dict[str, dict[str, Any]]) -> None:
    (group,) = resources(templates, "AWS::AutoScaling::AutoScalingGroup")
    preferences = group["UpdatePolicy"]["AutoScalingInstanceRefresh"]["Preferences"]
    assert preferences["MinHealthyPercentage"] == 100


def test_the_fleet_reads_the_parameter_that_the_image_writes(templates: dict[str, dict[str, Any]]) -> None:
    (distribution,) = resources(templates, "AWS::ImageBuilder::DistributionConfiguration")
    written = distribution["Properties"]["Distributions"][0]["SsmParameterConfigurations"][0]["ParameterName"]
    read = [
        parameter["Default"]
        for template in templates.values()
        for parameter in template.get("Parameters", {}).values()
        if parameter["Type"] == "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    ]
    assert read == [written]
