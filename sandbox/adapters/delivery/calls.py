"""The table of what CloudFormation calls for each type; ``needs`` says how to read it.

From the handlers' permissions in the types' schemas and the Service Authorization Reference, without what a handler
only calls in other cases, and without Describe and List calls that services do not answer with AccessDenied.
"""

from __future__ import annotations

from .grants import Kind

_PLACE = "{region}:{account}"
_BUILDER = "imagebuilder.amazonaws.com"


def _builder(kind: str, form: str, *more: str, update: bool = True, role: str = "", versions: bool = False) -> Kind:
    """A type of Image Builder, which has one call for each operation."""
    own = f"arn:aws:imagebuilder:{_PLACE}:{form}/{{name}}" + ("/{Version}" if versions else "")
    get = f"imagebuilder:Get{kind}"
    change = (f"imagebuilder:Update{kind}", get, *more) if update else (f"imagebuilder:Create{kind}", get, *more)
    return Kind(
        own,
        (f"imagebuilder:Create{kind}", get, *more),
        change,
        (f"imagebuilder:Delete{kind}", get),
        tag="imagebuilder:TagResource",
        passes={role: _BUILDER} if role else {},
        lower=True,
    )


_GROUP = f"arn:aws:logs:{_PLACE}:log-group:{{name}}"
_GROUP_OF = f"arn:aws:logs:{_PLACE}:log-group:{{LogGroupName}}:log-stream:"
_FUNCTION_OF = f"arn:aws:lambda:{_PLACE}:function:{{FunctionName}}"
_SECURITY = "arn:aws:ec2:{region}:{account}:security-group/{name}"

