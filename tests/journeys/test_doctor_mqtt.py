"""What `qianshao doctor` says of the MQTT broker and of its certificates."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from qianshao.doctor import certificates, mqtt
from qianshao.doctor.findings import Outcome
from qianshao.settings import MqttSettings, Settings
from tests.journeys.findings import Said, only, said, settings_in
from tests.servers.certificates import authority
from tests.servers.guarded import PASSWORD, USER, Guarded, guarded_mosquitto
from tests.servers.missing import MissingError
from tests.servers.process import Server
from tests.servers.report import skip
from tests.waiting import until

pytestmark = pytest.mark.servers

BROKER, CA = "certificate of the MQTT broker", "certificate authority of MQTT"
Guard = Callable[..., Guarded]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guard]:
    """Starts a broker with TLS and a password, as a test asks for it."""
    with ExitStack() as stack:

        def start(**how: float) -> Guarded:
            broker: AbstractContextManager[Guarded] = guarded_mosquitto(tmp_path, **how)
            try:
                return stack.enter_context(broker)
            except MissingError as error:
                skip(error)

        yield start


def settings_of(broker: Guarded, folder: Path, **more: Any) -> Settings:
    server = broker.server
    right = {"host": server.host, "port": server.port, "username": USER, "password": PASSWORD, "tls_ca": broker.ca}
    return settings_in(folder, mqtt=MqttSettings(**{**right, **more}))


def of_certificates(settings: Settings) -> dict[str, Said]:
    return said(certificates.of_mqtt, settings)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_that_lets_us_in_is_well(guarded: Guard, tmp_path: Path, version: str) -> None:
    settings = settings_of(guarded(), tmp_path, version=version)
    finding = only(said(mqtt.broker, settings))
    assert finding.outcome is Outcome.OK
    assert finding.detail.endswith(f"lets {USER} in, with TLS")
    assert {found.outcome for found in of_certificates(settings).values()} == {Outcome.OK}


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("wrong", [{"password": "another"}, {"username": "somebody"}, {"username": None}])
def test_a_broker_that_does_not_know_us_refuses_and_the_settings_are_named(
    guarded: Guard, tmp_path: Path, version: str, wrong: dict[str, str | None]
) -> None:
    finding = only(said(mqtt.broker, settings_of(guarded(), tmp_path, version=version, **wrong)))
    assert finding.outcome is Outcome.FAIL and "refuses us" in finding.detail
    assert "mqtt.username and mqtt.password" in finding.remedy
    assert "another" not in finding.detail


def test_asking_throws_nobody_out(mosquitto_server: Server, tmp_path: Path) -> None:
    ingest = paho.Client(paho.CallbackAPIVersion.VERSION2, "qianshao-ingest-1", protocol=paho.MQTTv5)
    lost: list[object] = []
    ingest.on_disconnect = lambda *what: lost.append(what)
    ingest.connect(mosquitto_server.host, mosquitto_server.port)
    ingest.loop_start()
    until(ingest.is_connected)
    mqtt_settings = MqttSettings(host=mosquitto_server.host, port=mosquitto_server.port)
    finding = only(said(mqtt.broker, settings_in(tmp_path, mqtt=mqtt_settings)))
    assert (finding.outcome, "lets anybody in, without TLS" in finding.detail) == (Outcome.OK, True)
    assert (lost, ingest.is_connected()) == ([], True)
    ingest.disconnect()
    ingest.loop_stop()


def test_a_broker_that_was_stopped_does_not_answer(guarded: Guard, tmp_path: Path) -> None:
    broker = guarded()
    broker.server.stop()
    finding = only(said(mqtt.broker, settings_of(broker, tmp_path)))
    assert finding.outcome is Outcome.FAIL and "does not answer" in finding.detail
    assert of_certificates(settings_of(broker, tmp_path))[BROKER].outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("days", "outcome", "word"),
    [(29, Outcome.WARN, "29 days"), (6, Outcome.FAIL, "6 days"), (-1, Outcome.FAIL, "expired")],
)
def test_a_certificate_of_the_broker_that_ends_soon_or_has_ended_is_told(
    guarded: Guard, tmp_path: Path, days: float, outcome: Outcome, word: str
) -> None:
    settings = settings_of(guarded(days=days), tmp_path)
    found = of_certificates(settings)
    assert (found[BROKER].outcome, word in found[BROKER].detail) == (outcome, True)
    assert "new one" in found[BROKER].remedy
    assert found[CA].outcome is Outcome.OK
    let_in = only(said(mqtt.broker, settings))
    assert (let_in.outcome is Outcome.FAIL, "expired" in let_in.detail) == (days < 0, days < 0)


@pytest.mark.parametrize(("days", "outcome"), [(20, Outcome.WARN), (-1, Outcome.FAIL)])
def test_so_is_that_of_its_authority(guarded: Guard, tmp_path: Path, days: float, outcome: Outcome) -> None:
    found = of_certificates(settings_of(guarded(ca_days=days), tmp_path))
    assert (found[CA].outcome, found[BROKER].outcome) == (outcome, Outcome.OK)


def test_a_broker_of_another_authority_is_not_trusted(guarded: Guard, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    settings = settings_of(guarded(), tmp_path, tls_ca=authority(tmp_path / "other").file)
    finding = only(said(mqtt.broker, settings))
    assert finding.outcome is Outcome.FAIL
    assert "mqtt.tls_ca must be the CA" in finding.remedy


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_an_authority_that_is_no_file_or_no_certificate_is_named(
    guarded: Guard, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "mine.crt"
    if content is not None:
        file.write_bytes(content)
    found = of_certificates(settings_of(guarded(), tmp_path, tls_ca=file))
    assert found["mqtt.tls_ca"].outcome is Outcome.FAIL and str(file) in found["mqtt.tls_ca"].detail


def test_a_port_without_tls_shows_no_certificate(mosquitto_server: Server, guarded: Guard, tmp_path: Path) -> None:
    plain = {"host": mosquitto_server.host, "port": mosquitto_server.port}
    found = of_certificates(settings_of(guarded(), tmp_path, **plain))
    assert (found[BROKER].outcome, found[BROKER].remedy) == (Outcome.FAIL, "does this port speak TLS?")
