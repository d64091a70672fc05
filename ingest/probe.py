"""Whether the MQTT broker lets ingest in: one CONNECT with its credentials, and goodbye."""

import ssl
import time
import uuid
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from city.errors import SettingError, Unavailable
from ingest.mqtt import MqttOptions

LOOK_EVERY_S = 0.05


def probe(options: MqttOptions, within_s: float = 5.0) -> None:
    """Connect as ingest does, but under a name of our own and without a session: nobody is thrown out.

    Raises Unavailable when the broker does not answer; SettingError when it refuses us, or we its certificate.
    """
    where = f"MQTT broker at {options.host}:{options.port}"
    answers: list[Any] = []
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"qianshao-doctor-{uuid.uuid4().hex[:8]}",
        protocol=paho.MQTTv5 if options.v5 else paho.MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = within_s
    client.on_connect = lambda _client, _data, _flags, code, _properties: answers.append(code)
    if options.username:
        client.username_pw_set(options.username, options.password)
    if options.tls_ca:
        client.tls_set_context(ssl.create_default_context(cafile=options.tls_ca))
    _connect(client, options, where)
    _wait(client, answers, within_s)
    client.disconnect()
    if not answers:
        raise Unavailable(where, f"no answer to CONNECT within {within_s:.0f} s")
    if answers[0].is_failure:
        remedy = "mqtt.username and mqtt.password must be those that the broker knows"
        raise SettingError("mqtt.username", f"{where} refuses us: {answers[0]}", remedy)


def _connect(client: paho.Client, options: MqttOptions, where: str) -> None:
    try:
        client.connect(options.host, options.port)
    except ssl.SSLCertVerificationError as error:
        remedy = "mqtt.tls_ca must be the CA of its certificate, and mqtt.host a name in it; or it has expired"
        raise SettingError("mqtt.tls_ca", f"{where}: {error.verify_message}", remedy) from error
    except (OSError, ValueError) as error:
        raise Unavailable(where, str(error)) from error


def _wait(client: paho.Client, answers: list[Any], within_s: float) -> None:
    """Until there is an answer, the connection is gone, or it took too long."""
    deadline_s = time.monotonic() + within_s
    while not answers and time.monotonic() < deadline_s:
        if client.loop(LOOK_EVERY_S) != paho.MQTT_ERR_SUCCESS and not answers:
            return
