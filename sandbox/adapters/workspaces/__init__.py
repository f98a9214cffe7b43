"""Amazon WorkSpaces and AWS Directory Service, as far as redirection between regions needs them.

State is kept per account and region and passes on by itself within about a second. What each module leaves out is said
in it; prices, quotas other than those of IP groups and tags, pools, bundles and images are missing.
"""

from __future__ import annotations

from sandbox.adapters.json_rpc import Operation

from . import aliases, desktops, directories, ip_groups, registrations, replicas, service, standbys

SERVICES: dict[str, dict[str, Operation]] = {
    "workspaces": service.operations(
        "workspaces",
        {
            **registrations.OPERATIONS,
            **ip_groups.OPERATIONS,
            **aliases.OPERATIONS,
            **desktops.OPERATIONS,
            **standbys.OPERATIONS,
        },
    ),
    "ds": service.operations("ds", {**directories.OPERATIONS, **replicas.OPERATIONS}),
}
"""The operations of the two services, by the name that requests are signed for."""
_INVALID = {"workspaces": "InvalidParameterValuesException", "ds": "InvalidParameterException"}


def install_types() -> None:
    """Provision the CloudFormation types; must run before types that MiniStack lacks are recorded."""
    from . import resources

    resources.install()


def install() -> None:
    """Answer for the two services in moto's place, which must be installed."""
    from ministack import app

    from sandbox.adapters import json_rpc

    from . import needs, network

    for name, operations in SERVICES.items():
        app.SERVICE_HANDLERS[name] = json_rpc.handler(name, operations, _INVALID[name], needs.refuser(name))
    needs.install()
    network.install()
