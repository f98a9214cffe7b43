"""Pipelines that look for changes by themselves: source actions that do not say that they leave it to events."""

from __future__ import annotations

from collections.abc import Iterator

from . import engine, references
from .pipelines import PIPELINES, Pipeline
from .repositories import Repository


def install() -> None:
    """Start such pipelines when a branch that they watch has changed."""
    references.WATCHERS.append(_changed)


def _changed(repository: Repository, branch: str) -> None:
    for pipeline in list(PIPELINES.values()):
        for name in _polls(pipeline, repository.name, branch):
            engine.start(pipeline, "PollForSourceChanges", name)


def _polls(pipeline: Pipeline, repository: str, branch: str) -> Iterator[str]:
    for action in pipeline.declaration["stages"][0]["actions"]:
        given = action.get("configuration") or {}
        watched = (given.get("RepositoryName"), given.get("BranchName")) == (repository, branch)
        if watched and given.get("PollForSourceChanges", "true").lower() != "false":
            yield action["name"]
