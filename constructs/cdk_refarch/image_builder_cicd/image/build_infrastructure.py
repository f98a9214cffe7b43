"""The instances that an image is built and tested on."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_imagebuilder as imagebuilder
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_refarch._parts.operation import Operation

from .image_values import BuildInstance
from .instance_role import instance_role

HOPS = 2
"""How far the answers of the metadata service go: to containers on the instance."""


class BuildInfrastructure(Construct):
    """Instances that nobody can reach, and that reach what they need by HTTPS.

    Creates a role, an instance profile, a security group unless some are given, log groups, and the infrastructure
    configuration.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        prefix: The name of the infrastructure configuration.
        vpc: Where instances are started.
        build: What is asked for; checked before.
        component_arns: The components that instances may read.
        operation: What it shares with the other parts.

    Attributes:
        configuration: The infrastructure configuration.
        instance_role: The role of the instances.
        security_group: The security group that was created; None if some were given.
        security_group_ids: The security groups.
        subnet_id: The subnet.
        image_log: What the components print.
        pipeline_log: What the pipeline does.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        prefix: str,
        vpc: ec2.IVpc,
        build: BuildInstance,
        component_arns: Sequence[str],
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.image_log = self._log("ImageLog", operation)
        self.pipeline_log = self._log("PipelineLog", operation)
        self.instance_role = instance_role(
            self, component_arns=component_arns, log_group=self.image_log, statements=build.statements
        )
        self.security_group, self.security_group_ids = self._security_groups(vpc, build)
        subnets = build.subnets or ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
        selected = vpc.select_subnets(
            subnets=subnets.subnets,
            subnet_type=subnets.subnet_type,
            subnet_group_name=subnets.subnet_group_name,
            availability_zones=subnets.availability_zones,
            subnet_filters=subnets.subnet_filters,
            one_per_az=subnets.one_per_az,
        )
        self.subnet_id: str = selected.subnet_ids[0]
        profile = iam.CfnInstanceProfile(self, "InstanceProfile", roles=[self.instance_role.role_name])
        self.configuration = imagebuilder.CfnInfrastructureConfiguration(
            self,
            "Infrastructure",
            name=prefix,
            instance_profile_name=profile.ref,
            instance_types=list(build.instance_types),
            security_group_ids=self.security_group_ids,
            subnet_id=self.subnet_id,
            terminate_instance_on_failure=build.terminate_on_failure,
            instance_metadata_options=imagebuilder.CfnInfrastructureConfiguration.InstanceMetadataOptionsProperty(
                http_tokens="required", http_put_response_hop_limit=HOPS
            ),
        )
        # In a network of the same stack, the first instance would be started before there is a way out.
        self.configuration.node.add_dependency(selected.internet_connectivity_established)

    def _log(self, id: str, operation: Operation) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            id,
            encryption_key=operation.encryption_key,
            retention=operation.log_retention,
            removal_policy=operation.removal_policy,
        )

    def _security_groups(self, vpc: ec2.IVpc, build: BuildInstance) -> tuple[ec2.SecurityGroup | None, list[str]]:
        if build.security_groups is not None:
            return None, [group.security_group_id for group in build.security_groups]
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description=f"Instances that the image of {cdk.Names.unique_id(self)[-80:]} is built on",
            allow_all_outbound=False,
            disable_inline_rules=False,
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "Services of AWS, and packages")
        return group, [group.security_group_id]
