"""Auto Scaling of the sandbox: instances, their health, and how groups get new images without losing capacity."""

from __future__ import annotations

import json
import urllib.error
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import told, waiting
from sandbox.run import Run
from sandbox.scenarios import Broken

from .fleets import (
    GRANTS,
    LINKED,
    REFRESH,
    ROOT,
    SIGNALS,
    USES,
    Template,
    ask,
    balanced,
    fleet,
    heard,
    image,
    refreshed,
    rolled,
    running,
)


def test_a_new_image_is_rolled_out_without_ever_falling_below_the_capacity(run: Run) -> None:
    old, new, baked = image(run), image(run), {"BakeTime": 30}
    with heard(run) as queue, running(run, refreshed(old, baked, DesiredCapacity="2")) as it:
        assert it.images() == [old, old]
        assert {one["Placement"]["AvailabilityZone"] for one in it.instances()} == {"us-east-1a", "us-east-1b"}
        it.api.set_desired_capacity(AutoScalingGroupName=it.name, DesiredCapacity=3)
        run.wait("a third instance", lambda: it.settled(old, old, old))
        assert it.update(refreshed(new, baked, DesiredCapacity="2")) == "UPDATE_COMPLETE"
        run.wait("new instances", lambda: it.settled(new, new, new))
        assert (it.group()["DesiredCapacity"], it.fewest(), it.refreshes()) == (3, 2, ["Successful"])
        after = [ready for _, ready, desired, _ in it.history() if desired == 3]
        assert min(after[after.index(3) :]) == 3
        assert max(after) == 4
        names = [one["detail-type"] for one in waiting(run, queue) if one["detail"]["AutoScalingGroupName"] == it.name]
        assert [name.removeprefix("EC2 Auto Scaling Instance Refresh ") for name in names if "Refresh" in name] == [
            *("Started", "Started Baking", "Succeeded")
        ]
        assert (names.count("EC2 Instance Launch Successful"), names.count("EC2 Instance Terminate Successful")) == (
            6,
            3,
        )


def test_an_image_that_does_not_boot_is_taken_back(run: Run) -> None:
    old, bad = image(run), image(run, boots="no")
    with heard(run) as queue, running(run, refreshed(old)) as it:
        before = {one["InstanceId"] for one in it.instances()}
        assert it.update(refreshed(bad)) == "UPDATE_ROLLBACK_COMPLETE"
        assert "status Failed: New instances did not become healthy" in it.reason()
        run.wait("old instances", lambda: it.settled(old, old))
        assert {one["InstanceId"] for one in it.instances()} == before
        assert (it.fewest(), it.refreshes()) == (2, ["Successful", "Failed"])
        (failed,) = [one for one in waiting(run, queue) if one["detail-type"].endswith("Refresh Failed")]
        assert failed["resources"] == [it.group()["AutoScalingGroupARN"]]
        assert sorted(failed["detail"]) == ["AutoScalingGroupName", "InstanceRefreshId"]


def test_an_alarm_undoes_a_refresh_that_bakes_and_fails_a_new_one(run: Run) -> None:
    old, new, cloudwatch, ec2 = image(run), image(run), run.client("cloudwatch"), run.client("ec2")
    name = f"m{uuid4().hex[:8]}"
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace="Shop", MetricName=name, Statistic="Maximum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
    )  # fmt: skip
    watched = {"AlarmSpecification": {"Alarms": [name]}}
    with running(run, refreshed(old, watched)) as it:
        template = it.group()["LaunchTemplate"]["LaunchTemplateId"]
        ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"ImageId": new})
        it.api.start_instance_refresh(
            AutoScalingGroupName=it.name,
            DesiredConfiguration={"LaunchTemplate": {"LaunchTemplateId": template, "Version": "2"}},
            Preferences={**REFRESH, **watched, "BakeTime": 3000, "AutoRollback": True},
        )
        run.wait("baking", lambda: it.refreshes() == ["Baking"])
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": name, "Value": 5}])
        run.wait("the rollback", lambda: it.refreshes() == ["RollbackSuccessful"])
        assert it.update(refreshed(new, watched)) == "UPDATE_ROLLBACK_COMPLETE"
        assert f"The CloudWatch alarm {name} is in the ALARM state" in it.reason()
        run.wait("old instances", lambda: it.settled(old, old))
        assert it.fewest() == 2
    cloudwatch.delete_alarms(AlarmNames=[name])


