"""The fake AWS refuses what AWS and botocore would refuse, and notices every call."""

from __future__ import annotations

import io
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError

from tests.fakes.aws import Call, FakeAws, FakeError, UnexpectedCallError

QUEUE = "https://sqs.eu-central-1.amazonaws.com/111122223333/queue"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a network, whose settings would all lead elsewhere."""
    config = tmp_path / "config"
    config.write_text("[profile real]\nregion = us-west-2\nendpoint_url = https://real.invalid\n")
    for name, value in {
        "AWS_PROFILE": "missing",
        "AWS_CONFIG_FILE": str(config),
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ENDPOINT_URL": "http://localhost:4566",
        "AWS_ACCESS_KEY_ID": "real",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_USE_FIPS_ENDPOINT": "true",
    }.items():
        monkeypatch.setenv(name, value)

    def refuse(*_: object) -> None:
        raise AssertionError("the network must not be used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


def test_replies_come_in_order_and_the_last_may_repeat(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [{"Body": "one"}]})
    aws.reply("sqs", "ReceiveMessage", {"Messages": []}, repeat=True)
    sqs = aws.client("sqs")
    received = [sqs.receive_message(QueueUrl=QUEUE).get("Messages") for _ in range(3)]
    assert received == [[{"Body": "one"}], [], []]
    aws.verify()


def test_all_calls_are_recorded_in_order_with_what_the_caller_gave(aws: FakeAws) -> None:
    aws.reply("s3", "ListObjectsV2", {})
    aws.reply("iot-data", "Publish")
    aws.client("s3").list_objects_v2(Bucket="lake")
    aws.client("iot-data", region_name="eu-west-1").publish(topic="a/b", payload=b"{}")
    assert aws.calls == [
        Call("s3", "ListObjectsV2", {"Bucket": "lake"}, "eu-central-1"),
        Call("iot-data", "Publish", {"topic": "a/b", "payload": b"{}"}, "eu-west-1"),
    ]


def test_what_a_caller_does_to_its_parameters_or_to_a_reply_changes_nothing(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [{"Body": "one"}]}, repeat=True)
    names = ["All"]
    reply = aws.client("sqs").receive_message(QueueUrl=QUEUE, AttributeNames=names)
    names.append("changed")
    reply["Messages"].clear()
    assert aws.calls[0].parameters["AttributeNames"] == ["All"]
    assert aws.client("sqs").receive_message(QueueUrl=QUEUE)["Messages"] == [{"Body": "one"}]


def test_a_call_without_a_reply_fails_and_says_what_to_do(aws: FakeAws) -> None:
    with pytest.raises(UnexpectedCallError) as error:
        aws.client("sqs").delete_message(QueueUrl="q", ReceiptHandle="r")
    assert str(error.value) == (
        "sqs DeleteMessage must have a reply, got none for {'QueueUrl': 'q', 'ReceiptHandle': 'r'}; "
        "say aws.reply('sqs', 'DeleteMessage', ...) before, or mend the caller"
    )
    assert aws.actions() == {"sqs:DeleteMessage"}


def test_a_call_after_the_last_reply_fails(aws: FakeAws) -> None:
    aws.reply("sqs", "DeleteMessage")
    aws.client("sqs").delete_message(QueueUrl=QUEUE, ReceiptHandle="r")
    with pytest.raises(UnexpectedCallError, match="sqs DeleteMessage must have another reply, got none"):
        aws.client("sqs").delete_message(QueueUrl=QUEUE, ReceiptHandle="r")


def test_a_refusal_that_the_caller_swallows_fails_in_the_end() -> None:
    def swallow() -> None:
        with FakeAws() as aws, suppress(AssertionError):
            aws.client("sqs").delete_message(QueueUrl=QUEUE, ReceiptHandle="r")

    with pytest.raises(UnexpectedCallError, match="sqs DeleteMessage"):
        swallow()


def test_a_reply_that_no_call_asked_for_fails_in_the_end(aws: FakeAws) -> None:
    aws.reply("sqs", "SendMessage", {"MessageId": "never"}, repeat=True)
    aws.verify()
    aws.reply("sqs", "DeleteMessage")
    with pytest.raises(UnexpectedCallError) as error:
        aws.verify()
    assert str(error.value) == (
        "sqs DeleteMessage must be called for each of its replies, got no call for [{}]; "
        "see why it is missing, or drop the reply"
    )


def test_a_failure_inside_the_block_is_not_hidden_by_a_reply_that_is_left() -> None:
    def fail() -> None:
        with FakeAws() as aws:
            aws.reply("sqs", "DeleteMessage")
            raise KeyError

    with pytest.raises(KeyError):
        fail()


def test_a_request_that_breaks_the_service_model_is_refused_and_no_call(aws: FakeAws) -> None:
    aws.reply("sqs", "DeleteMessage", repeat=True)
    with pytest.raises(ParamValidationError, match="ReceiptHandle"):
        aws.client("sqs").delete_message(QueueUrl=QUEUE)
    assert aws.calls == []


def test_rejects_a_service_or_an_operation_that_does_not_exist(aws: FakeAws) -> None:
    with pytest.raises(ValueError, match=r"^service must be one that boto3 knows, got 'sq'; did you mean sqs"):
        aws.reply("sq", "SendMessage")
    with pytest.raises(ValueError, match=r"^operation of sqs must be .*, got 'SendMesage'; did you mean SendMessage"):
        aws.reply("sqs", "SendMesage")


def test_rejects_a_reply_after_one_that_repeats(aws: FakeAws) -> None:
    aws.reply("sqs", "DeleteMessage", repeat=True)
    with pytest.raises(ValueError, match="sqs DeleteMessage must get no reply after one that repeats; drop either"):
        aws.reply("sqs", "DeleteMessage")


def test_a_function_makes_the_reply_of_the_parameters(aws: FakeAws) -> None:
    aws.reply("sns", "Publish", lambda given: {"MessageId": given["Message"] * 2}, repeat=True)
    sns = aws.client("sns")
    assert [sns.publish(TopicArn="t", Message=one)["MessageId"] for one in ("a", "b")] == ["aa", "bb"]


def test_what_a_function_makes_is_checked_too_even_if_the_caller_swallows_it(aws: FakeAws) -> None:
    aws.reply("sns", "Publish", lambda _: {"Message": "x"})
    with suppress(ValueError):
        aws.client("sns").publish(TopicArn="t", Message="m")
    with pytest.raises(ValueError, match=r"sns Publish: reply must have no key but MessageId"):
        aws.verify()


def raising(_: dict[str, Any]) -> dict[str, Any]:
    raise FakeError("NoSuchKey", "gone", 404)


@pytest.mark.parametrize(
    "answer", [FakeError("NoSuchKey", "gone", 404), lambda _: FakeError("NoSuchKey", "gone", 404), raising]
)
def test_an_error_of_the_service_is_raised_as_the_clients_own(aws: FakeAws, answer: Any) -> None:
    aws.reply("s3", "GetObject", answer)
    s3 = aws.client("s3")
    with pytest.raises(s3.exceptions.NoSuchKey) as error:
        s3.get_object(Bucket="lake", Key="a")
    assert error.value.response["Error"] == {"Code": "NoSuchKey", "Message": "gone"}
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_an_error_that_the_model_does_not_know_is_a_client_error(aws: FakeAws) -> None:
    aws.reply("sqs", "SendMessage", FakeError("ThrottlingException", status=503))
    aws.reply("sqs", "SendMessage", {"MessageId": "1", "MD5OfMessageBody": "x"})
    with pytest.raises(ClientError, match="ThrottlingException"):
        aws.client("sqs").send_message(QueueUrl=QUEUE, MessageBody="m")
    assert len(aws.calls) == 1, "nothing waits and tries again"


def test_a_timeout_reaches_the_caller(aws: FakeAws) -> None:
    aws.reply("sqs", "SendMessage", ReadTimeoutError(endpoint_url=QUEUE))
    with pytest.raises(ReadTimeoutError):
        aws.client("sqs").send_message(QueueUrl=QUEUE, MessageBody="m")


def test_streamed_bodies_can_be_read_each_time(aws: FakeAws) -> None:
    aws.reply("s3", "GetObject", {"Body": b"one\ntwo\n"}, repeat=True)
    aws.reply("lambda", "Invoke", {"StatusCode": 200, "Payload": b'"done"'})
    s3 = aws.client("s3")
    assert s3.get_object(Bucket="lake", Key="a")["Body"].read() == b"one\ntwo\n"
    assert list(s3.get_object(Bucket="lake", Key="a")["Body"].iter_lines()) == [b"one", b"two"]
    assert aws.client("lambda").invoke(FunctionName="f")["Payload"].read() == b'"done"'
    assert aws.actions() == {"s3:GetObject", "lambda:InvokeFunction"}


def test_paginators_ask_until_there_is_no_more(aws: FakeAws) -> None:
    aws.reply("s3", "ListObjectsV2", {"Contents": [{"Key": "a"}], "IsTruncated": True, "NextContinuationToken": "2"})
    aws.reply("s3", "ListObjectsV2", {"Contents": [{"Key": "b"}]})
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix="errors/")
    assert [one["Key"] for page in pages for one in page["Contents"]] == ["a", "b"]
    assert [call.parameters.get("ContinuationToken") for call in aws.calls] == [None, "2"]


def test_uploads_and_downloads_of_boto3_pass_through(aws: FakeAws) -> None:
    aws.reply("s3", "PutObject", lambda given: {"ETag": given["Key"]})
    aws.reply("s3", "HeadObject", {"ContentLength": 4, "ETag": "x"})
    aws.reply("s3", "GetObject", {"Body": b"data", "ContentLength": 4, "ETag": "x"})
    s3, target = aws.client("s3"), io.BytesIO()
    s3.upload_fileobj(io.BytesIO(b"data"), "lake", "a")
    s3.download_fileobj("lake", "a", target)
    assert target.getvalue() == b"data"
    assert aws.actions() == {"s3:GetObject", "s3:PutObject"}


def test_a_handler_with_plain_boto3_gets_the_fake(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.patch(monkeypatch)
    aws.reply("sts", "GetCallerIdentity", {"Account": "111122223333"}, repeat=True)
    aws.reply("sqs", "DeleteMessage", repeat=True)
    assert boto3.client("sts").get_caller_identity()["Account"] == "111122223333"
    assert boto3.session.Session(region_name="us-east-1").client("sts").meta.region_name == "us-east-1"
    boto3.Session().client("sts").get_caller_identity()
    boto3.resource("sqs").Message(QUEUE, "r").delete()
    assert [call.operation for call in aws.calls] == ["GetCallerIdentity", "GetCallerIdentity", "DeleteMessage"]


def test_nothing_of_the_machine_decides_about_a_client(aws: FakeAws) -> None:
    assert os.environ["AWS_PROFILE"] == "missing"
    sqs = aws.client("sqs")
    assert sqs.meta.region_name == "eu-central-1"
    assert sqs.meta.endpoint_url == "https://sqs.eu-central-1.amazonaws.com"
    assert sqs._request_signer._credentials.access_key == "fake"
