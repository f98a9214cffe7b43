"""EC2 Auto Scaling: groups that have instances, which come up, serve, fail, and are replaced, and how they are updated.

MiniStack records groups. Here their instances are launched as EC2 records, registered with target groups, checked and
replaced; refreshes and CloudFormation's update policies run over them; what happens is told as activities, events and
metrics. What each module leaves out is said in it.
"""

from __future__ import annotations


def install_types() -> None:
    """Provision the CloudFormation type; must run before types that MiniStack lacks are recorded."""
    from . import resources

    resources.install()


def install() -> None:
    """Answer for groups, and let time pass for them."""
    from . import announcements, health, protocol, targets, watch

    targets.install(health.serves)
    protocol.install()
    announcements.start()
    watch.start()