def test_a_rolling_update_waits_for_the_signals_of_each_batch(run: Run) -> None:
    old, new = image(run), image(run)
    with running(run, rolled(old)) as it:
        assert it.update(rolled(new)) == "UPDATE_COMPLETE"
        run.wait("new instances", lambda: it.settled(new, new))
        assert it.fewest() == 2
        assert max(ready for _, ready, _, _ in it.history()) == 3


def test_a_rolling_update_without_enough_signals_goes_back(run: Run) -> None:
    old, bad = image(run), image(run, serves="no")
    with running(run, rolled(old)) as it:
        assert it.update(rolled(bad, PauseTime="PT2M")) == "UPDATE_ROLLBACK_COMPLETE"
        assert "Received 0 SUCCESS signal(s) out of 1." in it.reason()
        assert "Unable to satisfy 100% MinSuccessfulInstancesPercent requirement" in it.reason()
        run.wait("old instances", lambda: it.settled(old, old))
        assert it.fewest() == 2


def test_a_rolling_update_goes_on_when_few_enough_do_not_signal(run: Run) -> None:
    old, bad = image(run), image(run, serves="no")
    with running(run, rolled(old, MinSuccessfulInstancesPercent=0, PauseTime="PT30S")) as it:
        assert it.update(rolled(bad, MinSuccessfulInstancesPercent=0, PauseTime="PT30S")) == "UPDATE_COMPLETE"
        run.wait("new instances", lambda: it.settled(bad, bad))
        assert it.fewest() < 2


def test_a_group_with_another_name_replaces_the_old_one(run: Run) -> None:
    first, second, ami = f"a{uuid4().hex[:8]}", f"b{uuid4().hex[:8]}", image(run)
    with running(run, fleet(ami, AutoScalingGroupName=first)) as it:
        assert it.update(fleet(ami, AutoScalingGroupName=second)) == "UPDATE_COMPLETE"
        found = it.api.describe_auto_scaling_groups()["AutoScalingGroups"]
        assert [(one["AutoScalingGroupName"], len(one["Instances"])) for one in found] == [(second, 2)]


@pytest.mark.parametrize(("script", "says"), [(SIGNALS, ""), ("", "Received 0 SUCCESS signal(s) out of 2.")])
def test_a_group_is_created_when_its_instances_have_signalled(run: Run, script: str, says: str) -> None:
    creation = {"ResourceSignal": {"Count": 2, "Timeout": "PT1M" if says else "PT15M"}}
    template = fleet(image(run), creation=creation, data={"UserData": script} if script else None)
    if says:
        with pytest.raises(Broken) as refused, running(run, template):
            pass
        assert says in str(refused.value)
        groups = run.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        assert groups == []
        return
    with running(run, template) as it:
        assert len(it.instances()) == 2


def test_what_fails_the_checks_of_the_load_balancer_is_replaced(run: Run) -> None:
    measured = [{"Granularity": "1Minute"}]
    with running(run, balanced(fleet(image(run), MetricsCollection=measured), delay=450)) as it:
        targets = run.resource(it.stack, "AWS::ElasticLoadBalancingV2::TargetGroup")
        elb, cloudwatch = run.client("elbv2"), run.client("cloudwatch")

        def states() -> dict[str, str]:
            found = elb.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]
            return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found}

        assert set(states().values()) <= {"initial", "healthy"}
        run.wait("healthy targets", lambda: list(states().values()) == ["healthy", "healthy"])
        broken = it.instances()[0]["InstanceId"]
        told(run, "/_sandbox/fleet/health", {"instanceId": broken, "serving": False})
        run.wait("draining", lambda: states().get(broken) == "draining")
        run.wait("another", lambda: broken not in states() and list(states().values()) == ["healthy", "healthy"])
        causes = it.api.describe_scaling_activities(AutoScalingGroupName=it.name)["Activities"]
        assert any("ELB system health check failure" in one["Cause"] for one in causes)
        metrics = cloudwatch.list_metrics(Namespace="AWS/ApplicationELB")["Metrics"]
        assert {one["MetricName"] for one in metrics} == {"HealthyHostCount", "UnHealthyHostCount"}
        sizes = {one["Name"]: one["Value"] for one in metrics[0]["Dimensions"]}
        assert sizes["TargetGroup"] == targets.rpartition(":")[2]
        group = [{"Name": "AutoScalingGroupName", "Value": it.name}]
        found = cloudwatch.list_metrics(Namespace="AWS/AutoScaling", Dimensions=group)["Metrics"]
        assert {"GroupInServiceInstances", "GroupDesiredCapacity"} <= {one["MetricName"] for one in found}


