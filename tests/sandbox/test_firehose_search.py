"""Firehose streams to OpenSearch in the sandbox: roles, networks, indices, retries, and what becomes of what failed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import keys, lines, told
from sandbox.run import Run
from sandbox.scenarios import Broken
from sandbox.searching import Searcher
from tests.sandbox.conftest import deployed
from tests.sandbox.test_search import API, ROLE, collection, resources, role

ACCOUNT, REGION = "123456789012", "us-east-1"
DOMAIN, COLLECTION, BUCKET, STREAM = "to-here", "to-there", "search-backup", "to-search"
ARN = f"arn:aws:es:{REGION}:{ACCOUNT}:domain/{DOMAIN}"
WRITER = f"{ROLE}search/writer"
CONFIGURATIONS = (
    "AmazonopensearchserviceDestinationConfiguration",
    "AmazonOpenSearchServerlessDestinationConfiguration",
)
READ = ("_all/_settings", "_cluster/stats", "t*", "_nodes", "_nodes/*", "_stats")
FAILED = "errors/AmazonOpenSearchService-failed/"
LOGS = "/aws/firehose/search"


def writer() -> dict[str, Any]:
    """The role of the streams, with what AWS's guide lists."""
    objects = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    bucket = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    statements: list[dict[str, Any]] = [
        {"Action": ["es:DescribeDomain", "es:DescribeDomains", "es:DescribeDomainConfig"], "Resource": ARN},
        {"Action": ["es:ESHttpPost", "es:ESHttpPut"], "Resource": f"{ARN}/*"},
        {"Action": "es:ESHttpGet", "Resource": [f"{ARN}/{path}" for path in READ]},
        {"Action": "aoss:APIAccessAll", "Resource": f"arn:aws:aoss:{REGION}:{ACCOUNT}:collection/*"},
        {"Action": objects, "Resource": f"arn:aws:s3:::{BUCKET}/*"},
        {"Action": bucket, "Resource": f"arn:aws:s3:::{BUCKET}"},
        {"Action": "logs:PutLogEvents", "Resource": "*"},
    ]
    made: dict[str, Any] = role("writer", Effect="Allow")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    made["Properties"]["Policies"][0]["PolicyDocument"] = document
    made["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"Service": "firehose.amazonaws.com"}
    return made


@pytest.fixture(scope="module")
def place(sandbox: Any) -> Iterator[dict[str, str]]:
    """A domain, a collection, a bucket and a role; yields the endpoints."""
    run = Run(sandbox)
    data = collection(COLLECTION, Principal=[WRITER], Permission=["aoss:WriteDocument", "aoss:CreateIndex"])
    template = {
        "Resources": {
            **resources(DOMAIN),
            **data,
            "Writer": writer(),
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}},
            "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": LOGS}},
            "LogStream": {
                "Type": "AWS::Logs::LogStream",
                "DependsOn": "Log",
                "Properties": {"LogGroupName": LOGS, "LogStreamName": "delivery"},
            },
        },
        "Outputs": {
            "Domain": {"Value": {"Fn::GetAtt": ["Domain", "DomainEndpoint"]}},
            "Collection": {"Value": {"Fn::GetAtt": ["Collection", "CollectionEndpoint"]}},
        },
    }
    with deployed(run, "destinations", template):
        yield run.outputs("destinations")
        for key in keys(run, BUCKET, ""):
            run.client("s3").delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def stream(run: Run, place: dict[str, str], *, managed: bool = True, **changes: Any) -> Iterator[None]:
    """A stream to the domain or the collection."""
    firehose = run.client("firehose")
    where: dict[str, Any] = {"DomainARN": ARN} if managed else {"CollectionEndpoint": place["Collection"]}
    log: dict[str, Any] = {"Enabled": True, "LogGroupName": LOGS, "LogStreamName": "delivery"}
    backup: dict[str, Any] = {"RoleARN": WRITER, "BucketARN": f"arn:aws:s3:::{BUCKET}", "Prefix": "all/"}
    backup["ErrorOutputPrefix"] = "errors/!{firehose:error-output-type}/"
    config: dict[str, Any] = {
        **where,
        "IndexName": "telemetry",
        "RoleARN": WRITER,
        "BufferingHints": {"IntervalInSeconds": 60},
        "RetryOptions": {"DurationInSeconds": 120},
        "CloudWatchLoggingOptions": log,
        "S3BackupMode": "FailedDocumentsOnly",
        "S3Configuration": backup,
        **changes,
    }
    name = CONFIGURATIONS[not managed]
    firehose.create_delivery_stream(DeliveryStreamName=STREAM, **{name: config})
    try:
        yield
    finally:
        firehose.delete_delivery_stream(DeliveryStreamName=STREAM)
        for key in keys(run, BUCKET, ""):
            run.client("s3").delete_object(Bucket=BUCKET, Key=key)


