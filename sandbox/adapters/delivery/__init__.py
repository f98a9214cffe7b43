"""Delivery: CodeCommit, CodeBuild, CodePipeline, and the role that CloudFormation deploys with.

Pipelines run here: sources are packed, buildspecs run as commands of this machine, stacks are deployed, approvals wait.
Every step is asked of the role that AWS would do it with. What each module leaves out is said in it.
"""

from __future__ import annotations


def install_types() -> None:
    """Provision the CloudFormation types; must run before types that MiniStack lacks are recorded."""
    from . import resources

    resources.install()


def install() -> None:
    """Answer for CodeCommit and CodePipeline in moto's place, which must be installed, and run builds."""
    from ministack import app

    from sandbox.adapters import json_rpc

    from . import builds, codecommit, codepipeline, contents, decisions, deploy_roles, polling, reading

    app.SERVICE_HANDLERS[codecommit.SERVICE] = json_rpc.handler(
        codecommit.SERVICE,
        {**codecommit.OPERATIONS, **reading.OPERATIONS, **contents.OPERATIONS},
        "InvalidParameterException",
    )
    app.SERVICE_HANDLERS[codepipeline.SERVICE] = json_rpc.handler(
        codepipeline.SERVICE, {**codepipeline.OPERATIONS, **decisions.OPERATIONS}, "ValidationException"
    )
    builds.install()
    deploy_roles.install()
    polling.install()
