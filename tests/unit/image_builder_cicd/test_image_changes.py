"""A change replaces what must be replaced, builds an image if it changes the image, and touches nothing else."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch import (
    BuildInstance,
    BuildSchedule,
    GoldenImage,
    ImageComponent,
    ImageLifecycle,
    ImageRegion,
    ManagedComponent,
    RootVolume,
)
from tests.unit.image_builder_cicd.built import LONG, YAML, network, web
from tests.unit.image_builder_cicd.changes import changes
from tests.unit.templates import Template

HARDEN: dict[str, Any] = {
    "schemaVersion": 1.0,
    "phases": [{"name": "build", "steps": [{"name": "UpdateOS", "action": "UpdateOS"}]}],
}
BASE: dict[str, Any] = {"components": [web(), ImageComponent(id="Harden", document=HARDEN)]}
NEWER: dict[str, Any] = {**HARDEN, "description": "With another text."}

RECIPE, IMAGE = {"ImageRecipe": "replaced", "ImagePipeline": "updated"}, {"Image": "replaced"}


def template(**given: Any) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(), "Web")
    GoldenImage(stack, "Image", vpc=network(stack), **{**BASE, **given})
    return Template(stack).json


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    return template()


def test_nothing_changes_when_nothing_is_changed(before: dict[str, Any]) -> None:
    assert changes(before, template()) == {}


def test_a_changed_component_makes_a_recipe_and_an_image_and_nothing_else(before: dict[str, Any]) -> None:
    after = template(components=[web(), ImageComponent(id="Harden", document=NEWER)])
    assert changes(before, after) == {"ImageComponentsHarden": "replaced", **RECIPE, **IMAGE}


def test_a_component_may_get_another_version_with_its_text_and_need_not(before: dict[str, Any]) -> None:
    after = template(components=[web(version="1.0.1"), BASE["components"][1]])
    assert changes(before, after) == {"ImageComponentsWeb": "replaced", **RECIPE, **IMAGE}


def test_a_changed_file_makes_an_image_whether_it_stands_in_the_template_or_not(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.yaml" for number in range(4)]
    for path, text in zip(paths, (YAML, YAML + "#", LONG, LONG + "#"), strict=True):
        path.write_text(text)
    short, other, long, longer = (template(components=[ImageComponent(id="File", path=one)]) for one in paths)
    expected = {"ImageComponentsFile": "replaced", **RECIPE, **IMAGE}
    for one, another in ((short, other), (long, longer), (short, long)):
        assert changes(one, another) == expected


def test_the_order_of_components_and_their_parameters_make_a_recipe_alone(before: dict[str, Any]) -> None:
    for components in ([*BASE["components"]][::-1], [web(parameters={"Port": "81"}), BASE["components"][1]]):
        assert changes(before, template(components=components)) == {**RECIPE, **IMAGE}


def test_another_component_of_ones_own_is_added_and_those_that_were_there_stay(before: dict[str, Any]) -> None:
    more = ImageComponent(id="More", document=NEWER)
    after = changes(before, template(components=[*BASE["components"], more]))
    assert after == {"ImageComponentsMore": "added", **RECIPE, **IMAGE}


def test_a_component_of_amazon_changes_what_the_instance_may_read_too(before: dict[str, Any]) -> None:
    after = changes(before, template(components=[*BASE["components"], ManagedComponent(name="update-linux")]))
    assert after == {"ImageBuildInstanceRole": "updated", **RECIPE, **IMAGE}


@pytest.mark.parametrize(
    ("parent", "more"),
    [
        ("ubuntu-server-24-lts-x86", {}),
        ("ami-0123456789abcdef0", {}),
        # The role must read the parameter.
        ("ssm:/aws/service/base", {"ImageExecutionRole": "updated"}),
    ],
)
def test_another_parent_image_makes_a_recipe_and_an_image_and_nothing_else(
    before: dict[str, Any], parent: str, more: dict[str, str]
) -> None:
    schedule = BuildSchedule(only_with_updates=False)
    after = template(parent_image=parent, schedule=schedule)
    assert changes(template(schedule=schedule), after) == {**RECIPE, **IMAGE, **more}


def test_another_volume_makes_a_recipe_and_an_image_and_nothing_else(before: dict[str, Any]) -> None:
    assert changes(before, template(volume=RootVolume(size_gib=20))) == {**RECIPE, **IMAGE}


def test_other_instance_types_are_for_the_next_image_and_make_none(before: dict[str, Any]) -> None:
    after = template(build=BuildInstance(instance_types=["m7i.xlarge"]))
    assert changes(before, after) == {"ImageBuildInfrastructure": "updated"}


def test_another_distribution_is_for_the_next_image_and_makes_none(before: dict[str, Any]) -> None:
    after = template(distribution=[ImageRegion(), ImageRegion(region="us-east-1")])
    assert changes(before, after) == {"ImageDistribution": "updated", "ImageExecutionRole": "updated"}


@pytest.mark.parametrize(
    "schedule",
    [BuildSchedule(expression="rate(7 days)"), BuildSchedule(disable_after_failures=None), None],
    ids=["expression", "failures", "none"],
)
def test_another_schedule_changes_the_pipeline_and_so_makes_an_image(
    before: dict[str, Any], schedule: BuildSchedule | None
) -> None:
    # The id of a deployment is another after every change of the pipeline, and tells not of which.
    assert changes(before, template(schedule=schedule)) == {"ImagePipeline": "updated", **IMAGE}


def test_images_that_are_scanned_from_now_on_are_made_anew(before: dict[str, Any]) -> None:
    after = changes(before, template(scan=True))
    assert after == {
        "ImagePipeline": "updated",
        "ImageExecutionRole": "updated",
        "ImageEventsVulnerableRule": "added",
        "ImageEventsVulnerable": "added",
        **IMAGE,
    }


def test_what_becomes_of_old_images_makes_no_new_one(before: dict[str, Any]) -> None:
    after = template(lifecycle=replace(ImageLifecycle(), keep_at_least=2))
    assert changes(before, after) == {"ImageLifecycle": "updated"}
    assert changes(before, template(stale_after=cdk.Duration.days(60))) == {"ImageAgeStaleAlarm": "updated"}


def test_an_image_that_is_not_built_by_deployments_is_built_by_none() -> None:
    one = template(build_on_deploy=False)
    another = template(build_on_deploy=False, components=[web(), ImageComponent(id="Harden", document=NEWER)])
    assert changes(one, another) == {"ImageComponentsHarden": "replaced", **RECIPE}


def test_an_image_would_stay_the_same_if_it_were_not_to_follow_the_pipeline(before: dict[str, Any]) -> None:
    still = json.loads(json.dumps(before).replace('"OnUpdate": true', '"OnUpdate": false'))
    after = copy.deepcopy(still)
    (recipe,) = [one for one in after["Resources"].values() if one["Type"] == "AWS::ImageBuilder::ImageRecipe"]
    recipe["Properties"]["ParentImage"] = "ami-0123456789abcdef0"
    assert changes(still, after) == RECIPE