def put(run: Run, *documents: Any) -> None:
    records = [{"Data": one if isinstance(one, bytes) else json.dumps(one).encode()} for one in documents]
    run.client("firehose").put_record_batch(DeliveryStreamName=STREAM, Records=records)


def failures(run: Run, number: int) -> list[dict[str, Any]]:
    """The documents in the bucket, when there are as many."""
    found = run.wait(
        f"{number} failures", lambda: one if len(one := lines(run, BUCKET, FAILED)) >= number else None, 10
    )
    assert len(found) == number
    return [json.loads(line) for line in found]


@contextmanager
def mapped(run: Run, place: dict[str, str], *arns: str) -> Iterator[Searcher]:
    """Map roles to what AWS's guide lists for Firehose; yields the master."""
    master = Searcher(run, place["Domain"], f"{ROLE}search/{DOMAIN}-master")
    rights = [{"index_patterns": ["telemetry*"], "allowed_actions": ["create_index", "manage", "crud"]}]
    given = {"cluster_permissions": ["cluster_composite_ops", "cluster_monitor"], "index_permissions": rights}
    assert master.ask("PUT", f"{API}roles/firehose", given)[0] < 300
    assert master.ask("PUT", f"{API}rolesmapping/firehose", {"backend_roles": arns})[0] < 300
    try:
        yield master
    finally:
        master.ask("DELETE", "telemetry*")


def hits(searcher: Searcher, index: str, number: int, run: Run) -> list[Any]:
    found = run.wait(f"{number} documents", lambda: one if len(one := searcher.hits(index)) >= number else None, 10)
    assert len(found) == number
    return found


def metric(run: Run, name: str, statistic: str) -> float | None:
    now = time.time()
    found = run.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Firehose",
        MetricName=name,
        Dimensions=[{"Name": "DeliveryStreamName", "Value": STREAM}],
        StartTime=now - 300,
        EndTime=now + 60,
        Period=600,
        Statistics=[statistic],
    )["Datapoints"]
    return found[0][statistic] if found else None


def test_documents_are_in_the_index_of_the_day_and_one_that_does_not_fit_is_alone_in_the_bucket(
    run: Run, place: dict[str, str]
) -> None:
    day = time.strftime("telemetry-%Y-%m-%d", time.gmtime())
    with mapped(run, place, WRITER) as master, stream(run, place):
        put(run, {"at": 1.5}, {"at": "mild"}, b'{"at": 2}\n', b"no document", b'{"at":\n3}')
        assert hits(master, day, 2, run) == [{"at": 1.5}, {"at": 2}]
        found = failures(run, 3)
        (unfit,) = (one for one in found if "mapper_parsing_exception" in one["errorMessage"])
        expected = {"attemptsMade": 1, "errorCode": "400", "esIndexName": day, "esTypeName": ""}
        assert unfit.items() >= expected.items()
        assert json.loads(base64.b64decode(unfit["rawData"])) == {"at": "mild"}
        assert unfit["esDocumentId"]
        raw = {base64.b64decode(one["rawData"]) for one in found if "malformed" in one["errorMessage"]}
        assert raw == {b"no document", b'{"at":\n3}'}
        prefix = "DeliveryToAmazonOpenSearchService."
        assert metric(run, f"{prefix}Success", "Minimum") == pytest.approx(2 / 3)
        assert metric(run, f"{prefix}Records", "Sum") == 2
        assert metric(run, f"{prefix}DeliveryRejected", "Maximum") == 1
        assert metric(run, "DeliveryToS3.Records", "Sum") is None
        assert keys(run, BUCKET, "all/") == []


