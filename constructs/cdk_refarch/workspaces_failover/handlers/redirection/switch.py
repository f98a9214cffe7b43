"""Holds the switch between the sites: turns it when the runbook says so, and tells the health check each minute.

The parameter is what counts, and the metric, which the health check sees, repeats it. A turn writes the parameter
first. If it ends there, the run of the next minute puts the metric that fits; in the other order, that run would take
the turn back. The routing control comes last: none is turned for a switch that does not remember it.

A drill turns back only what it has turned itself: each turn has a version, and another one is somebody else's.
"""

import json
import os
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sites import FQDN, client, known

METRIC = "PrimaryDisabled"
NAMESPACE = os.environ["NAMESPACE"]
PARAMETER_NAME = os.environ["PARAMETER_NAME"]
ROUTING_CONTROL_ARN = os.environ.get("ROUTING_CONTROL_ARN", "")
ROUTING_CONTROL_ENDPOINTS: list[dict[str, str]] = json.loads(os.environ.get("ROUTING_CONTROL_ENDPOINTS", "[]"))
STATES = {"primary": "On", "failover": "Off"}
"""The routing control is healthy when it is on."""

ssm = client("ssm")
cloudwatch = client("cloudwatch")


class RoutingControlError(Exception):
    """No endpoint of the cluster has turned the routing control."""


class OvertakenError(Exception):
    """Somebody else has turned the switch meanwhile; Step Functions knows it by this name."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Turn the switch, or repeat for the health check where it stands.

    Args:
        event: ``turn``, primary or failover, and with it maybe ``version``, that of the turn that is to be undone; 0 or
            none to turn in any case. Nothing from the schedule.
        context: Lambda's context.

    Returns:
        The site that is switched to, and the version of the turn; 0 if nothing was turned.

    Raises:
        BotoCoreError: If a service gave no answer; all can be done again.
        ClientError: If a service refused it.
        OvertakenError: If the switch was turned again since that version.
        RoutingControlError: If no endpoint has turned the routing control.
        ValueError: If there is no such site.
    """
    turned = "turn" in event
    site = known(event["turn"] if turned else _parameter()["Value"])
    version = _turn(site, event.get("version", 0)) if turned else 0
    disabled = int(site == "failover")
    datum = {"MetricName": METRIC, "Dimensions": [{"Name": "Fqdn", "Value": FQDN}], "Value": disabled}
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])
    control = _turn_control(STATES[site]) if turned and ROUTING_CONTROL_ARN else None
    print(json.dumps({"site": site, "primary_disabled": disabled, "turned": turned, "routing_control": control}))
    return {"site": site, "version": version}


def _parameter() -> dict[str, Any]:
    found: dict[str, Any] = ssm.get_parameter(Name=PARAMETER_NAME)["Parameter"]
    return found


def _turn(site: str, since: int) -> int:
    # Where it stands at the site already, this is most likely done again after an error: nothing is undone by that.
    if since and (now := _parameter())["Version"] != since and now["Value"] != site:
        raise OvertakenError(f"{PARAMETER_NAME} was turned again since version {since}; it stays at {now['Value']}")
    return int(ssm.put_parameter(Name=PARAMETER_NAME, Value=site, Overwrite=True)["Version"])


def _turn_control(state: str) -> str:
    # Any of the cluster's endpoints will do, and each may be gone with its region.
    problems = []
    for one in ROUTING_CONTROL_ENDPOINTS:
        cluster = client("route53-recovery-cluster", one["Region"], one["Endpoint"], tries=1)
        try:
            cluster.update_routing_control_state(RoutingControlArn=ROUTING_CONTROL_ARN, RoutingControlState=state)
        except (BotoCoreError, ClientError) as error:
            problems.append(f"{one['Region']}: {error}")
        else:
            return state
    raise RoutingControlError(f"routing control must be {state}, and no endpoint took it: {'; '.join(problems)}")