KINDS: dict[str, Kind] = {
    "AWS::AutoScaling::AutoScalingGroup": Kind(
        f"arn:aws:autoscaling:{_PLACE}:autoScalingGroup:*:autoScalingGroupName/{{name}}",
        (
            "autoscaling:CreateAutoScalingGroup",
            "autoscaling:DescribeAutoScalingGroups *",
            "autoscaling:DescribeScalingActivities *",
            "autoscaling:PutNotificationConfiguration?NotificationConfigurations",
            "autoscaling:EnableMetricsCollection?MetricsCollection",
            "autoscaling:PutLifecycleHook?LifecycleHookSpecificationList",
        ),
        (
            "autoscaling:UpdateAutoScalingGroup",
            "autoscaling:DescribeAutoScalingGroups *",
            "autoscaling:DescribeScalingActivities *",
            "autoscaling:PutNotificationConfiguration?NotificationConfigurations",
            "autoscaling:EnableMetricsCollection?MetricsCollection",
            "autoscaling:AttachLoadBalancerTargetGroups?TargetGroupARNs",
        ),
        ("autoscaling:DeleteAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"),
        name="AutoScalingGroupName",
        tag="autoscaling:CreateOrUpdateTags",
    ),
    "AWS::CloudWatch::Alarm": Kind(
        f"arn:aws:cloudwatch:{_PLACE}:alarm:{{name}}",
        ("cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms"),
        ("cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms"),
        ("cloudwatch:DeleteAlarms",),
        name="AlarmName",
        tag="cloudwatch:TagResource",
    ),
    "AWS::EC2::LaunchTemplate": Kind(
        f"arn:aws:ec2:{_PLACE}:launch-template/{{name}}",
        ("ec2:CreateLaunchTemplate", "ec2:CreateTags?TagSpecifications", "ec2:DescribeLaunchTemplates *"),
        ("ec2:CreateLaunchTemplateVersion", "ec2:DescribeLaunchTemplates *"),
        ("ec2:DeleteLaunchTemplate", "ec2:DescribeLaunchTemplates *"),
        name="",
    ),
    "AWS::EC2::SecurityGroup": Kind(
        _SECURITY,
        (
            "ec2:CreateSecurityGroup",
            "ec2:CreateSecurityGroup?VpcId arn:aws:ec2:{region}:{account}:vpc/{VpcId}",
            "ec2:DescribeSecurityGroups *",
            "ec2:AuthorizeSecurityGroupIngress?SecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress?SecurityGroupEgress",
            "ec2:RevokeSecurityGroupEgress?SecurityGroupEgress",
        ),
        (
            "ec2:DescribeSecurityGroups *",
            "ec2:AuthorizeSecurityGroupIngress?SecurityGroupIngress",
            "ec2:RevokeSecurityGroupIngress?SecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress?SecurityGroupEgress",
            "ec2:RevokeSecurityGroupEgress?SecurityGroupEgress",
        ),
        ("ec2:DeleteSecurityGroup", "ec2:DescribeSecurityGroups *"),
        name="",
        tag="ec2:CreateTags",
    ),
    "AWS::Events::Rule": Kind(
        f"arn:aws:events:{_PLACE}:rule/{{name}}",
        ("events:PutRule", "events:DescribeRule", "events:PutTargets?Targets"),
        ("events:PutRule", "events:DescribeRule", "events:PutTargets?Targets", "events:RemoveTargets?Targets"),
        ("events:DeleteRule", "events:DescribeRule", "events:RemoveTargets?Targets"),
        tag="events:TagResource",
    ),
    "AWS::IAM::InstanceProfile": Kind(
        "arn:aws:iam::{account}:instance-profile{path}{name}",
        ("iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile?Roles", "iam:GetInstanceProfile"),
        ("iam:AddRoleToInstanceProfile?Roles", "iam:RemoveRoleFromInstanceProfile?Roles", "iam:GetInstanceProfile"),
        ("iam:RemoveRoleFromInstanceProfile?Roles", "iam:DeleteInstanceProfile", "iam:GetInstanceProfile"),
        name="InstanceProfileName",
    ),
    "AWS::IAM::ManagedPolicy": Kind(
        "arn:aws:iam::{account}:policy{path}{name}",
        ("iam:CreatePolicy", "iam:GetPolicy"),
        ("iam:CreatePolicyVersion?PolicyDocument", "iam:ListPolicyVersions?PolicyDocument", "iam:GetPolicy"),
        ("iam:DeletePolicy", "iam:ListPolicyVersions", "iam:GetPolicy"),
        name="ManagedPolicyName",
    ),
    "AWS::IAM::Policy": Kind("arn:aws:iam::{account}:policy{path}{name}", (), name="PolicyName"),
    "AWS::IAM::Role": Kind(
        "arn:aws:iam::{account}:role{path}{name}",
        ("iam:GetRole",),
        (
            "iam:GetRole",
            "iam:UpdateAssumeRolePolicy?AssumeRolePolicyDocument",
            "iam:UpdateRole?MaxSessionDuration",
            "iam:UpdateRole?Description",
        ),
        ("iam:DeleteRole", "iam:GetRole"),
        name="RoleName",
        tag="iam:TagRole",
    ),
    "AWS::ImageBuilder::Component": _builder("Component", "component", update=False, versions=True),
    "AWS::ImageBuilder::DistributionConfiguration": _builder("DistributionConfiguration", "distribution-configuration"),
    "AWS::ImageBuilder::Image": Kind(
        f"arn:aws:imagebuilder:{_PLACE}:image/{{name}}",
        (),
        name="",
        tag="imagebuilder:TagResource",
        passes={"ExecutionRole": _BUILDER},
        lower=True,
    ),
    "AWS::ImageBuilder::ImagePipeline": _builder(
        "ImagePipeline",
        "image-pipeline",
        "imagebuilder:GetImageRecipe?ImageRecipeArn {ImageRecipeArn}",
        "imagebuilder:GetInfrastructureConfiguration {InfrastructureConfigurationArn}",
        "imagebuilder:GetDistributionConfiguration?DistributionConfigurationArn {DistributionConfigurationArn}",
        role="ExecutionRole",
    ),
    "AWS::ImageBuilder::ImageRecipe": _builder(
        "ImageRecipe",
        "image-recipe",
        "imagebuilder:GetComponent?Components {Components.ComponentArn}",
        update=False,
        versions=True,
    ),
    "AWS::ImageBuilder::InfrastructureConfiguration": _builder(
        "InfrastructureConfiguration",
        "infrastructure-configuration",
        "iam:GetInstanceProfile arn:aws:iam::{account}:instance-profile/{InstanceProfileName}",
    ),
    "AWS::ImageBuilder::LifecyclePolicy": _builder("LifecyclePolicy", "lifecycle-policy", role="ExecutionRole"),
    "AWS::KMS::Alias": Kind(
        f"arn:aws:kms:{_PLACE}:{{name}}",
        ("kms:CreateAlias",),
        ("kms:UpdateAlias",),
        ("kms:DeleteAlias",),
        name="AliasName",
    ),
    "AWS::KMS::Key": Kind(
        f"arn:aws:kms:{_PLACE}:key/{{name}}",
        ("kms:CreateKey *", "kms:DescribeKey", "kms:EnableKeyRotation?EnableKeyRotation"),
        (
            "kms:DescribeKey",
            "kms:PutKeyPolicy?KeyPolicy",
            "kms:EnableKeyRotation?EnableKeyRotation",
            "kms:UpdateKeyDescription?Description",
        ),
        ("kms:DescribeKey", "kms:ScheduleKeyDeletion"),
        name="",
        tag="kms:TagResource",
    ),
    "AWS::Lambda::Function": Kind(
        f"arn:aws:lambda:{_PLACE}:function:{{name}}",
        (
            "lambda:CreateFunction",
            "lambda:GetFunction",
            "lambda:PutFunctionConcurrency?ReservedConcurrentExecutions",
            "s3:GetObject?Code.S3Bucket arn:aws:s3:::{Code.S3Bucket}/{Code.S3Key}",
        ),
        (
            "lambda:GetFunction",
            "lambda:UpdateFunctionConfiguration",
            "lambda:UpdateFunctionCode?Code",
            "s3:GetObject?Code.S3Key arn:aws:s3:::{Code.S3Bucket}/{Code.S3Key}",
        ),
        ("lambda:DeleteFunction", "lambda:GetFunction"),
        name="FunctionName",
        tag="lambda:TagResource",
        passes={"Role": "lambda.amazonaws.com"},
    ),
    "AWS::Lambda::EventInvokeConfig": Kind(
        _FUNCTION_OF,
        ("lambda:PutFunctionEventInvokeConfig",),
        ("lambda:UpdateFunctionEventInvokeConfig",),
        ("lambda:DeleteFunctionEventInvokeConfig",),
        name="",
    ),
    "AWS::Lambda::Permission": Kind(
        _FUNCTION_OF, ("lambda:AddPermission",), ("lambda:AddPermission",), ("lambda:RemovePermission",), name=""
    ),
    "AWS::Logs::LogGroup": Kind(
        _GROUP,
        (
            "logs:CreateLogGroup {arn}:log-stream:",
            f"logs:DescribeLogGroups arn:aws:logs:{_PLACE}:log-group::log-stream:",
            "logs:PutRetentionPolicy?RetentionInDays {arn}:log-stream:",
        ),
        (
            f"logs:DescribeLogGroups arn:aws:logs:{_PLACE}:log-group::log-stream:",
            "logs:PutRetentionPolicy?RetentionInDays {arn}:log-stream:",
            "logs:AssociateKmsKey?KmsKeyId {arn}:log-stream:",
        ),
        ("logs:DeleteLogGroup {arn}:log-stream:",),
        name="LogGroupName",
        tag="logs:TagResource",
    ),
    "AWS::Logs::MetricFilter": Kind(
        _GROUP_OF, ("logs:PutMetricFilter",), ("logs:PutMetricFilter",), ("logs:DeleteMetricFilter",), name=""
    ),
    "AWS::SNS::Subscription": Kind(
        "{TopicArn}", ("sns:Subscribe",), ("sns:SetSubscriptionAttributes",), ("sns:Unsubscribe",), name=""
    ),
    "AWS::SNS::Topic": Kind(
        f"arn:aws:sns:{_PLACE}:{{name}}",
        ("sns:CreateTopic", "sns:GetTopicAttributes"),
        ("sns:SetTopicAttributes", "sns:GetTopicAttributes"),
        ("sns:DeleteTopic", "sns:GetTopicAttributes"),
        name="TopicName",
        tag="sns:TagResource",
    ),
    "AWS::SNS::TopicPolicy": Kind("*", *3 * (("sns:SetTopicAttributes {Topics}",),), name=""),
    "AWS::SQS::Queue": Kind(
        f"arn:aws:sqs:{_PLACE}:{{name}}",
        ("sqs:CreateQueue", "sqs:GetQueueAttributes"),
        ("sqs:SetQueueAttributes", "sqs:GetQueueAttributes"),
        ("sqs:DeleteQueue", "sqs:GetQueueAttributes"),
        name="QueueName",
        tag="sqs:TagQueue",
    ),
    "AWS::SQS::QueuePolicy": Kind("*", (), name=""),
    "AWS::SSM::Parameter": Kind(
        f"arn:aws:ssm:{_PLACE}:parameter/{{name}}",
        ("ssm:PutParameter", "ssm:GetParameters"),
        ("ssm:PutParameter", "ssm:GetParameters"),
        ("ssm:DeleteParameter",),
        tag="ssm:AddTagsToResource",
    ),
}
"""What CloudFormation calls, by the type."""