def test_without_a_mapping_it_tries_again_for_its_time_and_then_all_are_in_the_bucket(
    run: Run, place: dict[str, str]
) -> None:
    # The log takes one line a second, and the tests before wrote to it.
    time.sleep(1)
    with mapped(run, place), stream(run, place):
        put(run, {"id": 1}, {"id": 2})
        found = failures(run, 2)
        assert {one["errorCode"] for one in found} == {"403"}
        assert f"no permissions for [indices:data/write/bulk] and User [name={WRITER}" in found[0]["errorMessage"]
        assert found[0]["attemptsMade"] > 1
        assert metric(run, "DeliveryToAmazonOpenSearchService.AuthFailure", "Maximum") == 1
        said = run.client("logs").get_log_events(logGroupName=LOGS, logStreamName="delivery")["events"][-1]["message"]
        assert json.loads(said).items() >= {"destination": ARN, "errorCode": "OS.AccessDenied"}.items()
        with mapped(run, place, WRITER) as master:
            put(run, {"id": 3})
            assert hits(master, "telemetry-*", 1, run) == [{"id": 3}]


def test_what_passes_is_tried_again_and_arrives_once(run: Run, place: dict[str, str]) -> None:
    with mapped(run, place, WRITER) as master, stream(run, place, RetryOptions={"DurationInSeconds": 3000}):
        told(run, "/_sandbox/opensearch/fail", {"name": DOMAIN, "status": 503, "path": "_bulk", "times": 2})
        kind = {"status": 429, "type": "rejected_execution_exception", "document": True}
        told(run, "/_sandbox/opensearch/fail", {"name": DOMAIN, **kind})
        put(run, {"id": 1}, {"id": 2}, {"id": 3})
        found = hits(master, "telemetry-*", 3, run)
        assert sorted(one["id"] for one in found) == [1, 2, 3]
        assert keys(run, BUCKET, "errors/") == []


def test_all_documents_are_kept_and_nothing_goes_on_while_the_bucket_refuses(run: Run, place: dict[str, str]) -> None:
    no_retries: dict[str, Any] = {"RetryOptions": {"DurationInSeconds": 0}, "IndexRotationPeriod": "NoRotation"}
    policy = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    s3 = run.client("s3")
    with mapped(run, place, WRITER) as master, stream(run, place, S3BackupMode="AllDocuments", **no_retries):
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
        put(run, {"id": 1})
        assert hits(master, "telemetry", 1, run) == [{"id": 1}]
        put(run, {"id": 2})
        time.sleep(1)
        assert master.hits("telemetry") == [{"id": 1}]
        s3.delete_bucket_policy(Bucket=BUCKET)
        hits(master, "telemetry", 2, run)
        found = run.wait("both", lambda: one if len(one := keys(run, BUCKET, "all/")) == 2 else None)
        bodies = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in found]
        assert sorted(bodies) == [b'{"id": 1}', b'{"id": 2}']
        assert metric(run, "DeliveryToS3.Records", "Sum") == 2


def test_a_function_makes_the_documents_and_what_it_fails_for_is_in_the_bucket(run: Run, place: dict[str, str]) -> None:
    code = (
        "import base64, json\n"
        "def handler(event, context):\n"
        "    out = []\n"
        "    for one in event['records']:\n"
        "        given = json.loads(base64.b64decode(one['data']))\n"
        "        data = base64.b64encode(json.dumps({'twice': 2 * given['at']}).encode()).decode()\n"
        "        result = 'Ok' if given['at'] else 'ProcessingFailed'\n"
        "        out.append({'recordId': one['recordId'], 'result': result, 'data': data})\n"
        "    return {'records': out}\n"
    )
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    own = role("doubling")
    own["Properties"]["AssumeRolePolicyDocument"]["Statement"].append(trust)
    function = {
        "FunctionName": "doubling",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": code},
    }
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:doubling"
    parameters = [{"ParameterName": "LambdaArn", "ParameterValue": arn}]
    processing = {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": parameters}]}
    made = {"Resources": {"Role": own, "Function": {"Type": "AWS::Lambda::Function", "Properties": function}}}
    allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
    iam = run.client("iam")
    with deployed(run, "doubling", made), mapped(run, place, WRITER) as master:
        with (
            pytest.raises(ClientError, match="lambda:InvokeFunction"),
            stream(run, place, ProcessingConfiguration=processing),
        ):
            pass
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName="writer", PolicyName="Transform", PolicyDocument=document)
        with stream(run, place, ProcessingConfiguration=processing):
            put(run, {"at": 4}, {"at": 0})
            assert hits(master, "telemetry-*", 1, run) == [{"twice": 8}]
            failed = run.wait("the failed one", lambda: lines(run, BUCKET, "errors/processing-failed/"))
            assert base64.b64decode(json.loads(failed[0])["rawData"]) == b'{"at": 0}'
        iam.delete_role_policy(RoleName="writer", PolicyName="Transform")


