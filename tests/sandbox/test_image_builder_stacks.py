"""Stacks with images in the sandbox: what changes, what fails, other accounts, keys and launch templates."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .golden import (
    ACCOUNT,
    FRIEND,
    NAME,
    OTHER,
    PARAMETER,
    REGION,
    Template,
    allow,
    document,
    elsewhere,
    golden,
    parameter,
    region,
)

IMAGE = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image/{NAME}"
CROSS = "EC2ImageBuilderDistributionCrossAccountRole"


@pytest.fixture(autouse=True)
def no_parameter(run: Run) -> Iterator[None]:
    yield
    for where in (REGION, OTHER):
        if parameter(run, where):
            elsewhere(run, "ssm", where).delete_parameter(Name=PARAMETER)


def refused(run: Run, template: Template, problem: str) -> None:
    with pytest.raises(Broken, match=problem), deployed(run, "Golden", template):
        pass


def update(run: Run, stack: str, template: Template) -> str:
    cloudformation = run.client("cloudformation")
    body, capabilities = json.dumps(template), ["CAPABILITY_IAM"]
    cloudformation.update_stack(StackName=stack, TemplateBody=body, Capabilities=capabilities)

    def ended() -> str | None:
        state: str = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return None if state.endswith("_IN_PROGRESS") else state

    return run.wait(stack, ended)


def test_a_change_of_a_component_builds_another_image_within_the_deployment(run: Run) -> None:
    with deployed(run, "Golden", golden()):
        assert run.resource("Golden", "AWS::ImageBuilder::Image") == f"{IMAGE}/1.0.1/1"
        first = run.outputs("Golden")["Ami"]
        assert parameter(run) == first
        assert update(run, "Golden", golden(document("echo 2 > /etc/golden"))) == "UPDATE_COMPLETE"
        assert run.resource("Golden", "AWS::ImageBuilder::Image") == f"{IMAGE}/1.0.2/1"
        assert run.resource("Golden", "AWS::ImageBuilder::Component").endswith(f"component/{NAME}/1.0.0/2")
        second = run.outputs("Golden")["Ami"]
        assert second != first
        assert parameter(run) == second
        contents = [tags(run, ami)["sandbox:components"].split()[0] for ami in (first, second)]
        assert len(set(contents)) == 2
        bad = golden(document("echo 3 > /etc/golden", "grep -q 4 /etc/golden || exit 3\nexit 3"))
        assert update(run, "Golden", bad) == "UPDATE_ROLLBACK_COMPLETE"
        assert parameter(run) == second
        assert "exit status" in reasons(run, "Golden")
        images = run.client("imagebuilder").list_images()["imageVersionList"]
        assert [one["version"] for one in images if one["name"] == NAME] == ["1.0.2"]


def tags(run: Run, ami: str) -> dict[str, str]:
    (found,) = run.client("ec2").describe_images(ImageIds=[ami])["Images"]
    return {one["Key"]: one["Value"] for one in found["Tags"]}


def reasons(run: Run, stack: str) -> str:
    events = run.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return " ".join(event.get("ResourceStatusReason", "") for event in events)


def test_an_image_that_fails_its_test_fails_the_stack_and_is_not_distributed(run: Run) -> None:
    template = golden(document(test="exit 3"))
    refused(run, template, "FAILED: .*'ApplyTestComponents' failed while TESTING: .*phase 'test'.*status")
    assert parameter(run) is None


def test_a_retained_image_that_failed_can_be_asked_why(run: Run) -> None:
    template = golden(document(test="exit 3"))
    for name in ("Image", "Recipe", "Component"):
        template["Resources"][name]["DeletionPolicy"] = "Retain"
    refused(run, template, "TESTING")
    client = run.client("imagebuilder")
    image = client.get_image(imageBuildVersionArn=f"{IMAGE}/1.0.1/1")["image"]
    failed = image["state"]["failureContext"]["componentFailure"]
    assert (failed["phaseName"], failed["stepName"], failed["action"]) == ("test", "Do", "ExecuteBash")
    client.delete_image(imageBuildVersionArn=image["arn"])
    client.delete_image_recipe(imageRecipeArn=image["imageRecipe"]["arn"])
    client.delete_component(componentBuildVersionArn=failed["componentArn"])


def test_without_a_test_phase_that_is_wanted_nothing_is_tested(run: Run) -> None:
    template = golden(document(test="exit 3"))
    pipeline = template["Resources"]["Pipeline"]["Properties"]
    pipeline["ImageTestsConfiguration"] = {"ImageTestsEnabled": False}
    del pipeline["ImageScanningConfiguration"]
    with deployed(run, "Golden", template):
        assert parameter(run) == run.outputs("Golden")["Ami"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"SubnetId": "subnet-0a1b2c3d4e5f67890", "SecurityGroupIds": ["sg-0a1b2c3d4e5f67890"]},
            "subnet-0a1b2c3d4e5f67890",
        ),
        ({"InstanceProfileName": "nobody"}, "nobody"),
    ],
)
def test_what_the_infrastructure_names_must_be_there(run: Run, change: Template, problem: str) -> None:
    template = golden()
    template["Resources"]["Infrastructure"]["Properties"] |= change
    refused(run, template, problem)


def test_the_service_linked_role_has_parameters_of_image_builder_only(run: Run) -> None:
    template = golden()
    pipeline = template["Resources"]["Pipeline"]["Properties"]
    for name in ("ExecutionRole", "LoggingConfiguration"):
        del pipeline[name]
    write = allow("logs:*", on="arn:aws:logs:*:*:log-group:/aws/imagebuilder/*")
    policies = template["Resources"]["InstanceRole"]["Properties"]["Policies"]
    policies[0]["PolicyDocument"]["Statement"].append(write)
    refused(run, template, "INTEGRATING: .*AWSServiceRoleForImageBuilder.*ssm:PutParameter")
    own = json.loads(json.dumps(template).replace(PARAMETER, f"/imagebuilder{PARAMETER}"))
    with deployed(run, "Golden", own):
        run.client("ssm").delete_parameter(Name=f"/imagebuilder{PARAMETER}")


def with_key(template: Template, *actions: str) -> Template:
    """The image encrypted, and a role that may do that with its key."""
    template["Resources"]["Key"] = {
        "Type": "AWS::KMS::Key",
        "Properties": {
            "KeyPolicy": {
                "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}]
            }
        },
    }
    arn = {"Fn::GetAtt": ["Key", "Arn"]}
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": arn, "VolumeSize": 20}}
    template["Resources"]["Recipe"]["Properties"]["BlockDeviceMappings"] = [mapping]
    policies = template["Resources"]["ExecutionRole"]["Properties"]["Policies"]
    policies[0]["PolicyDocument"]["Statement"].append(
        allow(*actions, on=arn, StringLike={"kms:ViaService": "ec2.*.amazonaws.com"})
    )
    return template


USES = ("kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*")


def test_an_encrypted_image_needs_the_use_of_its_key(run: Run) -> None:
    refused(
        run,
        with_key(golden(), *(one for one in USES if one != "kms:CreateGrant")),
        "BUILDING: .*kms:CreateGrant on resource: arn:aws:kms:",
    )
    with deployed(run, "Golden", with_key(golden(), *USES)):
        (found,) = run.client("ec2").describe_images(ImageIds=[run.outputs("Golden")["Ami"]])["Images"]
        (mapping,) = found["BlockDeviceMappings"]
        assert (mapping["Ebs"]["Encrypted"], mapping["Ebs"]["VolumeSize"]) == (True, 20)


def test_launch_templates_get_a_version_with_the_ami_by_default(run: Run) -> None:
    template = golden()
    given = {"LaunchTemplateData": {"ImageId": "ami-0a1b2c3d4e5f67890", "InstanceType": "t3.micro"}}
    template["Resources"]["Template"] = {"Type": "AWS::EC2::LaunchTemplate", "Properties": given}
    where = region(REGION, LaunchTemplateConfigurations=[{"LaunchTemplateId": {"Ref": "Template"}}])
    template["Resources"]["Distribution"]["Properties"]["Distributions"] = [where]
    refused(run, template, "INTEGRATING: .*ec2:CreateLaunchTemplateVersion")
    policies = template["Resources"]["ExecutionRole"]["Properties"]["Policies"]
    actions = ("ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate")
    policies[0]["PolicyDocument"]["Statement"].append(allow(*actions))
    with deployed(run, "Golden", template):
        id = run.resource("Golden", "AWS::EC2::LaunchTemplate")
        (version,) = run.client("ec2").describe_launch_template_versions(LaunchTemplateId=id, Versions=["$Default"])[
            "LaunchTemplateVersions"
        ]
        assert version["VersionNumber"] == 2
        data = version["LaunchTemplateData"]
        assert (data["ImageId"], data["InstanceType"]) == (run.outputs("Golden")["Ami"], "t3.micro")


def trust(account: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    return json.dumps({"Statement": [statement]})


def to_friend() -> Template:
    """The template that copies the AMI to another account, and puts the parameter there."""
    where = region(REGION)
    where["AmiDistributionConfiguration"]["TargetAccountIds"] = [FRIEND]
    where["SsmParameterConfigurations"][0]["AmiAccountId"] = FRIEND
    template = golden(None, where)
    policies = template["Resources"]["ExecutionRole"]["Properties"]["Policies"]
    policies[0]["PolicyDocument"]["Statement"] += [allow("sts:AssumeRole", on=f"arn:aws:iam::{FRIEND}:role/{CROSS}")]
    return template


def test_another_account_gets_the_ami_as_far_as_its_role_lets_it(run: Run) -> None:
    iam = elsewhere(run, "iam", account=FRIEND)
    refused(run, to_friend(), f"DISTRIBUTING: .*{FRIEND}:role/{CROSS}: there is no such role")
    iam.create_role(RoleName=CROSS, AssumeRolePolicyDocument=trust("111111111111"))
    refused(run, to_friend(), f"sts:AssumeRole on resource: .*{FRIEND}:role/{CROSS} because its trust policy")
    iam.update_assume_role_policy(RoleName=CROSS, PolicyDocument=trust(ACCOUNT))
    refused(run, to_friend(), f"{FRIEND}:assumed-role/{CROSS}/imagebuilder is not .*: ec2:CopyImage")
    may = allow("ec2:CopyImage", "ec2:CreateTags", "ec2:DescribeImages", "ssm:PutParameter")
    iam.put_role_policy(RoleName=CROSS, PolicyName="p", PolicyDocument=json.dumps({"Statement": [may]}))
    with deployed(run, "Golden", to_friend()):
        given = parameter(run, account=FRIEND)
        (found,) = elsewhere(run, "ec2", account=FRIEND).describe_images(ImageIds=[given])["Images"]
        assert (found["OwnerId"], found["State"]) == (FRIEND, "available")
        assert parameter(run) is None
    elsewhere(run, "ssm", account=FRIEND).delete_parameter(Name=PARAMETER)


def test_the_same_component_is_not_made_twice(run: Run) -> None:
    client, data = run.client("imagebuilder"), json.dumps(document())
    request = {"name": "Twice Made", "semanticVersion": "2.0.0", "platform": "Linux", "data": data}
    arn = client.create_component(**request)["componentBuildVersionArn"]
    assert arn.endswith(":component/twice-made/2.0.0/1")
    with pytest.raises(ClientError, match="already exists"):
        client.create_component(**request)
    with pytest.raises(ClientError, match="InvalidVersionNumberException"):
        client.create_component(**{**request, "semanticVersion": "2.0.x"})
    client.delete_component(componentBuildVersionArn=arn)


def test_components_come_from_s3_and_from_aws_and_take_parameters(run: Run) -> None:
    content = document("test {{ Word }} = said", "test {{ Word }} = said")
    content["parameters"] = [{"Word": {"type": "string"}}]
    run.client("s3").create_bucket(Bucket="components-of-tests")
    run.client("s3").put_object(Bucket="components-of-tests", Key="c.json", Body=json.dumps(content).encode())
    template = golden()
    component = template["Resources"]["Component"]["Properties"]
    del component["Data"]
    component["Uri"] = "s3://components-of-tests/c.json"
    recipe = template["Resources"]["Recipe"]["Properties"]
    refused(run, template, "The parameter Word of the component must have a value")
    recipe["Components"][0]["Parameters"] = [{"Name": "Word", "Value": ["said"]}]
    aws = f"arn:aws:imagebuilder:{REGION}:aws:component/update-linux/x.x.x"
    recipe["Components"].append({"ComponentArn": aws})
    with deployed(run, "Golden", template):
        built = run.outputs("Golden")["Ami"]
        assert tags(run, built)["sandbox:components"].endswith(f"{NAME}/1.0.0/1 update-linux/x.x.x")