@pytest.mark.parametrize("checked", ["EC2", "ELB"])
def test_only_a_group_that_looks_at_its_targets_refuses_an_image_that_does_not_serve(run: Run, checked: str) -> None:
    old, mute = image(run), image(run, serves="no")

    def behind(image: str) -> Template:
        template = balanced(refreshed(image))
        template["Resources"]["Group"]["Properties"]["HealthCheckType"] = checked
        return template

    with running(run, behind(old)) as it:
        assert it.update(behind(mute)) == ("UPDATE_COMPLETE" if checked == "EC2" else "UPDATE_ROLLBACK_COMPLETE")
        run.wait("instances", lambda: it.settled(*([mute, mute] if checked == "EC2" else [old, old])))


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ([ROOT], "Client.InternalError: Client error on launch"),
        ([ROOT, USES], "Client.InternalError: Client error on launch"),
        ([ROOT, USES, GRANTS], ""),
    ],
)
def test_an_encrypted_image_needs_a_key_that_auto_scaling_may_use(run: Run, statements: Any, says: str) -> None:
    key = run.client("kms").create_key(Policy=json.dumps({"Statement": statements}))["KeyMetadata"]["Arn"]
    volume = [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": key}}]
    template = fleet(image(run), data={"BlockDeviceMappings": volume})
    if says:
        with pytest.raises(Broken, match="Group did not stabilize") as refused, running(run, template):
            pass
        assert says in str(refused.value)
        return
    with running(run, template) as it:
        run.client("kms").disable_key(KeyId=key)
        it.api.set_desired_capacity(AutoScalingGroupName=it.name, DesiredCapacity=3)

        def failed() -> str:
            newest = it.api.describe_scaling_activities(AutoScalingGroupName=it.name)["Activities"][0]
            return str(newest.get("StatusMessage", ""))

        assert run.wait("a failure", failed).startswith("Client.InvalidKMSKey.InvalidState")


def test_a_grant_lets_auto_scaling_use_a_key_whose_policy_does_not(run: Run) -> None:
    kms, operations = run.client("kms"), ["DescribeKey", "Decrypt", "GenerateDataKeyWithoutPlaintext", "CreateGrant"]
    key = kms.create_key(Policy=json.dumps({"Statement": [ROOT]}))["KeyMetadata"]["Arn"]
    kms.create_grant(KeyId=key, GranteePrincipal=LINKED, Operations=operations)
    volume = [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": key}}]
    with running(run, fleet(image(run), data={"BlockDeviceMappings": volume})) as it:
        assert len(it.instances()) == 2


def role(service: str) -> Template:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    profile = {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": "Role"}]}}
    properties = {"AssumeRolePolicyDocument": {"Statement": [trust]}}
    return {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}, "Profile": profile}


@pytest.mark.parametrize(
    ("service", "data", "says"),
    [
        ("lambda.amazonaws.com", {"IamInstanceProfile": {"Arn": {"Fn::GetAtt": ["Profile", "Arn"]}}}, "sts:AssumeRole"),
        ("ec2.amazonaws.com", {"ImageId": "ami-0000000000000000f"}, "The image id '[ami-0000000000000000f]' does not"),
        ("ec2.amazonaws.com", {"ImageId": "resolve:ssm:/no/such"}, "/no/such could not be resolved: ParameterNotFound"),
    ],
)
def test_what_cannot_be_launched_fails_with_its_reason(run: Run, service: str, data: Any, says: str) -> None:
    template = fleet(image(run), data=data)
    template["Resources"] |= role(service)
    with pytest.raises(Broken) as refused, running(run, template):
        pass
    assert says in str(refused.value)
    assert "Failed Scaling Activity" in str(refused.value)


def test_an_image_that_a_parameter_names_is_resolved_at_each_launch(run: Run) -> None:
    ssm, first, second = run.client("ssm"), image(run), image(run)
    ssm.put_parameter(Name="/fleet/image", Value=first, Type="String")
    template = fleet("resolve:ssm:/fleet/image", data={"IamInstanceProfile": {"Name": {"Ref": "Profile"}}})
    template["Resources"] |= role("ec2.amazonaws.com")
    with running(run, template) as it:
        assert it.images() == [first, first]
        assert "instance-profile/" in it.instances()[0]["IamInstanceProfile"]["Arn"]
        ssm.put_parameter(Name="/fleet/image", Value=second, Type="String", Overwrite=True)
        run.client("ec2").terminate_instances(InstanceIds=[it.instances()[0]["InstanceId"]])
        run.wait("a replacement", lambda: it.settled(first, second))
        it.api.start_instance_refresh(AutoScalingGroupName=it.name)
        run.wait("the refresh", lambda: it.refreshes() == ["Successful"])
        run.wait("new instances", lambda: it.settled(second, second))
    ssm.delete_parameter(Name="/fleet/image")


def test_a_refresh_over_the_api_stops_at_checkpoints_and_can_be_cancelled_or_undone(run: Run) -> None:
    old, new, ec2 = image(run), image(run), run.client("ec2")
    with running(run, fleet(old)) as it:
        template = it.group()["LaunchTemplate"]["LaunchTemplateId"]
        version = ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"ImageId": new}
        )["LaunchTemplateVersion"]["VersionNumber"]
        wanted = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": str(version)}}
        halfway = {**REFRESH, "CheckpointPercentages": [50, 100], "CheckpointDelay": 3000, "SkipMatching": True}
        start = {"AutoScalingGroupName": it.name, "DesiredConfiguration": wanted, "Preferences": halfway}

        it.api.start_instance_refresh(**start)
        with pytest.raises(ClientError, match="InstanceRefreshInProgress"):
            it.api.start_instance_refresh(**start)
        run.wait("the checkpoint", lambda: it.settled(old, new))
        it.api.cancel_instance_refresh(AutoScalingGroupName=it.name)
        run.wait("its end", lambda: it.refreshes() == ["Cancelled"])
        with pytest.raises(ClientError, match="ActiveInstanceRefreshNotFound"):
            it.api.cancel_instance_refresh(AutoScalingGroupName=it.name)

        it.api.start_instance_refresh(**{**start, "Preferences": {**halfway, "CheckpointDelay": 0, "BakeTime": 3000}})
        run.wait("baking", lambda: it.refreshes()[0] == "Baking" and it.settled(new, new))
        it.api.rollback_instance_refresh(AutoScalingGroupName=it.name)
        run.wait("the way back", lambda: it.refreshes()[0] == "RollbackSuccessful" and it.settled(old, old))
        assert it.group()["LaunchTemplate"]["Version"] == "1"

        undone = {**REFRESH, "AutoRollback": True}
        told(run, "/_sandbox/fleet/health", {"imageId": new, "healthy": False})
        it.api.start_instance_refresh(**{**start, "Preferences": undone})
        run.wait("the rollback", lambda: it.refreshes()[0] == "RollbackSuccessful" and it.settled(old, old))
        assert it.fewest() == 2


