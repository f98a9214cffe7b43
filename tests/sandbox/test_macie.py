"""Amazon Macie of the sandbox: its API, its resources, what it finds, and where that goes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.run import Run

ACCOUNT, REGION = "123456789012", "us-east-1"
JOB_LOG = "/aws/macie/classificationjobs"
SSN, CARD = "123-45-6789", "4111 1111 1111 1111"


@pytest.fixture
def macie(run: Run) -> Iterator[Any]:
    """Macie, enabled as long as the test runs."""
    client = run.client("macie2")
    client.enable_macie()
    yield client
    client.disable_macie()


def refused(code: str, message: str = "") -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\).*{message}")


@contextmanager
def bucket(run: Run, **objects: str) -> Iterator[str]:
    """A bucket with text objects; ``__`` in names stands for a dot."""
    s3, name = run.client("s3"), f"b-{uuid4()}"
    s3.create_bucket(Bucket=name)
    for key, text in objects.items():
        s3.put_object(Bucket=name, Key=key.replace("__", "."), Body=text.encode())
    yield name
    for one in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=one["Key"])
    s3.delete_bucket(Bucket=name)


@contextmanager
def listening(run: Run) -> Iterator[str]:
    """A queue that hears of all findings, by a rule."""
    sqs, events, name = run.client("sqs"), run.client("events"), f"heard-{uuid4()}"
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": arn}
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps({"Statement": [allow]})})["QueueUrl"]
    pattern = {"source": ["aws.macie"], "detail-type": ["Macie Finding"]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "Queue", "Arn": arn}])
    yield url
    events.remove_targets(Rule=name, Ids=["Queue"])
    events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=url)


def heard(run: Run, url: str) -> list[dict[str, Any]]:
    messages = run.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def of_bucket(macie: Any, name: str, **more: list[str]) -> list[dict[str, Any]]:
    criterion = {"resourcesAffected.s3Bucket.name": {"eq": [name]}, **{field: {"eq": eq} for field, eq in more.items()}}
    ids = macie.list_findings(findingCriteria={"criterion": criterion})["findingIds"]
    found: list[dict[str, Any]] = macie.get_findings(findingIds=ids)["findings"] if ids else []
    return found


def one_time(macie: Any, name: str, /, **more: Any) -> str:
    definition = {"bucketDefinitions": [{"accountId": ACCOUNT, "buckets": [name]}]}
    request = {"name": "Once", "jobType": "ONE_TIME", "s3JobDefinition": definition, "clientToken": str(uuid4())}
    return str(macie.create_classification_job(**{**request, **more})["jobId"])


def wait_for(run: Run, macie: Any, id: str, status: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        job: dict[str, Any] = macie.describe_classification_job(jobId=id)
        return job if job["jobStatus"] == status else None

    return run.wait(f"job {id} {status}", reached)


def test_nothing_works_until_macie_is_enabled_and_nothing_is_left_when_it_is_disabled(run: Run) -> None:
    client = run.client("macie2")
    for call in (client.get_macie_session, client.list_findings, client.list_allow_lists, client.disable_macie):
        with refused("AccessDeniedException", "Macie is not enabled"):
            call()
    client.enable_macie(findingPublishingFrequency="ONE_HOUR")
    with refused("ConflictException", "already been enabled"):
        client.enable_macie()
    client.update_macie_session(findingPublishingFrequency="FIFTEEN_MINUTES")
    assert client.get_macie_session()["findingPublishingFrequency"] == "FIFTEEN_MINUTES"
    client.create_allow_list(name="Numbers", criteria={"regex": "1+"}, clientToken="x")
    client.disable_macie()
    client.enable_macie()
    assert client.list_allow_lists()["allowLists"] == []
    client.disable_macie()


def test_callers_need_permissions(run: Run, macie: Any) -> None:
    iam, name = run.client("iam"), "MacieReader"
    iam.create_user(UserName=name)
    session = {"Effect": "Allow", "Action": "macie2:GetMacieSession", "Resource": "*"}
    any_job = f"arn:aws:macie2:{REGION}:{ACCOUNT}:classification-job/*"
    jobs = {"Effect": "Allow", "Action": "macie2:*ClassificationJob", "Resource": any_job}
    iam.put_user_policy(UserName=name, PolicyName="Read", PolicyDocument=json.dumps({"Statement": [session, jobs]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    reader = boto3.client(
        "macie2",
        region_name=REGION,
        endpoint_url=run.sandbox.endpoint,
        verify=str(run.sandbox.ca),
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    assert reader.get_macie_session()["status"] == "ENABLED"
    with refused("AccessDeniedException", "macie2:ListFindings"):
        reader.list_findings()
    id = one_time(reader, "gone")
    assert reader.describe_classification_job(jobId=id)["jobId"] == id
    with refused("AccessDeniedException", "macie2:DeleteAllowList"):
        reader.delete_allow_list(id="x")


def test_requests_that_do_not_fit_the_model_and_operations_that_are_missing_are_refused(run: Run, macie: Any) -> None:
    with refused("ValidationException", "findingPublishingFrequency parameter must be one of"):
        macie.update_macie_session(findingPublishingFrequency="DAILY")
    with refused("NotImplementedException", "has no ListMembers"):
        macie.list_members()


def test_settings_are_kept(macie: Any) -> None:
    assert macie.get_automated_discovery_configuration()["status"] == "DISABLED"
    assert macie.list_classification_scopes()["classificationScopes"] == []
    macie.update_automated_discovery_configuration(status="ENABLED", autoEnableOrganizationMembers="NONE")
    assert macie.get_automated_discovery_configuration()["autoEnableOrganizationMembers"] == "NONE"
    (scope,) = macie.list_classification_scopes()["classificationScopes"]

    def excluded(names: list[str], operation: str) -> list[str]:
        change = {"excludes": {"bucketNames": names, "operation": operation}}
        macie.update_classification_scope(id=scope["id"], s3=change)
        kept = macie.get_classification_scope(id=scope["id"])["s3"]["excludes"]["bucketNames"]
        return [str(name) for name in kept]

    assert excluded(["a-one", "a-two"], "ADD") == ["a-one", "a-two"]
    assert excluded(["a-one", "gone"], "REMOVE") == ["a-two"]
    assert excluded(["a-three"], "REPLACE") == ["a-three"]
    with refused("ResourceNotFoundException"):
        macie.get_classification_scope(id="other")
    (template,) = macie.list_sensitivity_inspection_templates()["sensitivityInspectionTemplates"]
    macie.update_sensitivity_inspection_template(id=template["id"], includes={"allowListIds": ["x"]})
    kept = macie.get_sensitivity_inspection_template(id=template["id"])
    assert kept["includes"]["allowListIds"] == ["x"]
    hub = {"publishClassificationFindings": True, "publishPolicyFindings": False}
    macie.put_findings_publication_configuration(securityHubConfiguration=hub)
    assert macie.get_findings_publication_configuration()["securityHubConfiguration"] == hub
    macie.update_organization_configuration(autoEnable=True)
    assert macie.describe_organization_configuration()["autoEnable"] is True


def test_a_job_reads_what_is_there_and_tells_the_log(run: Run, macie: Any) -> None:
    with bucket(run, a__csv=f"Name,SSN\nx,{SSN}\ny,{SSN}\n", clean__txt="nothing", b__md=f"{SSN} and {CARD}") as name:
        id = one_time(macie, name, clientToken="same")
        assert one_time(macie, name, clientToken="same") == id
        wait_for(run, macie, id, "COMPLETE")
        found = {one["resourcesAffected"]["s3Object"]["key"]: one for one in of_bucket(macie, name)}
        both = one_time(
            macie, name, s3JobDefinition={"bucketDefinitions": [{"accountId": ACCOUNT, "buckets": ["gone"]}]}
        )
        assert wait_for(run, macie, both, "COMPLETE")["lastRunErrorStatus"]["code"] == "ERROR"
    assert set(found) == {"a.csv", "b.md"}
    assert (found["a.csv"]["type"], found["a.csv"]["severity"]["description"]) == (
        "SensitiveData:S3Object/Personal",
        "Medium",
    )
    details = found["a.csv"]["classificationDetails"]
    assert (details["jobId"], details["originType"]) == (id, "SENSITIVE_DATA_DISCOVERY_JOB")
    cells = details["result"]["sensitiveData"][0]["detections"][0]["occurrences"]["cells"]
    assert cells == [{"row": row, "column": 2, "columnName": "SSN"} for row in (2, 3)]
    assert found["b.md"]["type"] == "SensitiveData:S3Object/Multiple"
    assert SSN not in str(found)
    with refused("ValidationException", "status is COMPLETE"):
        macie.update_classification_job(jobId=id, jobStatus="CANCELLED")
    assert told(run, id) == [("JOB_CREATED", None), ("ONE_TIME_JOB_STARTED", None), ("JOB_COMPLETED", None)]
    assert ("BUCKET_DOES_NOT_EXIST", "gone") in told(run, both)


def told(run: Run, job: str) -> list[tuple[str, str | None]]:
    """What the log of jobs says of a job: events, and the buckets that they are about."""
    events = run.client("logs").filter_log_events(logGroupName=JOB_LOG)["events"]
    lines = [line for line in (json.loads(event["message"]) for event in events) if line["jobId"] == job]
    return [(line["eventType"], line.get("affectedResource", {}).get("value")) for line in lines]


def named(name: str) -> dict[str, Any]:
    """Criteria that only buckets with such a name fit."""
    includes = {"and": [{"simpleCriterion": criterion("S3_BUCKET_NAME", "STARTS_WITH", name)}]}
    return {"s3JobDefinition": {"bucketCriteria": {"includes": includes}}}


def test_a_job_with_criteria_tells_the_log_which_buckets_fit_and_that_none_does(run: Run, macie: Any) -> None:
    prefix = f"fit-{uuid4()}"[:20]
    daily = {"jobType": "SCHEDULED", "scheduleFrequency": {"dailySchedule": {}}, "initialRun": True}
    with bucket(run, a__txt=SSN) as one, bucket(run):
        fits, none = one_time(macie, one, **named(one)), one_time(macie, one, **named(prefix))
        schedule = one_time(macie, one, **daily, **named(prefix))
        found = [wait_for(run, macie, job, "COMPLETE") for job in (fits, none)]
        wait_for(run, macie, schedule, "IDLE")
        later = f"{prefix}-later"
        run.client("s3").create_bucket(Bucket=later)
        run.wait("the later bucket", lambda: len(told(run, schedule)) == 5)
        run.client("s3").delete_bucket(Bucket=later)
    assert [job["lastRunErrorStatus"]["code"] for job in found] == ["NONE", "NONE"]
    start, end, nothing = ("ONE_TIME_JOB_STARTED", None), ("JOB_COMPLETED", None), "NO_BUCKETS_MATCHED_THE_CRITERIA"
    created, matched = ("JOB_CREATED", None), "BUCKET_MATCHED_THE_CRITERIA"
    assert told(run, fits) == [created, start, (matched, one), end]
    assert told(run, none) == [created, start, (nothing, None), end]
    runs = [("SCHEDULED_RUN_STARTED", None), (nothing, None), ("SCHEDULED_RUN_COMPLETED", None)]
    assert told(run, schedule) == [created, *runs, (matched, later)]


def test_a_scheduled_job_reads_what_comes_later_until_it_is_cancelled(run: Run, macie: Any) -> None:
    daily = {"jobType": "SCHEDULED", "scheduleFrequency": {"dailySchedule": {}}}
    with bucket(run, old__txt=SSN) as name:
        start = named(name[:20])["s3JobDefinition"]
        data = {"includes": {"and": [{"simpleScopeTerm": criterion("OBJECT_KEY", "STARTS_WITH", f"{name}/data/")}]}}
        later = one_time(macie, name, **daily, s3JobDefinition={**start, "scoping": data})
        first = one_time(macie, name, **daily, initialRun=True)
        wait_for(run, macie, later, "IDLE")
        wait_for(run, macie, first, "IDLE")
        for key in ("data/new.txt", "other/new.txt"):
            run.client("s3").put_object(Bucket=name, Key=key, Body=SSN.encode())
        run.wait("both jobs", lambda: len(of_bucket(macie, name)) == 4)
        macie.update_classification_job(jobId=first, jobStatus="CANCELLED")
        run.client("s3").put_object(Bucket=name, Key="data/new.txt", Body=SSN.encode())
        run.wait("the other job", lambda: len(of_bucket(macie, name)) == 5)
        field = "classificationDetails.jobId"
        keys = [one["resourcesAffected"]["s3Object"]["key"] for one in of_bucket(macie, name, **{field: [later]})]
        assert keys == ["data/new.txt", "data/new.txt"]
        listed = macie.list_classification_jobs(
            filterCriteria={"includes": [{"key": "jobStatus", "comparator": "EQ", "values": ["CANCELLED"]}]}
        )
        assert [job["jobId"] for job in listed["items"]] == [first]


def criterion(key: str, comparator: str, value: str) -> dict[str, Any]:
    return {"key": key, "comparator": comparator, "values": [value]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"samplingPercentage": 101}, "samplingPercentage must be from 1 to 100"),
        ({"name": ""}, "name must be from 1 to 500"),
        ({"jobType": "SCHEDULED"}, "scheduleFrequency must be given"),
        ({"initialRun": True}, "initialRun is only for scheduled jobs"),
        ({"s3JobDefinition": {}}, "either bucketDefinitions or bucketCriteria"),
        ({"allowListIds": ["gone"]}, "allowListIds: gone does not exist"),
    ],
)
def test_jobs_that_make_no_sense_are_refused(macie: Any, wrong: dict[str, Any], message: str) -> None:
    with refused("ValidationException", message):
        one_time(macie, "any", **wrong)


def test_automated_discovery_reads_each_version_once_but_not_excluded_buckets_or_logs(run: Run, macie: Any) -> None:
    macie.update_automated_discovery_configuration(status="ENABLED")
    (scope,) = macie.list_classification_scopes()["classificationScopes"]
    with bucket(run) as excluded, bucket(run) as name, listening(run) as queue:
        change = {"excludes": {"bucketNames": [excluded], "operation": "ADD"}}
        macie.update_classification_scope(id=scope["id"], s3=change)
        s3 = run.client("s3")
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        for place in (excluded, name):
            s3.put_object(Bucket=place, Key="x.txt", Body=SSN.encode())
        s3.put_object(Bucket=name, Key="AWSLogs/x.txt", Body=SSN.encode())
        run.wait("a finding", lambda: of_bucket(macie, name))
        version = s3.put_object(Bucket=name, Key="x.txt", Body=SSN.encode())["VersionId"]
        run.wait("two findings", lambda: len(of_bucket(macie, name)) == 2)
        events = run.wait("events", lambda: heard(run, queue))
        run.wait("another second of watching", lambda: macie.list_findings() and _another(run, macie, name))
        events += heard(run, queue)
        s3.delete_object(Bucket=name, Key="x.txt", VersionId=version)
        assert of_bucket(macie, excluded) == []
        mine = [one["detail"] for one in events if one["detail"]["resourcesAffected"]["s3Bucket"]["name"] == name]
        assert len({one["id"] for one in mine}) == len(mine) == 3
        assert {one["source"] for one in events} == {"aws.macie"}
        assert version in {one["resourcesAffected"]["s3Object"]["versionId"] for one in mine}
        for one in s3.list_object_versions(Bucket=name)["Versions"]:
            s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])


def _another(run: Run, macie: Any, name: str) -> bool:
    """Whether an object that is put now is read, which takes a turn in which nothing else may be read again."""
    if len(of_bucket(macie, name)) == 2:
        run.client("s3").put_object(Bucket=name, Key="last.txt", Body=CARD.encode())
    return len(run.wait("the last", lambda: of_bucket(macie, name, type=["SensitiveData:S3Object/Financial"]))) == 1


def test_custom_identifiers_are_found_unless_allow_lists_have_them(run: Run, macie: Any) -> None:
    with bucket(run, words__txt="EMP-000003\nEMP-000004\n") as lists:
        custom = macie.create_custom_data_identifier(
            name="Employee", regex=r"EMP-\d{6}", keywords=["staff"], ignoreWords=["EMP-000002"], maximumMatchDistance=20
        )["customDataIdentifierId"]
        place = {"bucketName": lists, "objectKey": "words.txt"}
        texts = macie.create_allow_list(name="Words", criteria={"s3WordsList": place}, clientToken="w")["id"]
        shapes = macie.create_allow_list(name="Regex", criteria={"regex": "EMP-9+"}, clientToken="r")["id"]
        assert macie.get_allow_list(id=texts)["status"]["code"] == "OK"
        lines = [f"staff EMP-{number}" for number in ("000001", "000002", "000003", "999999")]
        with bucket(run, a__txt="\n".join([*lines, "no keyword EMP-000001", SSN])) as name:
            more = {"customDataIdentifierIds": [custom], "managedDataIdentifierSelector": "NONE"}
            wait_for(run, macie, one_time(macie, name, **more, allowListIds=[texts, shapes]), "COMPLETE")
            (finding,) = of_bucket(macie, name)
    assert (finding["type"], finding["severity"]["score"]) == ("SensitiveData:S3Object/CustomIdentifier", 2)
    (detection,) = finding["classificationDetails"]["result"]["customDataIdentifiers"]["detections"]
    assert (detection["name"], detection["count"]) == ("Employee", 1)
    assert detection["occurrences"]["lineRanges"] == [{"start": 1, "end": 1, "startColumn": 7}]
    macie.delete_custom_data_identifier(id=custom)
    with refused("ResourceNotFoundException"):
        macie.get_custom_data_identifier(id=custom)
    with refused("ValidationException", "cannot be compiled"):
        macie.create_custom_data_identifier(name="Wrong", regex="(")
    assert len(macie.list_allow_lists(maxResults=1)["allowLists"]) == 1
    assert "nextToken" in macie.list_allow_lists(maxResults=1)


def test_a_filter_archives_findings_and_they_are_not_published(run: Run, macie: Any) -> None:
    with bucket(run, a__txt=SSN) as quiet, bucket(run, a__txt=SSN) as loud, listening(run) as queue:
        criteria = {"criterion": {"resourcesAffected.s3Bucket.name": {"eq": [quiet]}}}
        id = macie.create_findings_filter(name="Quiet", action="ARCHIVE", findingCriteria=criteria)["id"]
        for name in (quiet, loud):
            wait_for(run, macie, one_time(macie, name), "COMPLETE")
        assert [one["archived"] for one in of_bucket(macie, quiet)] == [True]
        assert [one["archived"] for one in of_bucket(macie, loud)] == [False]
        (event,) = run.wait("the event", lambda: heard(run, queue))
    detail = event["detail"]
    assert detail["resourcesAffected"]["s3Bucket"]["name"] == loud
    assert (detail["category"], detail["sample"], detail["archived"]) == ("CLASSIFICATION", False, False)
    assert detail["resourcesAffected"]["s3Object"]["path"] == f"{loud}/a.txt"
    macie.delete_findings_filter(id=id)
    assert macie.list_findings_filters()["findingsFilterListItems"] == []


def test_a_bucket_that_no_longer_blocks_public_access_is_a_policy_finding(run: Run, macie: Any) -> None:
    s3 = run.client("s3")
    on = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    with bucket(run) as name, listening(run) as queue:
        job = one_time(macie, name)
        wait_for(run, macie, job, "COMPLETE")
        run.client("s3").put_object(Bucket=name, Key="x", Body=b"x")
        wait_for(run, macie, one_time(macie, name), "COMPLETE")
        s3.delete_public_access_block(Bucket=name)
        (event,) = run.wait("the event", lambda: heard(run, queue))
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=on)
        wait_for(run, macie, one_time(macie, name), "COMPLETE")
        wait_for(run, macie, one_time(macie, name), "COMPLETE")
        assert heard(run, queue) == []
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={**on, "BlockPublicPolicy": False})
        (again,) = run.wait("the event", lambda: heard(run, queue))
    assert event["detail"]["type"] == "Policy:IAMUser/S3BlockPublicAccessDisabled"
    assert event["detail"]["severity"] == {"score": 3, "description": "High"}
    assert event["detail"]["policyDetails"]["action"]["apiCallDetails"]["api"] == "DeletePublicAccessBlock"
    assert (again["detail"]["id"], again["detail"]["count"]) == (event["detail"]["id"], 2)


def test_samples_are_made_of_every_type_and_listed_by_criteria_and_pages(run: Run, macie: Any) -> None:
    with listening(run) as queue:
        macie.create_sample_findings(findingTypes=["SensitiveData:S3Object/Credentials"])
        (event,) = run.wait("the event", lambda: heard(run, queue))
    assert event["detail"]["sample"] is True
    assert event["detail"]["severity"]["description"] == "High"
    macie.create_sample_findings()
    page = macie.list_findings(maxResults=10, sortCriteria={"attributeName": "type", "orderBy": "DESC"})
    rest = macie.list_findings(maxResults=10, nextToken=page["nextToken"], sortCriteria={"attributeName": "type"})
    assert (len(page["findingIds"]), len(rest["findingIds"]), "nextToken" in rest) == (10, 2, False)
    (newest, *_) = macie.get_findings(findingIds=page["findingIds"])["findings"]
    assert newest["sample"] is True
    with refused("ValidationException", "at most 50"):
        macie.get_findings(findingIds=["x"] * 51)
    since = int(newest["createdAt"].timestamp() * 1000)

    def count(**criteria: Any) -> int:
        names = {field.replace("_", "."): test for field, test in criteria.items()}
        return len(macie.list_findings(findingCriteria={"criterion": names})["findingIds"])

    assert count(createdAt={"gte": since - 60_000, "lte": since + 60_000}, sample={"eq": ["true"]}) == 12
    assert count(createdAt={"lt": since - 60_000}) == 0
    assert count(category={"neq": ["POLICY"]}) == 6
    assert count(severity_description={"eq": ["High"]}, category={"eq": ["POLICY"]}) == 1


def key_policy(*actions: str, account: str = ACCOUNT) -> str:
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Statement": [root, {**to_macie(account), "Action": list(actions), "Resource": "*"}]})


def to_macie(account: str = ACCOUNT) -> dict[str, Any]:
    sources = [
        f"arn:aws:macie2:{REGION}:{ACCOUNT}:{kind}" for kind in ("export-configuration:*", "classification-job/*")
    ]
    conditions = {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": sources}}
    return {"Effect": "Allow", "Principal": {"Service": "macie.amazonaws.com"}, "Condition": conditions}


BOTH = ("s3:GetBucketLocation", "s3:PutObject")


class Export:
    """A bucket and a key for results, whose policies can be changed."""

    def __init__(self, run: Run, macie: Any, results: str) -> None:
        self.run, self.macie, self.results = run, macie, results
        policy = key_policy("kms:GenerateDataKey", "kms:Encrypt")
        self.key = run.client("kms").create_key(Policy=policy)["KeyMetadata"]
        self.destination = {"bucketName": results, "keyPrefix": "macie/", "kmsKeyArn": self.key["Arn"]}

    def configure(self, *actions: str, account: str = ACCOUNT, **destination: str) -> None:
        where = [f"arn:aws:s3:::{self.results}", f"arn:aws:s3:::{self.results}/macie/AWSLogs/{ACCOUNT}/Macie/*"]
        statement = {**to_macie(account), "Action": list(actions), "Resource": where}
        self.run.client("s3").put_bucket_policy(Bucket=self.results, Policy=json.dumps({"Statement": [statement]}))
        configuration = {"s3Destination": {**self.destination, **destination}}
        self.macie.put_classification_export_configuration(configuration=configuration)


def test_the_export_is_refused_the_first_time_and_as_long_as_a_policy_does_not_let_macie(run: Run, macie: Any) -> None:
    with bucket(run) as results:
        export = Export(run, macie, results)
        with refused("ValidationException", r"\(yet\)"):
            export.configure(*BOTH)
        for action in BOTH:
            with refused("ValidationException", f"{({*BOTH} - {action}).pop()} on resource"):
                export.configure(action)
        with refused("ValidationException", "s3:GetBucketLocation"):
            export.configure(*BOTH, account="111122223333")
        with refused("ValidationException", "doesn't exist"):
            export.configure(*BOTH, bucketName="gone")
        policy, change = key_policy("kms:Encrypt"), run.client("kms").put_key_policy
        change(KeyId=export.key["KeyId"], PolicyName="default", Policy=policy)
        with refused("ValidationException", "kms:GenerateDataKey"):
            export.configure(*BOTH)
        assert macie.get_classification_export_configuration()["configuration"] == {}
        policy = key_policy("kms:GenerateDataKey*", "kms:Encrypt")
        change(KeyId=export.key["KeyId"], PolicyName="default", Policy=policy)
        export.configure(*BOTH)
        kept = macie.get_classification_export_configuration()["configuration"]["s3Destination"]
        assert kept == export.destination


def test_results_are_exported_as_long_as_policies_allow(run: Run, macie: Any) -> None:
    s3 = run.client("s3")
    with bucket(run) as results, bucket(run, a__csv=f"SSN\n{SSN}\n", clean__txt="nothing") as name:
        export = Export(run, macie, results)
        with refused("ValidationException", r"\(yet\)"):
            export.configure(*BOTH)
        export.configure(*BOTH)
        job = one_time(macie, name)
        wait_for(run, macie, job, "COMPLETE")
        folder = f"macie/AWSLogs/{ACCOUNT}/Macie/{REGION}/{job}/"
        stored = [one["Key"] for one in s3.list_objects_v2(Bucket=results, Prefix=folder)["Contents"]]
        lines = [gzip.decompress(s3.get_object(Bucket=results, Key=key)["Body"].read()) for key in stored]
        found = [json.loads(line)["resourcesAffected"]["s3Object"]["key"] for line in lines]
        exported = dict(zip(found, stored, strict=True))
        assert set(exported) == {"a.csv", "clean.txt"}
        (finding,) = of_bucket(macie, name)
        assert finding["classificationDetails"]["detailedResultsLocation"] == f"s3://{results}/{exported['a.csv']}"
        s3.delete_bucket_policy(Bucket=results)
        wait_for(run, macie, one_time(macie, name), "COMPLETE")
        assert len(of_bucket(macie, name)) == 2
        assert len(s3.list_objects_v2(Bucket=results)["Contents"]) == 2