@pytest.mark.parametrize(
    ("action", "managed"),
    [("es:ESHttpPost", True), ("es:DescribeDomainConfig", True), ("es:ESHttpGet", True), ("aoss:APIAccessAll", False)],
)
def test_a_role_that_lacks_what_the_guide_lists_is_refused(
    run: Run, place: dict[str, str], action: str, managed: bool
) -> None:
    deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
    iam, document = run.client("iam"), json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName="writer", PolicyName="Cut", PolicyDocument=document)
    try:
        with pytest.raises(ClientError, match=action), stream(run, place, managed=managed):
            pass
    finally:
        iam.delete_role_policy(RoleName="writer", PolicyName="Cut")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ClusterEndpoint": "https://example.com"}, "exactly one of DomainARN and ClusterEndpoint"),
        ({"DomainARN": f"{ARN}-not"}, "there is no domain to-here-not"),
        (
            {"VpcConfiguration": {"RoleARN": WRITER, "SubnetIds": ["subnet-0"], "SecurityGroupIds": ["sg-0"]}},
            "ec2:CreateNetworkInterface",
        ),
    ],
)
def test_a_stream_that_could_not_deliver_is_refused(
    run: Run, place: dict[str, str], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message), stream(run, place, **changes):
        pass


def test_a_collection_takes_documents_as_long_as_a_data_policy_names_the_role(run: Run, place: dict[str, str]) -> None:
    aoss = run.client("opensearchserverless")

    def documents() -> Sequence[Any]:
        found = told(run, "/_sandbox/opensearch/documents", {"collection": COLLECTION})["documents"]
        return [one["_source"] for one in found]

    with stream(run, place, managed=False):
        put(run, {"id": 1})
        assert run.wait("the document", documents, 10) == [{"id": 1}]
        policy = aoss.get_access_policy(name=COLLECTION, type="data")["accessPolicyDetail"]
        less = json.loads(json.dumps(policy["policy"]))
        less[0]["Principal"] = [f"{ROLE}nobody"]
        text = json.dumps(less)
        aoss.update_access_policy(name=COLLECTION, type="data", policyVersion=policy["policyVersion"], policy=text)
        put(run, {"id": 2})
        (failed,) = failures(run, 1)
        assert failed.items() >= {"errorCode": "403", "osIndexName": "telemetry"}.items()
        assert "esTypeName" not in failed
        assert metric(run, "DeliveryToAmazonOpenSearchServerless.AuthFailure", "Maximum") == 1
        assert documents() == [{"id": 1}]


def test_a_role_that_templates_complete_too_late_shows(run: Run, place: dict[str, str]) -> None:
    late = {
        "PolicyName": "Late",
        "Roles": [{"Ref": "Role"}],
        "PolicyDocument": writer()["Properties"]["Policies"][0]["PolicyDocument"],
    }
    own = writer()
    own["Properties"] = {**own["Properties"], "RoleName": "late", "Policies": []}
    config = {
        "DomainARN": ARN,
        "IndexName": "telemetry",
        "RoleARN": {"Fn::GetAtt": ["Role", "Arn"]},
        "S3Configuration": {"BucketARN": f"arn:aws:s3:::{BUCKET}", "RoleARN": {"Fn::GetAtt": ["Role", "Arn"]}},
    }
    stream = {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": {CONFIGURATIONS[0]: config}}
    template = {"Resources": {"Role": own, "Late": {"Type": "AWS::IAM::Policy", "Properties": late}, "Stream": stream}}
    with pytest.raises(Broken, match="es:DescribeDomain"), deployed(run, "late", template):
        pass
