"""The functions of the architecture: where their code is."""

from __future__ import annotations

from pathlib import Path

HANDLERS = Path(__file__).parent / "handlers"
