"""Each role of a delivery to OpenSearch may do exactly what its service needs, and so may each that is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.iot_to_firehose.searches import ANALYST, GIVEN_DOMAIN, HERE, OPS, SUBNETS, Searches, searches
from tests.unit.templates import flat, listed, rows

Table = set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def made() -> Searches:
    return searches()


def role_of(made: Searches, name: str) -> dict[str, Any]:
    return made.template.of(made.delivery(name).role)


def domain_arn(made: Searches, name: str) -> str:
    return f"arn:aws:es:{HERE}:domain/{made.template.of(made.delivery(name).domain)['DomainName']}"


def via(service: str) -> str:
    return str({"StringEquals": {"kms:ViaService": f"{service}.eu-west-1.amazonaws.com"}})


def objects(name: str, bucket: str, *prefixes: str) -> Table:
    """Return what every stream needs of its bucket, its key and its log."""
    log = f"arn:aws:logs:{HERE}:log-group:<{name}OpenSearchLog>:log-stream"
    calls = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
    return {
        ("s3:GetBucketLocation", bucket, ""),
        ("s3:ListBucket", bucket, ""),
        ("s3:ListBucketMultipartUploads", bucket, ""),
        *((call, f"{bucket}/{prefix}*", "") for call in calls for prefix in prefixes),
        ("kms:Decrypt", f"<{name}Key.Arn>", via("s3")),
        ("kms:GenerateDataKey", f"<{name}Key.Arn>", via("s3")),
        *(("logs:PutLogEvents", f"{log}:<{name}OpenSearch{one}LogStream>", "") for one in ("", "Backup")),
    }


def search(arn: str, index: str) -> Table:
    """Return what a stream needs of a domain."""
    paths = ("_all/_settings", "_cluster/stats", "_nodes", "_nodes/stats", "_nodes/*/stats", "_stats")
    return {
        *((f"es:{call}", arn, "") for call in ("DescribeDomain", "DescribeDomainConfig", "DescribeDomains")),
        *((f"es:ESHttp{verb}", f"{arn}/*", "") for verb in ("Post", "Put")),
        *(("es:ESHttpGet", f"{arn}/{path}", "") for path in (*paths, f"{index}/_mapping*", f"{index}/_stats")),
    }


def interfaces(name: str, *subnets: str) -> Table:
    """Return what a stream needs of a network."""
    ec2 = f"arn:aws:ec2:{HERE}"
    described = ("NetworkInterfaces", "SecurityGroups", "Subnets", "VpcAttribute", "Vpcs")
    made_in = (
        f"{ec2}:network-interface/*",
        f"{ec2}:security-group/<{name}OpenSearchSecurityGroup.GroupId>",
        *(f"{ec2}:subnet/{subnet}" for subnet in subnets),
    )
    return {
        *((f"ec2:Describe{what}", "*", "") for what in described),
        *(("ec2:CreateNetworkInterface", resource, "") for resource in made_in),
        ("ec2:CreateNetworkInterfacePermission", f"{ec2}:network-interface/*", ""),
        ("ec2:DeleteNetworkInterface", f"{ec2}:network-interface/*", ""),
    }


def calling(function: str) -> Table:
    names = (function, f"{function}:$LATEST")
    return {(f"lambda:{call}", name, "") for call in ("GetFunctionConfiguration", "InvokeFunction") for name in names}


def test_a_stream_may_write_to_its_domain_and_keep_what_fails(made: Searches) -> None:
    assert set(rows(role_of(made, "Plain"))) == {
        *objects("Plain", "<PlainOpenSearchBucket.Arn>", "errors/"),
        *search(domain_arn(made, "Plain"), "telemetry-*"),
        *interfaces("Plain", *SUBNETS[:3]),
        *calling(f"arn:aws:lambda:{HERE}:function:f"),
    }


def test_a_stream_that_keeps_all_documents_may_write_them_too(made: Searches) -> None:
    assert set(rows(role_of(made, "Small"))) == {
        *objects("Small", "<SmallOpenSearchBucket.Arn>", "copies/", "bad/"),
        *search(domain_arn(made, "Small"), "telemetry"),
        *interfaces("Small", *SUBNETS[:3]),
    }


def test_a_stream_may_call_its_collection(made: Searches) -> None:
    call = ("aoss:APIAccessAll", "<SearchOpenSearchCollection.Arn>", "")
    assert set(rows(role_of(made, "Search"))) == {
        *objects("Search", "<SearchOpenSearchBucket.Arn>", "errors/"),
        *interfaces("Search", *SUBNETS[:3]),
        call,
    }


def test_outside_a_vpc_a_stream_may_nothing_of_a_network(made: Searches) -> None:
    assert set(rows(role_of(made, "Series"))) == {
        *objects("Series", "<SeriesOpenSearchBucket.Arn>", "documents/day=", "errors/"),
        *calling(f"arn:aws:lambda:{HERE}:function:f"),
        ("aoss:APIAccessAll", "<SeriesOpenSearchCollection.Arn>", ""),
    }
    assert set(rows(role_of(made, "Outside"))) == {
        *objects("Outside", "arn:aws:s3:::lake", "errors/"),
        *search(GIVEN_DOMAIN, "telemetry-*"),
    }


def test_only_firehose_of_this_account_assumes_the_role_of_a_stream(made: Searches) -> None:
    (statement,) = flat(role_of(made, "Plain")["AssumeRolePolicyDocument"]["Statement"])
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "firehose.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"sts:ExternalId": "111122223333"},
            "StringEqualsIfExists": {"aws:SourceAccount": "111122223333"},
        },
    }


SECURITY = "_plugins/_security/api"
CHANGE_OWN = ("es:ESHttpDelete", "es:ESHttpPut")
CHANGE_ADMINS = ("es:ESHttpGet", "es:ESHttpPatch", "es:ESHttpPut")


def security(made: Searches, name: str) -> Table:
    """Return what the function that maps roles needs: its own two roles, and who administers."""
    api = f"{domain_arn(made, name)}/{SECURITY}"
    own = made.properties(name, "Domain/Access")["Role"]
    names = [f"{kind}/{role}" for kind in ("roles", "rolesmapping") for role in (own, f"{own}_read")]
    admins = [f"rolesmapping/{role}" for role in ("all_access", "security_manager")]
    return {
        *((call, f"{api}/{one}", "") for call in CHANGE_OWN for one in names),
        *((call, f"{api}/{one}", "") for call in CHANGE_ADMINS for one in admins),
    }


LAMBDA_NETWORK = {
    f"ec2:{call}"
    for call in (
        *("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses", "CreateNetworkInterface"),
        *("DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets"),
    )
}


def test_the_function_that_maps_roles_may_do_that_and_stand_in_the_vpc(made: Searches) -> None:
    role = made.properties("Plain", "Domain/AccessProvider/FunctionRole")
    assert "ManagedPolicyArns" not in role
    (policy,) = role["Policies"]
    *allowed, denied = policy["PolicyDocument"]["Statement"]
    log = "<PlainOpenSearchDomainAccessProviderLog.Arn>"
    policy["PolicyDocument"]["Statement"] = allowed
    assert set(rows(role)) == {
        ("logs:CreateLogStream", log, ""),
        ("logs:PutLogEvents", log, ""),
        ("xray:PutTelemetryRecords", "*", ""),
        ("xray:PutTraceSegments", "*", ""),
        *security(made, "Plain"),
        *((call, "*", "") for call in LAMBDA_NETWORK),
    }
    assert (denied["Effect"], set(denied["Action"]), denied["Resource"]) == ("Deny", LAMBDA_NETWORK, "*")
    assert denied["Condition"] == {"ArnLike": {"lambda:SourceFunctionArn": "*"}}
    again = made.properties("Plain", "Domain/AccessProvider/GoingOn")
    assert again["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": "<PlainOpenSearchDomainAccessProviderFunction.Arn>",
        }
    ]


def admitted(made: Searches, name: str) -> set[tuple[str, str, str]]:
    """Return whom the policy of a domain admits, for what and where."""
    document = flat(made.template.of(made.delivery(name).domain)["AccessPolicies"])
    found = set()
    for statement in document["Statement"]:
        assert set(statement) == {"Effect", "Principal", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        for call in listed(statement["Action"]):
            for principal in listed(statement["Principal"]["AWS"]):
                found |= {(principal, call, where) for where in listed(statement["Resource"])}
    return found


def test_a_domain_admits_its_stream_its_function_and_those_who_are_named(made: Searches) -> None:
    everything = f"{domain_arn(made, 'Plain')}/*"
    stream, function = "<PlainOpenSearchRole.Arn>", "<PlainOpenSearchDomainAccessProviderFunctionRole.Arn>"
    assert admitted(made, "Plain") == {
        *((stream, f"es:ESHttp{verb}", everything) for verb in ("Get", "Post", "Put")),
        *((function, call, where) for call, where, _ in security(made, "Plain")),
        *((who, f"es:ESHttp{verb}", everything) for who in (OPS, ANALYST) for verb in ("Get", "Post")),
        (OPS, "es:ESHttp*", everything),
    }


def test_a_domain_admits_nobody_else(made: Searches) -> None:
    who = {principal for principal, _, _ in admitted(made, "Small")}
    assert who == {"<SmallOpenSearchRole.Arn>", "<SmallOpenSearchDomainAccessProviderFunctionRole.Arn>"}


def test_only_this_domain_writes_to_its_log(made: Searches) -> None:
    found = made.properties("Plain", "Domain/LogPolicy")
    assert found["PolicyName"] == made.template.of(made.delivery("Plain").domain)["DomainName"]
    (statement,) = json.loads(found["PolicyDocument"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "es.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:PutLogEventsBatch"],
        "Resource": "<PlainOpenSearchDomainLog.Arn>",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "111122223333"},
            "ArnLike": {"aws:SourceArn": domain_arn(made, "Plain")},
        },
    }


def test_those_who_are_named_may_call_the_collection_once_each(made: Searches) -> None:
    call = {"Effect": "Allow", "Action": "aoss:APIAccessAll", "Resource": "<SearchOpenSearchCollection.Arn>"}
    given = {
        tuple(one["Properties"]["Roles"]): flat(one["Properties"]["PolicyDocument"]["Statement"])
        for one in made.template.all("AWS::IAM::Policy")
        if "aoss:" in json.dumps(one)
    }
    assert given == {("ops",): [call], ("analyst",): [call]}
