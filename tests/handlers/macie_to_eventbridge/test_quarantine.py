"""The quarantine: public access first, a copy, a tag; each whatever becomes of the others, and nothing in a dry run."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.loading import Context, load

ACCOUNT, FINDING, KEY = "111122223333", "64b917aa", "2022 Sourcing.csv"
SETTINGS = {
    "DRY_RUN": "false",
    "QUARANTINE_BUCKET": "quarantine",
    "KEY_ARN": "arn:aws:kms:eu-central-1:111122223333:key/1",
    "TAG": "true",
    "COPY": "true",
    "BLOCK_PUBLIC_ACCESS": "true",
}
BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
SOURCE = {"Bucket": "lake", "Key": KEY}
GONE = FakeError("404", "Not Found", 404)


@pytest.fixture
def aws(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    return aws


def event(category: str = "CLASSIFICATION", key: str = KEY, version: str | None = "", **more: Any) -> dict[str, Any]:
    found = {"bucketArn": "arn:aws:s3:::lake", "key": key, "versionId": version, "etag": "6bb7"}
    detail = {
        "id": FINDING,
        "accountId": ACCOUNT,
        "category": category,
        "type": "SensitiveData:S3Object/Personal",
        "sample": False,
        "resourcesAffected": {
            "s3Bucket": {"name": "lake", "arn": "arn:aws:s3:::lake"},
            "s3Object": found if category == "CLASSIFICATION" else None,
        },
    }
    return {"source": "aws.macie", "detail-type": "Macie Finding", "detail": {**detail, **more}}


def run(finding: dict[str, Any]) -> list[str]:
    result = load("macie_to_eventbridge", "quarantine").handler(finding, Context())
    assert set(result) == {"finding", "did"}
    assert result["finding"] == FINDING
    did: list[str] = result["did"]
    return did


def given(aws: FakeAws, operation: str) -> list[dict[str, Any]]:
    return [call.parameters for call in aws.calls if call.operation == operation]


def public(aws: FakeAws) -> None:
    aws.reply("s3", "GetPublicAccessBlock", FakeError("NoSuchPublicAccessBlockConfiguration", status=404))
    aws.reply("s3", "PutPublicAccessBlock")


def no_copy(aws: FakeAws, size: int = 4750) -> None:
    aws.reply("s3", "HeadObject", GONE)
    aws.reply("s3", "HeadObject", {"ContentLength": size, "ETag": '"6bb7"'})


def tagged_with(aws: FakeAws, tags: dict[str, str]) -> None:
    aws.reply("s3", "GetObjectTagging", {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]})


def test_a_finding_of_an_object_is_answered_with_all_three(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    public(aws)
    no_copy(aws)
    aws.reply("s3", "CopyObject")
    tagged_with(aws, {"Division": "HR"})
    aws.reply("s3", "PutObjectTagging")
    assert run(event()) == ["public-access-blocked", "copied", "tagged"]
    assert given(aws, "PutPublicAccessBlock") == [
        {"Bucket": "lake", "ExpectedBucketOwner": ACCOUNT, "PublicAccessBlockConfiguration": BLOCKED}
    ]
    assert given(aws, "HeadObject") == [
        {"Bucket": "quarantine", "Key": f"lake/{FINDING}/{KEY}", "ExpectedBucketOwner": ACCOUNT},
        {**SOURCE, "ExpectedBucketOwner": ACCOUNT},
    ]
    assert given(aws, "CopyObject") == [
        {
            "Bucket": "quarantine",
            "Key": f"lake/{FINDING}/{KEY}",
            "CopySource": SOURCE,
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": SETTINGS["KEY_ARN"],
            "TaggingDirective": "REPLACE",
            "Tagging": "macie%3Afinding=64b917aa&macie%3Atype=SensitiveData%3AS3Object%2FPersonal",
            "ExpectedBucketOwner": ACCOUNT,
        }
    ]
    (tagging,) = given(aws, "PutObjectTagging")
    tags = {tag["Key"]: tag["Value"] for tag in tagging.pop("Tagging")["TagSet"]}
    assert tags.pop("macie:quarantined-at").endswith("Z")
    assert tags == {"Division": "HR", "macie:quarantine": FINDING}
    assert tagging == {**SOURCE, "ExpectedBucketOwner": ACCOUNT}
    assert aws.actions() == {
        "s3:GetBucketPublicAccessBlock",
        "s3:PutBucketPublicAccessBlock",
        "s3:GetObject",
        "s3:PutObject",
        "s3:GetObjectTagging",
        "s3:PutObjectTagging",
    }
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "finding": FINDING,
        "did": ["public-access-blocked", "copied", "tagged"],
        "failed": {},
        "type": "SensitiveData:S3Object/Personal",
        "bucket": "lake",
        "key": KEY,
    }


def test_what_was_done_is_not_done_again(aws: FakeAws) -> None:
    aws.reply("s3", "GetPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED})
    aws.reply("s3", "HeadObject", {"ContentLength": 4750})
    tagged_with(aws, {"macie:quarantine": FINDING})
    assert run(event()) == ["public-access-blocked-before", "copied-before", "tagged-before"]


@pytest.mark.parametrize("category", ["CLASSIFICATION", "POLICY"])
@pytest.mark.parametrize("object_named", [True, False])
def test_what_a_finding_names_counts_and_not_its_category(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, category: str, object_named: bool
) -> None:
    monkeypatch.setenv("DRY_RUN", "true")
    affected = {"s3Bucket": {"name": "lake"}} | ({"s3Object": {"key": KEY}} if object_named else {})
    would = ["would-block-public-access", *(["would-copy", "would-tag"] if object_named else [])]
    assert run(event(category, resourcesAffected=affected)) == would


def test_public_access_that_is_blocked_in_part_is_blocked(aws: FakeAws) -> None:
    aws.reply(
        "s3", "GetPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED | {"RestrictPublicBuckets": False}}
    )
    aws.reply("s3", "PutPublicAccessBlock")
    assert run(event("POLICY")) == ["public-access-blocked"]
    assert aws.actions() == {"s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"}


def test_the_version_that_was_analysed_is_copied_and_tagged(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOCK_PUBLIC_ACCESS", "false")
    no_copy(aws)
    aws.reply("s3", "CopyObject")
    tagged_with(aws, {})
    aws.reply("s3", "PutObjectTagging")
    assert run(event(version="v1")) == ["copied", "tagged"]
    assert given(aws, "CopyObject")[0]["CopySource"] == {**SOURCE, "VersionId": "v1"}
    for operation in ("GetObjectTagging", "PutObjectTagging"):
        assert given(aws, operation)[0]["VersionId"] == "v1"
    assert aws.actions() == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "s3:GetObjectVersionTagging",
        "s3:PutObjectVersionTagging",
    }


@pytest.mark.parametrize("version", ["", None])
def test_an_object_without_a_version_is_named_without_one(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    monkeypatch.setenv("BLOCK_PUBLIC_ACCESS", "false")
    monkeypatch.setenv("COPY", "false")
    tagged_with(aws, {"macie:quarantine": "another"})
    aws.reply("s3", "PutObjectTagging")
    assert run(event(version=version)) == ["tagged"]
    assert aws.actions() == {"s3:GetObjectTagging", "s3:PutObjectTagging"}


def test_a_large_object_is_copied_in_parts(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOCK_PUBLIC_ACCESS", "false")
    monkeypatch.setenv("TAG", "false")
    no_copy(aws, size=6 * 1024**3)
    aws.reply("s3", "CreateMultipartUpload", {"UploadId": "u"})
    aws.reply("s3", "UploadPartCopy", {"CopyPartResult": {"ETag": "part"}}, repeat=True)
    aws.reply("s3", "CompleteMultipartUpload", {"VersionId": "copy-1"})
    aws.reply("s3", "PutObjectTagging", repeat=True)
    assert run(event()) == ["copied"]
    (made,) = given(aws, "CreateMultipartUpload")
    assert (made["ServerSideEncryption"], made["SSEKMSKeyId"]) == ("aws:kms", SETTINGS["KEY_ARN"])
    assert len(given(aws, "UploadPartCopy")) == 24
    assert aws.actions() == {"s3:GetObject", "s3:PutObject", "s3:PutObjectVersionTagging"}


@pytest.mark.parametrize(("length", "hashed"), [(1024, False), (1025, True)])
def test_the_copy_of_a_key_that_would_be_too_long_has_its_hash(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, length: int, hashed: bool
) -> None:
    monkeypatch.setenv("BLOCK_PUBLIC_ACCESS", "false")
    monkeypatch.setenv("TAG", "false")
    start = f"lake/{FINDING}/"
    key = "ä" + "a" * (length - len(start) - 2)
    aws.reply("s3", "HeadObject", {})
    assert run(event(key=key)) == ["copied-before"]
    name = hashlib.sha256(key.encode()).hexdigest() if hashed else key
    assert given(aws, "HeadObject")[0]["Key"] == start + name


def test_an_object_with_too_many_tags_is_not_tagged(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOCK_PUBLIC_ACCESS", "false")
    monkeypatch.setenv("COPY", "false")
    tagged_with(aws, {f"t{number}": "x" for number in range(9)})
    assert run(event()) == ["no-room-for-tags"]
    tagged_with(aws, {f"t{number}": "x" for number in range(8)})
    aws.reply("s3", "PutObjectTagging")
    assert run(event()) == ["tagged"]


@pytest.mark.parametrize("error", [GONE, FakeError("NoSuchVersion", status=404)])
def test_an_object_that_is_gone_is_no_failure(aws: FakeAws, error: FakeError) -> None:
    public(aws)
    aws.reply("s3", "HeadObject", GONE)
    aws.reply("s3", "HeadObject", error)
    aws.reply("s3", "GetObjectTagging", FakeError("NoSuchKey", status=404))
    assert run(event()) == ["public-access-blocked", "object-gone"]


def test_an_object_that_goes_after_its_copy_is_no_failure(aws: FakeAws) -> None:
    public(aws)
    aws.reply("s3", "HeadObject", {})
    aws.reply("s3", "GetObjectTagging", FakeError("NoSuchKey", status=404))
    assert run(event()) == ["public-access-blocked", "copied-before", "object-gone"]


def test_a_bucket_that_is_gone_is_no_failure(aws: FakeAws) -> None:
    aws.reply("s3", "GetPublicAccessBlock", FakeError("NoSuchBucket", status=404))
    assert run(event("POLICY")) == ["bucket-gone"]


DENIED = FakeError("AccessDenied", status=403)
FROZEN = FakeError("InvalidObjectState", status=403)


def fails(aws: FakeAws, operation: str, error: Exception) -> None:
    """Have one operation fail and all others succeed."""
    answers: list[tuple[str, Any]] = [
        ("GetPublicAccessBlock", {"PublicAccessBlockConfiguration": {}}),
        ("PutPublicAccessBlock", {}),
        ("HeadObject", GONE),
        ("HeadObject", {"ContentLength": 4750}),
        ("CopyObject", {}),
        ("GetObjectTagging", {"TagSet": []}),
        ("PutObjectTagging", {}),
    ]
    failed = False
    for name, answer in answers:
        if name == operation:
            if not failed:
                aws.reply("s3", name, error)
            failed = True
        elif not (failed and STEP_OF[name] == STEP_OF[operation]):
            aws.reply("s3", name, answer)


STEP_OF = {
    "GetPublicAccessBlock": "block-public-access",
    "PutPublicAccessBlock": "block-public-access",
    "HeadObject": "copy",
    "CopyObject": "copy",
    "GetObjectTagging": "tag",
    "PutObjectTagging": "tag",
}
DID = {"block-public-access": "public-access-blocked", "copy": "copied", "tag": "tagged"}


@pytest.mark.parametrize("error", [DENIED, FROZEN, FakeError("NoSuchBucket", status=404)])
def test_an_object_whose_copy_fails_is_tagged_all_the_same(aws: FakeAws, error: FakeError) -> None:
    fails(aws, "CopyObject", error)
    with pytest.raises(ClientError, match=error.code):
        run(event())
    assert len(given(aws, "PutObjectTagging")) == 1


@pytest.mark.parametrize("operation", STEP_OF)
def test_a_step_that_fails_is_raised_after_the_others_are_done_and_named_in_the_log(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], operation: str
) -> None:
    fails(aws, operation, DENIED)
    with pytest.raises(ClientError, match="AccessDenied"):
        run(event())
    line = json.loads(capsys.readouterr().out)
    assert line["did"] == [did for step, did in DID.items() if step != STEP_OF[operation]]
    assert list(line["failed"]) == [STEP_OF[operation]]
    assert "AccessDenied" in line["failed"][STEP_OF[operation]]


def test_of_many_errors_the_first_is_raised_and_all_are_logged(
    aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.reply("s3", "GetPublicAccessBlock", DENIED)
    no_copy(aws)
    aws.reply("s3", "CopyObject", FROZEN)
    aws.reply("s3", "GetObjectTagging", FakeError("SlowDown", status=400))
    with pytest.raises(ClientError, match="AccessDenied"):
        run(event())
    line = json.loads(capsys.readouterr().out)
    assert line["did"] == []
    assert list(line["failed"]) == ["block-public-access", "copy", "tag"]


def test_a_step_without_an_answer_does_not_keep_the_others_from_being_done(aws: FakeAws) -> None:
    fails(aws, "GetPublicAccessBlock", ConnectTimeoutError(endpoint_url="https://s3"))
    with pytest.raises(ConnectTimeoutError):
        run(event())
    assert len(given(aws, "CopyObject")) == len(given(aws, "PutObjectTagging")) == 1


def test_a_failed_step_is_all_that_is_done_when_lambda_tries_again(
    aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.reply("s3", "GetPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED})
    no_copy(aws)
    aws.reply("s3", "CopyObject")
    tagged_with(aws, {"macie:quarantine": FINDING})
    assert run(event()) == ["public-access-blocked-before", "copied", "tagged-before"]
    assert json.loads(capsys.readouterr().out)["failed"] == {}


@pytest.mark.parametrize(
    ("category", "off", "would"),
    [
        ("CLASSIFICATION", None, ["would-block-public-access", "would-copy", "would-tag"]),
        ("CLASSIFICATION", "BLOCK_PUBLIC_ACCESS", ["would-copy", "would-tag"]),
        ("CLASSIFICATION", "COPY", ["would-block-public-access", "would-tag"]),
        ("CLASSIFICATION", "TAG", ["would-block-public-access", "would-copy"]),
        ("POLICY", None, ["would-block-public-access"]),
    ],
)
@pytest.mark.parametrize(("dry_run", "sample"), [("true", False), ("", False), ("false", True)])
def test_a_dry_run_and_a_sample_only_say_what_would_be_done(
    aws: FakeAws,
    monkeypatch: pytest.MonkeyPatch,
    category: str,
    off: str | None,
    would: list[str],
    dry_run: str,
    sample: bool,
) -> None:
    monkeypatch.setenv("DRY_RUN", dry_run)
    for name in ("QUARANTINE_BUCKET", "KEY_ARN") if dry_run else ():
        monkeypatch.delenv(name)
    if off:
        monkeypatch.setenv(off, "false")
    assert run(event(category, sample=sample)) == would
    assert aws.calls == []


def test_findings_of_other_accounts_and_of_the_quarantine_itself_are_left_alone(aws: FakeAws) -> None:
    assert run(event(accountId="444455556666")) == ["skipped-other-account"]
    copied = event()["detail"]["resourcesAffected"] | {"s3Bucket": {"name": "quarantine"}}
    assert run(event(resourcesAffected=copied)) == ["skipped-quarantine-bucket"]
    assert aws.calls == []


def test_with_everything_off_nothing_is_done(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BLOCK_PUBLIC_ACCESS", "COPY", "TAG"):
        monkeypatch.setenv(name, "false")
    assert run(event()) == []
    assert aws.calls == []
