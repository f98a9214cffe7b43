"""How the resources of a type are listed, for those who look what is left of stacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

LISTS: dict[str, tuple[str, str, str, str]] = {
    "AWS::AutoScaling::AutoScalingGroup": (
        "autoscaling",
        "describe_auto_scaling_groups",
        "AutoScalingGroups",
        "AutoScalingGroupName",
    ),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "describe_alarms", "CompositeAlarms", "AlarmName"),
    "AWS::CodeBuild::Project": ("codebuild", "list_projects", "projects", ""),
    "AWS::CodeCommit::Repository": ("codecommit", "list_repositories", "repositories", "repositoryId"),
    "AWS::CodePipeline::Pipeline": ("codepipeline", "list_pipelines", "pipelines", "name"),
    "AWS::DirectoryService::MicrosoftAD": ("ds", "describe_directories", "DirectoryDescriptions", "DirectoryId"),
    "AWS::DynamoDB::Table": ("dynamodb", "list_tables", "TableNames", ""),
    "AWS::EC2::LaunchTemplate": ("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    "AWS::EC2::VPC": ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    "AWS::Events::EventBus": ("events", "list_event_buses", "EventBuses", "Name"),
    "AWS::Events::Rule": ("events", "list_rules", "Rules", "Name"),
    "AWS::Glue::Database": ("glue", "get_databases", "DatabaseList", "Name"),
    "AWS::IAM::InstanceProfile": ("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    "AWS::IAM::ManagedPolicy": ("iam", "list_policies", "Policies", "Arn"),
    "AWS::IAM::Role": ("iam", "list_roles", "Roles", "RoleName"),
    "AWS::IAM::User": ("iam", "list_users", "Users", "UserName"),
    "AWS::ImageBuilder::ImagePipeline": ("imagebuilder", "list_image_pipelines", "imagePipelineList", "arn"),
    "AWS::IoT::Policy": ("iot", "list_policies", "policies", "policyName"),
    "AWS::IoT::Thing": ("iot", "list_things", "things", "thingName"),
    "AWS::IoT::TopicRule": ("iot", "list_topic_rules", "rules", "ruleName"),
    "AWS::KMS::Alias": ("kms", "list_aliases", "Aliases", "AliasName"),
    "AWS::KMS::Key": ("kms", "list_keys", "Keys", "KeyId"),
    "AWS::Kinesis::Stream": ("kinesis", "list_streams", "StreamNames", ""),
    "AWS::KinesisFirehose::DeliveryStream": ("firehose", "list_delivery_streams", "DeliveryStreamNames", ""),
    "AWS::Lambda::Function": ("lambda", "list_functions", "Functions", "FunctionName"),
    "AWS::Logs::LogGroup": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "AWS::Logs::MetricFilter": ("logs", "describe_metric_filters", "metricFilters", "filterName"),
    "AWS::Macie::AllowList": ("macie2", "list_allow_lists", "allowLists", "id"),
    "AWS::Macie::CustomDataIdentifier": ("macie2", "list_custom_data_identifiers", "items", "id"),
    "AWS::Macie::FindingsFilter": ("macie2", "list_findings_filters", "findingsFilterListItems", "id"),
    "AWS::Macie::Session": ("macie2", "get_macie_session", "", ""),
    "AWS::OpenSearchServerless::Collection": ("opensearchserverless", "list_collections", "collectionSummaries", "id"),
    "AWS::OpenSearchServerless::VpcEndpoint": (
        "opensearchserverless",
        "list_vpc_endpoints",
        "vpcEndpointSummaries",
        "id",
    ),
    "AWS::OpenSearchService::Domain": ("opensearch", "list_domain_names", "DomainNames", "DomainName"),
    "AWS::RedshiftServerless::Namespace": (
        "redshift-serverless",
        "list_namespaces",
        "namespaces",
        "namespaceName",
    ),
    "AWS::RedshiftServerless::Workgroup": (
        "redshift-serverless",
        "list_workgroups",
        "workgroups",
        "workgroupName",
    ),
    "AWS::Route53::HealthCheck": ("route53", "list_health_checks", "HealthChecks", "Id"),
    "AWS::S3::Bucket": ("s3", "list_buckets", "Buckets", "Name"),
    "AWS::SES::ConfigurationSet": ("sesv2", "list_configuration_sets", "ConfigurationSets", ""),
    "AWS::SES::DedicatedIpPool": ("sesv2", "list_dedicated_ip_pools", "DedicatedIpPools", ""),
    "AWS::SES::EmailIdentity": ("sesv2", "list_email_identities", "EmailIdentities", "IdentityName"),
    "AWS::SES::ReceiptRuleSet": ("ses", "list_receipt_rule_sets", "RuleSets", "Name"),
    "AWS::SES::Template": ("sesv2", "list_email_templates", "TemplatesMetadata", "TemplateName"),
    "AWS::SNS::Subscription": ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    "AWS::SNS::Topic": ("sns", "list_topics", "Topics", "TopicArn"),
    "AWS::SQS::Queue": ("sqs", "list_queues", "QueueUrls", ""),
    "AWS::SSM::Parameter": ("ssm", "describe_parameters", "Parameters", "Name"),
    "AWS::StepFunctions::StateMachine": ("stepfunctions", "list_state_machines", "stateMachines", "stateMachineArn"),
    "AWS::WorkSpaces::ConnectionAlias": ("workspaces", "describe_connection_aliases", "ConnectionAliases", "AliasId"),
    "AWS::WorkSpaces::Workspace": ("workspaces", "describe_workspaces", "Workspaces", "WorkspaceId"),
    "AWS::WorkSpaces::WorkspaceIpGroup": ("workspaces", "describe_ip_groups", "Result", "groupId"),
    "Custom::AdConnector": ("ds", "describe_directories", "DirectoryDescriptions", "DirectoryId"),
    "Custom::StandbyWorkspace": ("workspaces", "describe_workspaces", "Workspaces", "WorkspaceId"),
    "Custom::WorkspacesRegistration": ("workspaces", "describe_workspace_directories", "Directories", "DirectoryId"),
}
"""Type to boto3's client and operation that list them all, and where the physical id is in the answer."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "AWS::IAM::ManagedPolicy": {"Scope": "Local"},
    "AWS::KinesisFirehose::DeliveryStream": {"Limit": 10000},
}
"""What the operation of a type is called with."""


