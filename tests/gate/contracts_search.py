"""What AWS's guides say Firehose needs of OpenSearch, and a function in a VPC of EC2: see ``contracts.py``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .intrinsics import flat
from .needs import Need, Resources, name_of, used_by

READ = ("_all/_settings", "_cluster/stats", "_nodes", "_nodes/stats", "_nodes/x/stats", "_stats")
INTERFACES = (
    *("ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"),
    *("ec2:DescribeVpcAttribute", "ec2:DescribeVpcs"),
)
DOMAIN, COLLECTION = (f"Amazon{name}DestinationConfiguration" for name in ("opensearchservice", "OpenSearchServerless"))


def _streams(resources: Resources, destination: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, stream in used_by(resources, "AWS::KinesisFirehose::DeliveryStream"):
        if destination in stream:
            yield name, stream[destination]


def firehose_to_domain(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-es"""
    for name, to in _streams(resources, DOMAIN):
        role, arn, why = name_of(to["RoleARN"]), to["DomainARN"], f"{name} writes documents to it"
        for call in ("es:DescribeDomain", "es:DescribeDomainConfig", "es:DescribeDomains"):
            yield Need(role, call, arn, why)
        for call in ("es:ESHttpPost", "es:ESHttpPut"):
            yield Need(role, call, f"{arn}/_bulk", why)
        index = to["IndexName"] + ("" if to["IndexRotationPeriod"] == "NoRotation" else "-2026")
        for path in (*READ, f"{index}/_mapping/x", f"{index}/_stats"):
            yield Need(role, "es:ESHttpGet", f"{arn}/{path}", why)


def domain_lets_firehose_in(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/opensearch-service/latest/developerguide/ac.html"""
    names = {flat(one.get("Properties", {})).get("DomainName"): id for id, one in resources.items()}
    for name, to in _streams(resources, DOMAIN):
        holder = names.get(to["DomainARN"].rpartition("/")[2])
        if holder is None:
            continue
        for call in ("es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut"):
            principal = f"AWS:{to['RoleARN']}"
            yield Need(holder, call, f"{to['DomainARN']}/_bulk", f"{name} writes documents to it", principal)


def firehose_to_collection(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-serverless"""
    for name, to in _streams(resources, COLLECTION):
        collection = f"<{name_of(to['CollectionEndpoint'])}.Arn>"
        yield Need(name_of(to["RoleARN"]), "aoss:APIAccessAll", collection, f"{name} writes documents to it")


def firehose_in_vpc(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-es-vpc"""
    for destination in (DOMAIN, COLLECTION):
        for name, to in _streams(resources, destination):
            for call in INTERFACES if "VpcConfiguration" in to else ():
                where = "*" if ":Describe" in call else "*:network-interface/*"
                yield Need(name_of(to["VpcConfiguration"]["RoleARN"]), call, where, f"{name} stands in a VPC")


def failed_documents_to_s3(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-es"""
    for destination in (DOMAIN, COLLECTION):
        for name, to in _streams(resources, destination):
            role, backup = name_of(to["RoleARN"]), to["S3Configuration"]
            bucket, why = backup["BucketARN"], f"{name} keeps documents in it"
            for call in ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"):
                yield Need(role, call, bucket, why)
            fixed = backup["ErrorOutputPrefix"].partition("!{")[0]
            for call in ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"):
                yield Need(role, call, f"{bucket}/{fixed}*", why)
            key = backup["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"]
            for call in ("kms:Decrypt", "kms:GenerateDataKey"):
                yield Need(role, call, key, f"{name} encrypts objects with it", via="s3")


def function_in_vpc(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"""
    for name, function in used_by(resources, "AWS::Lambda::Function"):
        calls = ("CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets")
        for call in calls if "VpcConfig" in function else ():
            yield Need(name_of(function["Role"]), f"ec2:{call}", "*", f"{name} stands in a VPC")


def refusals_of_data_access(resources: Resources) -> list[str]:
    """Return which streams no data access policy lets into their collection.

    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-data-access.html

    Args:
        resources: The resources of a template.
    """
    policies = [json.loads(one["Policy"]) for _, one in used_by(resources, "AWS::OpenSearchServerless::AccessPolicy")]
    entries = [entry for policy in policies for entry in policy]
    found = []
    for name, to in _streams(resources, COLLECTION):
        collection = flat(resources[name_of(to["CollectionEndpoint"])]["Properties"])["Name"]
        index = f"index/{collection}/{to['IndexName']}"
        allowed = {
            permission
            for entry in entries
            for rule in entry["Rules"]
            if to["RoleARN"] in entry["Principal"] and index in rule["Resource"]
            for permission in rule["Permission"]
        }
        if not {"aoss:CreateIndex", "aoss:UpdateIndex", "aoss:WriteDocument"} <= allowed:
            found.append(f"{name} may not write to {index}")
    return found


SEARCH_CONTRACTS = (
    firehose_to_domain,
    domain_lets_firehose_in,
    firehose_to_collection,
    firehose_in_vpc,
    failed_documents_to_s3,
    function_in_vpc,
)
