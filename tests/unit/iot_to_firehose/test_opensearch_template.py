"""What IotToFirehose makes of an OpenSearchSink: the domain, the collection, the stream and the alarms."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from aws_cdk.assertions import Template as Assertions

from cdk_refarch import IotToFirehose, OpenSearchCollection, OpenSearchSink
from tests.unit.iot_to_firehose.searches import ANALYST, ENDPOINT_ID, ENV, HERE, OPS, SUBNETS, Searches, searches
from tests.unit.templates import flat


@pytest.fixture(scope="module")
def made() -> Searches:
    return searches()


def domain(made: Searches, name: str) -> dict[str, Any]:
    found: dict[str, Any] = flat(made.template.of(made.delivery(name).domain))
    return found


def waits_for(made: Searches, construct: Any, *awaited: Any) -> bool:
    """Return whether a resource depends on others, so that CloudFormation makes it after them."""
    ids = {made.stack.resolve((one.node.default_child or one).logical_id) for one in awaited}
    return ids <= set(made.template.resource(construct)["DependsOn"])


def test_a_domain_takes_nothing_but_tls_1_2_with_forward_secrecy(made: Searches) -> None:
    options = {"EnforceHTTPS": True, "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10"}
    assert domain(made, "Plain")["DomainEndpointOptions"] == options


def test_a_domain_is_encrypted_with_the_key_of_the_construct(made: Searches) -> None:
    found = domain(made, "Plain")
    assert found["EncryptionAtRestOptions"] == {"Enabled": True, "KmsKeyId": "<PlainKey.Arn>"}
    assert found["NodeToNodeEncryptionOptions"] == {"Enabled": True}


def test_the_master_user_of_a_domain_is_the_function_that_maps_roles(made: Searches) -> None:
    assert domain(made, "Plain")["AdvancedSecurityOptions"] == {
        "Enabled": True,
        "InternalUserDatabaseEnabled": False,
        "MasterUserOptions": {"MasterUserARN": "<PlainOpenSearchDomainAccessProviderFunctionRole.Arn>"},
    }


@pytest.mark.parametrize(("name", "subnets"), [("Plain", SUBNETS[:3]), ("Spare", SUBNETS[:3]), ("Small", SUBNETS[:1])])
def test_a_domain_has_one_subnet_in_each_of_its_zones(made: Searches, name: str, subnets: list[str]) -> None:
    group = f"<{name}OpenSearchDomainSecurityGroup.GroupId>"
    assert domain(made, name)["VPCOptions"] == {"SubnetIds": subnets, "SecurityGroupIds": [group]}


def test_nodes_are_spread_over_the_zones_with_three_that_manage(made: Searches) -> None:
    assert domain(made, "Plain")["ClusterConfig"] == {
        "InstanceCount": 3,
        "InstanceType": "r7g.large.search",
        "DedicatedMasterEnabled": True,
        "DedicatedMasterCount": 3,
        "DedicatedMasterType": "m7g.large.search",
        "ZoneAwarenessEnabled": True,
        "ZoneAwarenessConfig": {"AvailabilityZoneCount": 3},
        "MultiAZWithStandbyEnabled": False,
    }


def test_a_zone_stands_by_when_that_is_asked_for(made: Searches) -> None:
    found = domain(made, "Spare")["ClusterConfig"]
    assert found["MultiAZWithStandbyEnabled"] is True
    assert (found["InstanceCount"], found["DedicatedMasterCount"]) == (6, 5)
    assert found["DedicatedMasterType"] == "m7g.xlarge.search"


def test_a_domain_in_one_zone_says_nothing_of_zones_and_masters(made: Searches) -> None:
    assert domain(made, "Small")["ClusterConfig"] == {
        "InstanceCount": 1,
        "InstanceType": "r7g.large.search",
        "DedicatedMasterEnabled": False,
        "ZoneAwarenessEnabled": False,
        "MultiAZWithStandbyEnabled": False,
    }


def test_volumes_are_gp3_of_the_size_that_was_given(made: Searches) -> None:
    for name, size in (("Plain", 100), ("Small", 10)):
        assert domain(made, name)["EBSOptions"] == {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": size}


def test_another_version_upgrades_the_domain_in_place(made: Searches) -> None:
    assert domain(made, "Plain")["EngineVersion"] == "OpenSearch_2.19"
    assert domain(made, "Small")["EngineVersion"] == "OpenSearch_1.3"
    resource = made.template.resource(made.delivery("Plain").domain)
    assert resource["UpdatePolicy"] == {"EnableVersionUpgrade": True}
    assert domain(made, "Plain")["SoftwareUpdateOptions"] == {"AutoSoftwareUpdateEnabled": True}


def test_a_domain_writes_its_logs_to_a_group_whose_policy_is_there_before(made: Searches) -> None:
    log = {"Enabled": True, "CloudWatchLogsLogGroupArn": "<PlainOpenSearchDomainLog.Arn>"}
    kinds = ("INDEX_SLOW_LOGS", "SEARCH_SLOW_LOGS", "ES_APPLICATION_LOGS")
    assert domain(made, "Plain")["LogPublishingOptions"] == dict.fromkeys(kinds, log)
    assert made.properties("Plain", "Domain/Log")["KmsKeyId"] == "<PlainKey.Arn>"
    inside = made.delivery("Plain").node.find_child("Domain").node
    assert waits_for(made, made.delivery("Plain").domain, inside.find_child("LogPolicy"))


@pytest.mark.parametrize(("name", "policy"), [("Plain", "Retain"), ("Small", "Delete")])
def test_a_domain_its_security_group_and_its_log_stay_unless_they_are_to_go(
    made: Searches, name: str, policy: str
) -> None:
    inside = made.delivery(name).node.find_child("Domain").node
    for id in ("Domain", "SecurityGroup", "Log"):
        resource = made.template.resource(inside.find_child(id))
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (policy, policy), id


def test_roles_are_mapped_to_roles_in_the_domain_before_anything_is_written(made: Searches) -> None:
    delivery = made.delivery("Plain")
    access = delivery.node.find_child("Domain").node.find_child("Access")
    found = made.properties("Plain", "Domain/Access")
    assert found.pop("Role").startswith("cdk_refarch_")
    assert found == {
        "ServiceToken": "<PlainOpenSearchDomainAccessProviderFunction.Arn>",
        "ServiceTimeout": "3600",
        "Endpoint": "<PlainOpenSearchDomain.DomainEndpoint>",
        "Indices": ["telemetry-*"],
        "Writers": ["<PlainOpenSearchRole.Arn>"],
        "Readers": [OPS, ANALYST],
        "Admins": [OPS],
    }
    assert waits_for(made, delivery.stream, access)
    assert made.properties("Small", "Domain/Access")["Indices"] == ["telemetry"]


def test_the_function_that_maps_roles_stands_in_the_subnets_of_the_vpc(made: Searches) -> None:
    found = made.properties("Small", "Domain/AccessProvider/Function")
    group = "<SmallOpenSearchDomainAccessSecurityGroup.GroupId>"
    assert found["VpcConfig"] == {"SubnetIds": SUBNETS[:3], "SecurityGroupIds": [group]}
    assert found["Handler"] == "opensearch_security.handler"
    assert found["Environment"]["Variables"] == {"LASTS_SECONDS": "900"}


def test_a_collection_is_encrypted_with_the_key_of_the_construct(made: Searches) -> None:
    name = made.properties("Search", "Collection/Collection")["Name"]
    assert made.properties("Search", "Collection/Encryption")["Type"] == "encryption"
    assert made.document("Search", "Encryption") == {
        "Rules": [{"ResourceType": "collection", "Resource": [f"collection/{name}"]}],
        "AWSOwnedKey": False,
        "KmsARN": "<SearchKey.Arn>",
    }


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        ("Search", {"AllowFromPublic": False, "SourceVPCEs": ["<SearchOpenSearchCollectionEndpoint.Id>"]}),
        ("Reached", {"AllowFromPublic": False, "SourceVPCEs": [ENDPOINT_ID]}),
        ("Series", {"AllowFromPublic": True}),
    ],
)
def test_a_collection_is_reached_from_one_endpoint_or_from_everywhere(
    made: Searches, name: str, reach: dict[str, Any]
) -> None:
    collection = made.properties(name, "Collection/Collection")["Name"]
    rules = [{"ResourceType": kind, "Resource": [f"collection/{collection}"]} for kind in ("collection", "dashboard")]
    assert made.properties(name, "Collection/Network")["Type"] == "network"
    assert made.document(name, "Network") == [{"Rules": rules, **reach}]


def test_an_endpoint_stands_in_one_subnet_of_each_zone_where_none_is_given(made: Searches) -> None:
    found = made.properties("Search", "Collection/Endpoint")
    assert found.pop("Name") == made.properties("Search", "Collection/Collection")["Name"]
    assert found == {
        "VpcId": "vpc-00000001",
        "SubnetIds": SUBNETS[:3],
        "SecurityGroupIds": ["<SearchOpenSearchCollectionSecurityGroup.GroupId>"],
    }
    for name in ("Reached", "ByHand", "Series"):
        assert made.delivery(name).node.find_child("Collection").node.try_find_child("Endpoint") is None


def rule(kind: str, resource: str, *permissions: str) -> dict[str, Any]:
    return {"ResourceType": kind, "Resource": [resource], "Permission": list(permissions)}


WRITE = ("aoss:CreateIndex", "aoss:UpdateIndex", "aoss:WriteDocument")


def test_only_those_who_are_named_have_access_to_the_data_of_a_collection(made: Searches) -> None:
    name = made.properties("Search", "Collection/Collection")["Name"]
    index = f"index/{name}/telemetry"
    assert made.properties("Search", "Collection/DataAccess")["Type"] == "data"
    assert made.document("Search", "DataAccess") == [
        {"Rules": [rule("index", index, *WRITE)], "Principal": ["<SearchOpenSearchRole.Arn>"]},
        {"Rules": [rule("index", index, "aoss:DescribeIndex", "aoss:ReadDocument")], "Principal": [OPS, ANALYST]},
        {
            "Rules": [
                rule("collection", f"collection/{name}", "aoss:*"),
                rule("index", f"index/{name}/*", "aoss:*"),
            ],
            "Principal": [OPS],
        },
    ]


def test_only_the_stream_writes_where_nobody_else_is_named(made: Searches) -> None:
    name = made.properties("Series", "Collection/Collection")["Name"]
    rules = [rule("index", f"index/{name}/telemetry", *WRITE)]
    assert made.document("Series", "DataAccess") == [{"Rules": rules, "Principal": ["<SeriesOpenSearchRole.Arn>"]}]


def test_a_collection_comes_after_its_policies_and_the_stream_after_its_access(made: Searches) -> None:
    delivery = made.delivery("Search")
    inside = delivery.node.find_child("Collection").node
    assert waits_for(made, delivery.collection, inside.find_child("Encryption"), inside.find_child("Network"))
    assert waits_for(made, delivery.stream, inside.find_child("DataAccess"))


def test_a_collection_cannot_be_deleted_by_mistake_unless_it_is_to_go(made: Searches) -> None:
    for name, kind, replicas, protection, policy in (
        ("Search", "SEARCH", "ENABLED", "ENABLED", "Retain"),
        ("Series", "TIMESERIES", "DISABLED", "DISABLED", "Delete"),
    ):
        found = flat(made.template.of(made.delivery(name).collection))
        assert found.pop("Name").startswith("iot-")
        assert found == {"Type": kind, "StandbyReplicas": replicas, "DeletionProtection": protection}
        resource = made.template.resource(made.delivery(name).collection)
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (policy, policy)


def test_names_that_aws_does_not_make_up_are_short_enough_and_differ(made: Searches) -> None:
    collections = [made.properties(name, "Collection/Collection")["Name"] for name in ("Search", "Series", "Reached")]
    domains = [domain(made, name)["DomainName"] for name in ("Plain", "Small", "Spare")]
    assert len({*collections, *domains}) == 6
    assert {len(name) for name in collections} == {32}
    assert all(len(name) <= 28 for name in domains)


def test_a_tag_of_the_stack_does_not_replace_a_collection_with_its_data() -> None:
    stack = cdk.Stack(cdk.App(), "Tagged", env=ENV)
    cdk.Tags.of(stack).add("team", "fleet")
    collection = OpenSearchCollection(public_access=True)
    sinks = [OpenSearchSink(index="a", collection=collection), OpenSearchSink(id="B", index="b", collection=collection)]
    IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)
    resources = Assertions.from_stack(stack)
    resources.all_resources_properties("AWS::OpenSearchServerless::Collection", {"Tags": Match.absent()})
    resources.has_resource_properties("AWS::KinesisFirehose::DeliveryStream", {"Tags": Match.any_value()})


def s3_configuration(name: str, prefix: str, errors: str, *, id: str = "OpenSearch") -> dict[str, Any]:
    log = {"Enabled": True, "LogGroupName": f"<{name}{id}Log>", "LogStreamName": f"<{name}{id}BackupLogStream>"}
    return {
        "BucketARN": f"<{name}{id}Bucket.Arn>",
        "RoleARN": f"<{name}{id}Role.Arn>",
        "Prefix": prefix,
        "ErrorOutputPrefix": errors,
        "CompressionFormat": "GZIP",
        "EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": f"<{name}Key.Arn>"}},
        "CloudWatchLoggingOptions": log,
    }


ARRIVAL = "day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
DOCUMENTS, ERRORS = f"documents/{ARRIVAL}", f"errors/!{{firehose:error-output-type}}/{ARRIVAL}"


def log(name: str) -> dict[str, Any]:
    return {"Enabled": True, "LogGroupName": f"<{name}OpenSearchLog>", "LogStreamName": f"<{name}OpenSearchLogStream>"}


def place(name: str, *subnets: str) -> dict[str, Any]:
    group = f"<{name}OpenSearchSecurityGroup.GroupId>"
    return {"RoleARN": f"<{name}OpenSearchRole.Arn>", "SubnetIds": list(subnets), "SecurityGroupIds": [group]}


def calls(made: Searches) -> dict[str, Any]:
    parameter = {"ParameterName": "LambdaArn", "ParameterValue": flat(made.stack.resolve(made.function.function_arn))}
    return {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": [parameter]}]}


def test_a_stream_writes_documents_to_a_new_index_every_day(made: Searches) -> None:
    assert made.destination("Plain") == {
        "DomainARN": f"arn:aws:es:{HERE}:domain/{domain(made, 'Plain')['DomainName']}",
        "IndexName": "telemetry",
        "IndexRotationPeriod": "OneDay",
        "DocumentIdOptions": {"DefaultDocumentIdFormat": "FIREHOSE_DEFAULT"},
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60},
        "RetryOptions": {"DurationInSeconds": 300},
        "RoleARN": "<PlainOpenSearchRole.Arn>",
        "S3BackupMode": "FailedDocumentsOnly",
        "S3Configuration": s3_configuration("Plain", DOCUMENTS, ERRORS),
        "CloudWatchLoggingOptions": log("Plain"),
        "ProcessingConfiguration": calls(made),
        "VpcConfiguration": place("Plain", *SUBNETS[:3]),
    }


def test_a_stream_does_as_it_is_told(made: Searches) -> None:
    found = made.destination("Small")
    assert (found["IndexName"], found["IndexRotationPeriod"]) == ("telemetry", "NoRotation")
    assert found["DocumentIdOptions"] == {"DefaultDocumentIdFormat": "NO_DOCUMENT_ID"}
    assert found["BufferingHints"] == {"SizeInMBs": 100, "IntervalInSeconds": 900}
    assert found["RetryOptions"] == {"DurationInSeconds": 7200}
    assert found["S3BackupMode"] == "AllDocuments"
    assert found["S3Configuration"] == s3_configuration("Small", "copies/", "bad/")
    assert "ProcessingConfiguration" not in found


def test_a_stream_to_a_collection_has_neither_rotation_nor_ids(made: Searches) -> None:
    common = {
        "IndexName": "telemetry",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60},
        "RetryOptions": {"DurationInSeconds": 300},
    }
    assert made.destination("Search") == {
        **common,
        "CollectionEndpoint": "<SearchOpenSearchCollection.CollectionEndpoint>",
        "RoleARN": "<SearchOpenSearchRole.Arn>",
        "S3BackupMode": "FailedDocumentsOnly",
        "S3Configuration": s3_configuration("Search", DOCUMENTS, ERRORS),
        "CloudWatchLoggingOptions": log("Search"),
        "VpcConfiguration": place("Search", *SUBNETS[:3]),
    }
    assert made.destination("Series") == {
        **common,
        "CollectionEndpoint": "<SeriesOpenSearchCollection.CollectionEndpoint>",
        "RoleARN": "<SeriesOpenSearchRole.Arn>",
        "S3BackupMode": "AllDocuments",
        "S3Configuration": s3_configuration("Series", DOCUMENTS, ERRORS),
        "CloudWatchLoggingOptions": log("Series"),
        "ProcessingConfiguration": calls(made),
    }


def test_another_target_or_backup_is_another_stream(made: Searches) -> None:
    ids = {name: made.delivery(name).stream.node.id for name in ("Plain", "Small", "Search", "Series")}
    assert ids == {
        "Plain": "DomainStream",
        "Small": "DomainBackupStream",
        "Search": "CollectionStream",
        "Series": "CollectionBackupStream",
    }


def test_every_stream_takes_records_directly_and_encrypts_them(made: Searches) -> None:
    for name in ("Plain", "Series"):
        found = flat(made.template.of(made.delivery(name).stream))
        assert found["DeliveryStreamType"] == "DirectPut"
        encryption = {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": f"<{name}Key.Arn>"}
        assert found["DeliveryStreamEncryptionConfigurationInput"] == encryption


def test_documents_are_searched_at_the_endpoint(made: Searches) -> None:
    shown = {name: flat(made.stack.resolve(made.delivery(name).endpoint)) for name in ("Plain", "Search", "Outside")}
    assert shown == {
        "Plain": "https://<PlainOpenSearchDomain.DomainEndpoint>",
        "Search": "<SearchOpenSearchCollection.CollectionEndpoint>",
        "Outside": "https://search-logs.eu-west-1.es.amazonaws.com",
    }


DOMAIN_ALARMS = {
    "DomainRed": ("AWS/ES", "ClusterStatus.red", "Maximum", ">", 0),
    "DomainWritesBlocked": ("AWS/ES", "ClusterIndexWritesBlocked", "Maximum", ">", 0),
    "DomainKeyInaccessible": ("AWS/ES", "KMSKeyInaccessible", "Maximum", ">", 0),
    "DomainStorageLow": ("AWS/ES", "FreeStorageSpace", "Minimum", "<", 25600),
}
S3_ALARM = {"RecordsFailed": ("AWS/S3", "PutRequests", "Sum", ">", 0)}
COMPARISONS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}


def stream_alarms(kind: str, late: int) -> dict[str, tuple[str, str, str, str, int]]:
    return {
        "Freshness": ("AWS/Firehose", f"DeliveryToAmazonOpenSearch{kind}.DataFreshness", "Maximum", ">", late),
        "DeliveryFailed": ("AWS/Firehose", f"DeliveryToAmazonOpenSearch{kind}.Success", "Minimum", "<", 1),
        "Throttled": ("AWS/Firehose", "ThrottledRecords", "Sum", ">", 0),
    }


@pytest.mark.parametrize(
    ("name", "id", "expected"),
    [
        ("Plain", "OpenSearch", {**stream_alarms("Service", 1260), **DOMAIN_ALARMS, **S3_ALARM}),
        ("Search", "OpenSearch", {**stream_alarms("Serverless", 1260), **S3_ALARM}),
        ("Outside", "OpenSearch", stream_alarms("Service", 1260)),
        ("Two", "Other", stream_alarms("Serverless", 1260)),
    ],
)
def test_every_way_to_fail_has_an_alarm(made: Searches, name: str, id: str, expected: dict[str, Any]) -> None:
    found = {}
    for alarm, construct in made.delivery(name, id).alarms.items():
        assert made.ingest(name).alarms[f"{id}{alarm}"] is construct
        one = made.template.of(construct)
        assert one["TreatMissingData"] == "notBreaching"
        assert ("AlarmActions" in one) == (name == "Plain")
        comparison = COMPARISONS[one["ComparisonOperator"]]
        found[alarm] = (one["Namespace"], one["MetricName"], one["Statistic"], comparison, one["Threshold"])
    assert found == expected


def test_alarms_wait_as_long_as_a_document_may_and_ring_at_a_quarter_of_the_storage(made: Searches) -> None:
    alarms = made.delivery("Small").alarms
    assert made.template.of(alarms["Freshness"])["Threshold"] == 900 + 7200 + 900
    assert made.template.of(alarms["DomainStorageLow"])["Threshold"] == 2560


def dimensions(made: Searches, name: str, alarm: str) -> dict[str, str]:
    found = made.template.of(made.delivery(name).alarms[alarm])["Dimensions"]
    return {one["Name"]: flat(one["Value"]) for one in found}


def test_alarms_watch_this_stream_this_domain_and_this_bucket(made: Searches) -> None:
    assert dimensions(made, "Plain", "Freshness") == {"DeliveryStreamName": "<PlainOpenSearchDomainStream>"}
    assert dimensions(made, "Plain", "DeliveryFailed") == {"DeliveryStreamName": "<PlainOpenSearchDomainStream>"}
    bucket = {"BucketName": "<PlainOpenSearchBucket>", "FilterId": "Errors"}
    assert dimensions(made, "Plain", "RecordsFailed") == bucket
    own = {"DomainName": domain(made, "Plain")["DomainName"], "ClientId": "111122223333"}
    for alarm in DOMAIN_ALARMS:
        assert dimensions(made, "Plain", alarm) == own


def test_what_bills_while_idle_is_told_and_what_is_given_is_not(made: Searches) -> None:
    text = (
        "The OpenSearch {} of this sink bills by the hour, whether it is used or not. Acknowledge this when the price "
        "is known: https://aws.amazon.com/opensearch-service/pricing/ [ack: cdk-refarch:bills-while-idle]"
    )
    found = Annotations.from_stack(made.stack).find_warning("*", Match.string_like_regexp("cdk-refarch:"))
    told = {one.id: str(one.entry.data) for one in found}
    domains = dict.fromkeys(("Plain", "Small", "Spare", "Two"), text.format("domain"))
    collections = dict.fromkeys(("Search", "Series", "Reached", "ByHand"), text.format("collection"))
    expected = {f"/Fleet/{name}/OpenSearch": said for name, said in {**domains, **collections}.items()}
    assert told == {**expected, "/Fleet/Two/Other": text.format("collection")}
