"""An update from the last release deletes and replaces nothing that users cannot get back.

The base is the committed snapshot of the last release tag or, until there is one, of the first commit.
"""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ROOT, Apps

from .stability import HOLDING_DATA, losses

SNAPSHOTS = "tests/snapshots/__snapshots__/test_templates"


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def base() -> str:
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v*").strip()
    return tag or git("rev-list", "--max-parents=0", "HEAD").split("\n")[-2]


def test_an_update_from_the_last_release_loses_nothing() -> None:
    commit = base()
    paths = git("ls-tree", "-r", "--name-only", commit, SNAPSHOTS).split("\n")[:-1]
    assert paths, f"{commit} must hold snapshots, got none; fetch the whole history"
    lost = []
    for path in paths:
        now = ROOT / path
        if not now.exists():
            lost.append(f"{path}: the whole stack is gone; tell users in UPGRADING.md")
            continue
        old = json.loads(git("show", f"{commit}:{path}"))
        lost += [f"{now.stem}: {line}" for line in losses(old, json.loads(now.read_text()))]
    assert not lost, f"against {commit}:\n" + "\n".join(lost)


BUCKET, STREAM = "IngestS3Bucket0CD5107B", "IngestS3StreamBDE30890"


def rename(resources: dict[str, Any]) -> None:
    resources["IngestS3BucketNEW"] = resources.pop(BUCKET)


def replace(resources: dict[str, Any]) -> None:
    resources[STREAM]["Properties"]["DeliveryStreamName"] = "fixed"


def forget(resources: dict[str, Any]) -> None:
    resources[BUCKET]["DeletionPolicy"] = "Delete"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            rename,
            f"[-] AWS::S3::Bucket {BUCKET} would be deleted: keep its id, or tell users in UPGRADING.md; is it "
            "IngestS3BucketNEW now?",
        ),
        (
            replace,
            f"[~] AWS::KinesisFirehose::DeliveryStream {STREAM} would be replaced: DeliveryStreamName was null, is "
            '"fixed"',
        ),
        (forget, f"[~] AWS::S3::Bucket {BUCKET} would not be retained any more: DeletionPolicy was Retain, is Delete"),
    ],
)
def test_a_loss_is_named(apps: Apps, change: Callable[[dict[str, Any]], None], line: str) -> None:
    before = apps.get("app").templates["IotToFirehose"]
    now = copy.deepcopy(before)
    change(now["Resources"])
    assert list(losses(before, now)) == [line]


def test_data_is_retained_by_default(apps: Apps) -> None:
    lost = [
        f"{stack}: {one['Type']} {name} would go with the stack; give it the argument removal_policy"
        for stack, template in apps.get("app").templates.items()
        for name, one in template["Resources"].items()
        if one["Type"] in HOLDING_DATA and not one.get("DeletionPolicy", "Delete").startswith("Retain")
    ]
    assert not lost, "\n" + "\n".join(lost)


def test_an_unchanged_template_loses_nothing(apps: Apps) -> None:
    template = apps.get("app").templates["IotToFirehose"]
    assert list(losses(template, copy.deepcopy(template))) == []