def _is_replica(directory: Mapping[str, Any]) -> bool:
    """Whether a directory is listed in a region that it was replicated into."""
    zone = directory["VpcSettings"]["AvailabilityZones"][0]
    return not zone.startswith(directory.get("RegionsInfo", {}).get("PrimaryRegion", ""))


WHICH: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "AWS::DirectoryService::MicrosoftAD": lambda one: one["Type"] == "MicrosoftAD" and not _is_replica(one),
    "AWS::WorkSpaces::Workspace": lambda one: "DataReplicationSettings" not in one,
    "Custom::AdConnector": lambda one: one["Type"] == "ADConnector",
    "Custom::StandbyWorkspace": lambda one: "DataReplicationSettings" in one,
}
"""Which of those that are listed are of a type, where an operation lists others too."""
IDS = {"AWS::WorkSpaces::WorkspaceIpGroup": "arn:aws:workspaces:{region}:{account}:workspaceipgroup/{id}"}
"""What the physical id of a type is made of, where it is not what is listed."""
OF_NO_REGION = ("AWS::IAM::", "AWS::Route53::", "AWS::S3::")
"""How the types begin whose resources are listed in every region."""
PARENTS = {"AWS::S3::BucketPolicy": "Bucket", "AWS::SNS::TopicPolicy": "Topics", "AWS::SQS::QueuePolicy": "Queues"}
"""Type to the property that names the resource it is a part of, with which it goes."""

NESTED: dict[str, tuple[str, tuple[str, str, str, str], tuple[str, str]]] = {
    "AWS::Glue::Table": (
        "AWS::Glue::Database",
        ("glue", "get_tables", "TableList", "Name"),
        ("DatabaseName", "DatabaseName"),
    ),
    "AWS::IAM::Policy": ("AWS::IAM::Role", ("iam", "list_role_policies", "PolicyNames", ""), ("Roles", "RoleName")),
    "AWS::Logs::LogStream": (
        "AWS::Logs::LogGroup",
        ("logs", "describe_log_streams", "logStreams", "logStreamName"),
        ("LogGroupName", "logGroupName"),
    ),
    "AWS::SES::ConfigurationSetEventDestination": (
        "AWS::SES::ConfigurationSet",
        ("sesv2", "get_configuration_set_event_destinations", "EventDestinations", "Name"),
        ("ConfigurationSetName", "ConfigurationSetName"),
    ),
    "AWS::SES::ReceiptRule": (
        "AWS::SES::ReceiptRuleSet",
        ("ses", "describe_receipt_rule_set", "Rules", "Name"),
        ("RuleSetName", "RuleSetName"),
    ),
}
"""Type to the type that it is listed by, how, and the names of the parent in the template and in the operation."""
