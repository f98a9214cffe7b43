"""Devices: things with an X.509 certificate that publish over MQTT and TLS, as in a fleet."""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from .scenarios import Broken

if TYPE_CHECKING:
    from .run import Run

SECONDS = 30
"""How long a device waits for the broker."""


class Device:
    """A registered thing, connected as itself; leaving the context unregisters it.

    Args:
        run: The run.
        name: The thing's name, and the client id that it connects with.
        policy: The AWS IoT policy for its certificate.
    """

    def __init__(self, run: Run, name: str, policy: str) -> None:
        self._run, self.name, self._policy = run, name, policy
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self._client.max_inflight_messages_set(200)
        self._connected = threading.Event()
        self._refusal = ""

    def __enter__(self) -> Self:
        iot = self._run.client("iot")
        iot.create_thing(thingName=self.name)
        self._certificate = iot.create_keys_and_certificate(setAsActive=True)
        arn = self._certificate["certificateArn"]
        iot.attach_policy(policyName=self._policy, target=arn)
        iot.attach_thing_principal(thingName=self.name, principal=arn)
        self._connect()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        iot, arn, id = self._run.client("iot"), self._certificate["certificateArn"], self._certificate["certificateId"]
        iot.detach_thing_principal(thingName=self.name, principal=arn)
        iot.detach_policy(policyName=self._policy, target=arn)
        iot.update_certificate(certificateId=id, newStatus="INACTIVE")
        iot.delete_certificate(certificateId=id)
        iot.delete_thing(thingName=self.name)

    def publish(self, topic: str, messages: Iterable[Mapping[str, Any] | bytes]) -> None:
        """Publish messages with QoS 1 and wait until the broker has taken each.

        Args:
            topic: The topic.
            messages: JSON objects, or raw payloads.

        Raises:
            Broken: If the broker does not take one.
        """
        sent = [
            self._client.publish(topic, one if isinstance(one, bytes) else json.dumps(one), qos=1) for one in messages
        ]
        for one in sent:
            one.wait_for_publish(SECONDS)
            if not one.is_published():
                raise Broken(f"the broker did not take a message of {self.name} to {topic} within {SECONDS} s")

    def hear(self, topic: str) -> list[bytes]:
        """Subscribe to a topic, and return the list that payloads are added to as they arrive.

        Args:
            topic: The topic.

        Raises:
            Broken: If the broker does not answer.
        """
        heard: list[bytes] = []
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.message_callback_add(topic, lambda _, __, message: heard.append(bytes(message.payload)))
        self._client.subscribe(topic, qos=1)
        if not subscribed.wait(SECONDS):
            raise Broken(f"the broker did not let {self.name} hear {topic} within {SECONDS} s")
        return heard

    def is_refused(self, topic: str) -> bool:
        """Whether the broker refuses a message to a topic, by closing the connection as AWS IoT does.

        Args:
            topic: The topic.
        """
        gone = threading.Event()
        self._client.on_disconnect = lambda *_: gone.set()
        self._client.publish(topic, "{}", qos=1)
        return gone.wait(5)

    def _connect(self) -> None:
        context = ssl.create_default_context(cafile=str(self._run.sandbox.ca))
        with tempfile.TemporaryDirectory(dir=self._run.sandbox.folder) as folder:
            pair = Path(folder) / "device.pem"
            pair.touch(mode=0o600)
            pair.write_text(self._certificate["certificatePem"] + self._certificate["keyPair"]["PrivateKey"])
            context.load_cert_chain(pair)
        self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.connect("localhost", self._run.sandbox.mqtt_port)
        self._client.loop_start()
        if not self._connected.wait(SECONDS) or self._refusal:
            raise Broken(f"device {self.name} could not connect: {self._refusal or 'no answer'}")

    def _on_connect(self, _: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        self._refusal = str(reason) if reason.is_failure else ""
        self._connected.set()