def test_a_group_of_the_api_is_scaled_and_deleted_with_its_instances(run: Run) -> None:
    api, ec2, name = run.client("autoscaling"), run.client("ec2"), f"g{uuid4().hex[:8]}"
    ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image(run)})
    sizes = {"MinSize": 1, "MaxSize": 2, "LaunchTemplate": {"LaunchTemplateName": name, "Version": "$Latest"}}
    api.create_auto_scaling_group(AutoScalingGroupName=name, AvailabilityZones=["us-east-1a"], **sizes)

    def instances() -> list[str]:
        found = api.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]["Instances"]
        return [one["InstanceId"] for one in found if one["LifecycleState"] == "InService"]

    (first,) = run.wait("an instance", instances)
    with pytest.raises(ClientError, match="above max value 2"):
        api.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=3)
    api.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["Launch"])
    api.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
    run.wait("its end", lambda: not instances())
    api.resume_processes(AutoScalingGroupName=name)
    (second,) = run.wait("another", instances)
    api.set_instance_health(InstanceId=second, HealthStatus="Unhealthy")
    run.wait("a third", lambda: instances() not in ([], [second]))
    with pytest.raises(ClientError, match="ResourceInUse"):
        api.delete_auto_scaling_group(AutoScalingGroupName=name)
    (third,) = instances()
    api.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    state = ec2.describe_instances(InstanceIds=[third])["Reservations"][0]["Instances"][0]["State"]["Name"]
    assert state == "terminated"
    ec2.delete_launch_template(LaunchTemplateName=name)


def test_what_cannot_be_told_about_a_fleet_is_refused(run: Run) -> None:
    for path, body in (("health", {"healthy": False}), ("health", {"imageId": "ami-1"}), ("history", {"group": "no"})):
        with pytest.raises(Broken, match=r"must be given|there is no group"):
            told(run, f"/_sandbox/fleet/{path}", body)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(run, "/_sandbox/fleet/history?group=none")
