"""The templates are what a reviewer last saw; ``make snapshots`` accepts a change."""

from __future__ import annotations

from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.conftest import Synthesized


def test_template(synthesized: Synthesized, snapshot: SnapshotAssertion) -> None:
    assert synthesized.templates
    for name, template in synthesized.templates.items():
        assert template == snapshot(name=name, extension_class=JSONSnapshotExtension)
