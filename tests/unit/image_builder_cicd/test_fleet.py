"""Fleets: what instances start from, what they may do and reach, and what group they are in."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Annotations, Match

from cdk_refarch import RollingFleet
from tests.unit.image_builder_cicd.fleet_built import ACCOUNT, ENV, LINUX, TYPE, Built, built, network_of
from tests.unit.templates import Template, rows

ROLE = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"


@pytest.fixture(scope="module")
def made() -> Built:
    """The fleets of ``fleet_built``."""
    return built()


def test_metadata_is_answered_with_a_token_only_and_not_to_containers(made: Built) -> None:
    for scene in made.scenes:
        assert scene.instances["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": 1,
            "HttpTokens": "required",
        }


def test_instances_have_no_key_pair_and_detailed_monitoring(made: Built) -> None:
    for scene in made.scenes:
        assert "KeyName" not in scene.instances
        assert scene.instances["Monitoring"] == {"Enabled": True}


def test_instances_and_volumes_get_the_tags_of_the_stack() -> None:
    stack = cdk.Stack(cdk.App(), "Tagged", env=ENV)
    fleet = RollingFleet(stack, "Fleet", vpc=network_of(stack), image=LINUX, instance_type=TYPE)
    cdk.Tags.of(stack).add("team", "shop")
    template = Template(stack)
    tagged = template.of(fleet.launch_template)["LaunchTemplateData"]["TagSpecifications"]
    assert [one["ResourceType"] for one in tagged] == ["instance", "volume"]
    assert all({"Key": "team", "Value": "shop"} in one["Tags"] for one in tagged)
    assert {"Key": "team", "PropagateAtLaunch": True, "Value": "shop"} in template.of(fleet.group)["Tags"]


def test_the_image_is_looked_up_when_the_stack_is_deployed(made: Built) -> None:
    kind = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    (parameter,) = [one for one in made.plain.template.json["Parameters"].values() if one["Type"] == kind]
    assert parameter["Default"] == "/images/web"
    assert "SsmParameter" in made.plain.instances["ImageId"]
    assert made.plain.instances["InstanceType"] == "m7i.large"


def test_the_volume_is_encrypted_whatever_the_image_is(made: Built) -> None:
    volumes = [scene.instances["BlockDeviceMappings"] for scene in made.scenes]
    plain = {"DeleteOnTermination": True, "Encrypted": True}
    key = made.full.shown(made.key.key_arn)
    assert volumes == [
        [{"DeviceName": "/dev/xvda", "Ebs": plain}],
        [{"DeviceName": "/dev/sda1", "Ebs": {**plain, "KmsKeyId": key, "VolumeSize": 30}}],
        [{"DeviceName": "/dev/xvda", "Ebs": plain}],
        [{"DeviceName": "/dev/sda1", "Ebs": plain}],
    ]


def test_the_role_may_do_what_was_asked_for_and_nothing_else(made: Built) -> None:
    for scene in (made.plain, made.rolling, made.windows):
        assert set(scene.of(scene.fleet.role)) == {"AssumeRolePolicyDocument", "Description"}
    assert list(rows(made.full.template.of(made.full.fleet.role))) == [
        ("s3:GetObject", "arn:aws:s3:::shop/app.tgz", "")
    ]
    for scene in made.scenes:
        assert scene.all("AWS::IAM::Policy") == []
        (trust,) = scene.of(scene.fleet.role)["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}


def test_instances_start_when_their_permissions_are_in_force(made: Built) -> None:
    for scene in made.scenes:
        role = scene.fleet.role.node.default_child
        assert isinstance(role, cdk.CfnElement)
        needed = scene.template.resource(scene.fleet.launch_template)["DependsOn"]
        assert scene.template.resolve(role.logical_id) in needed


def test_the_security_group_lets_nothing_in_and_https_out(made: Built) -> None:
    group = made.plain.of(made.plain.fleet.security_group)
    assert "SecurityGroupIngress" not in group
    out = [
        (one.get("CidrIp") or one["CidrIpv6"], one["FromPort"], one["ToPort"]) for one in group["SecurityGroupEgress"]
    ]
    assert out == [("0.0.0.0/0", 443, 443), ("::/0", 443, 443)]
    assert made.plain.all("AWS::EC2::SecurityGroupIngress") == []
    assert made.plain.instances["SecurityGroupIds"] == ["<FleetSecurityGroup.GroupId>"]


def test_given_security_groups_take_its_place(made: Built) -> None:
    assert made.full.fleet.security_group is None
    ids = made.full.instances["SecurityGroupIds"]
    assert ids == ["<Given.GroupId>", "<Other.GroupId>"]


def test_an_application_load_balancer_of_the_app_reaches_the_instances_on_its_port_only(made: Built) -> None:
    opened = made.full.all("AWS::EC2::SecurityGroupIngress")
    assert {(one["GroupId"], one["FromPort"], one["ToPort"]) for one in opened} == {
        ("<Given.GroupId>", 8080, 8080),
        ("<Other.GroupId>", 8080, 8080),
    }
    assert {one["SourceSecurityGroupId"] for one in opened} == {"<ApplicationBalancerSecurityGroup.GroupId>"}


def test_others_are_let_in_by_connections() -> None:
    stack = cdk.Stack(cdk.App(), "Open", env=ENV)
    fleet = RollingFleet(stack, "Fleet", vpc=network_of(stack), image=LINUX, instance_type=TYPE)
    fleet.connections.allow_from(ec2.Peer.ipv4("10.0.0.0/16"), ec2.Port.tcp(22))
    assert fleet.security_group is not None
    (rule,) = Template(stack).of(fleet.security_group)["SecurityGroupIngress"]
    assert (rule["CidrIp"], rule["FromPort"]) == ("10.0.0.0/16", 22)


def test_the_group_has_the_size_that_was_asked_for(made: Built) -> None:
    names = ("MinSize", "MaxSize", "DesiredCapacity")
    assert [[scene.of(scene.fleet.group).get(name) for name in names] for scene in made.scenes] == [
        ["2", "4", None],
        ["3", "9", "6"],
        ["3", "3", None],
        ["0", "1", None],
    ]


def test_what_scaling_made_of_the_size_is_left_alone_by_later_deployments(made: Built) -> None:
    for scene in made.scenes:
        assert scene.update["AutoScalingScheduledAction"] == {"IgnoreUnmodifiedGroupSizeProperties": True}
    everything = Match.string_like_regexp(".*")
    warned = Annotations.from_stack(cdk.Stack.of(made.full.fleet)).find_warning("*", everything)
    assert not [one for one in warned if "desiredCapacity" in str(one.entry.data)]


def test_instances_are_in_private_subnets_unless_others_were_selected(made: Built) -> None:
    private = ["<VpcPrivateSubnet1Subnet>", "<VpcPrivateSubnet2Subnet>"]
    assert made.plain.of(made.plain.fleet.group)["VPCZoneIdentifier"] == private
    assert made.full.of(made.full.fleet.group)["VPCZoneIdentifier"] == private[:1]


def test_load_balancers_tell_who_is_healthy_where_there_are_any(made: Built) -> None:
    group = made.plain.of(made.plain.fleet.group)
    assert (group["HealthCheckType"], group["HealthCheckGracePeriod"]) == ("EC2", 300)
    assert "TargetGroupARNs" not in group
    group = made.full.of(made.full.fleet.group)
    assert (group["HealthCheckType"], group["HealthCheckGracePeriod"]) == ("ELB", 90)
    assert group["TargetGroupARNs"] == ["<Application>", "<Network>"]
    assert made.full.of(made.application)["TargetType"] == "instance"


def test_the_group_counts_its_instances(made: Built) -> None:
    for scene in made.scenes:
        assert scene.of(scene.fleet.group)["MetricsCollection"] == [{"Granularity": "1Minute"}]


def test_the_key_admits_auto_scaling_by_its_own_policy_before_its_role_exists(made: Built) -> None:
    statements = made.full.of(made.key)["KeyPolicy"]["Statement"][1:]
    only = {
        "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
        "kms:CallerAccount": ACCOUNT,
    }
    use = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    assert [(one["Principal"], one["Action"], one["Condition"]) for one in statements] == [
        ({"AWS": "*"}, use, {"StringEquals": only}),
        (
            {"AWS": "*"},
            "kms:CreateGrant",
            {"StringEquals": only, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]


def test_user_data_are_run_as_they_were_given(made: Built) -> None:
    assert made.full.script == "#!/bin/bash\nsystemctl start shop"
    assert made.plain.script == "#!/bin/bash"
    assert made.windows.script == "<powershell></powershell>"


def test_the_first_instances_wait_for_a_way_out_of_a_network_of_the_same_stack() -> None:
    stack = cdk.Stack(cdk.App(), "Own", env=cdk.Environment(account=ACCOUNT, region="eu-west-1"))
    vpc = network_of(stack)
    fleet = RollingFleet(stack, "Fleet", vpc=vpc, image=LINUX, instance_type=TYPE)
    waits = Template(stack).resource(fleet.group.node.default_child)["DependsOn"]
    routes = {stack.resolve(one.node.find_child("DefaultRoute").logical_id) for one in vpc.private_subnets}  # type: ignore[attr-defined]
    assert routes <= set(waits)
