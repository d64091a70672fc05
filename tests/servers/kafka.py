"""Apache Kafka: one node that is broker and controller (KRaft)."""

import base64
import shutil
import socket
import struct
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers import debian
from tests.servers.docker import Container
from tests.servers.missing import MissingError
from tests.servers.places import HOST, cache_folder, free_port, scratch_folder
from tests.servers.process import Launch, Server, own_address
from tests.servers.sources import Found, Kind

VERSION = "4.1.2"
POM = Path(__file__).with_name("kafka-pom.xml")
PROPERTIES = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": str(8 << 20),
    "message.max.bytes": str(8 << 20),
    "auto.create.topics.enable": "false",
    "broker.session.timeout.ms": "12000",
}
"""For tests: as deploy/kafka, smaller, and a machine that stands still for seconds does not make the only broker count
as gone. Topics are made by who uses them."""
API_VERSIONS_REQUEST = struct.pack(">ihhih", 10, 18, 0, 1, -1)
ANSWER_TIMEOUT_S = 5.0
JVM = ("-XX:+UseSerialGC", "-Xshare:auto", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
CLASSES = "classes.jsa"


@contextmanager
def kafka(own: bool = False, properties: Mapping[str, str] = PROPERTIES) -> Iterator[Server]:
    """A broker with an empty log, whose id is its own. `own`: never the one of the environment. Raises MissingError."""
    found = KAFKA.find(own)
    if found.address:
        yield Server(found.address)
        return
    with scratch_folder("kafka") as folder:
        server = _container(found.image, folder, properties) if found.image else _local(found, folder, properties)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _local(found: Found, folder: Path, properties: Mapping[str, str]) -> Server:
    assert found.program is not None
    port, config = free_port(), folder / "server.properties"
    _write_config(config, properties, HOST, port)
    return Server(own_address(port), _launch(found.program, config, port, f"-XX:SharedArchiveFile={_archive()}"))


def _launch(jars: Path, config: Path, port: int, *options: str) -> Launch:
    """How to run a broker whose storage is formatted, which this does."""
    subprocess.run([*_tool(jars), "format", "-t", new_cluster_id(), "-c", str(config)], check=True, capture_output=True)
    command = ["java", *JVM, "-Xms256m", "-Xmx512m", *options, *_classpath(jars), "kafka.Kafka", str(config)]
    return Launch("Kafka", command, lambda: _answers(port), config.with_name("kafka.log"))


def storage_tool(found: Found) -> list[str]:
    """The command that is kafka-storage.sh elsewhere. Raises MissingError where Kafka is not a local one."""
    if found.program is None:
        raise MissingError("Kafka", f"no local one, but {found.origin}")
    return _tool(found.program)


def _tool(jars: Path) -> list[str]:
    quick = ["-XX:TieredStopAtLevel=1", f"-XX:SharedArchiveFile={_archive()}"]
    return ["java", *JVM, *quick, *_classpath(jars), "kafka.tools.StorageTool"]


def _classpath(jars: Path) -> list[str]:
    return ["-cp", ":".join(str(jar) for jar in sorted(jars.glob("*.jar")))]


def _container(image: str, folder: Path, properties: Mapping[str, str]) -> Server:
    port, config, tools = free_port(), folder / "server.properties", "/opt/kafka/bin"
    _write_config(config, properties, "0.0.0.0", port)
    folder.chmod(0o777)  # the container has a user of its own
    script = f"{tools}/kafka-storage.sh format --ignore-formatted -t {new_cluster_id()} -c {config}"
    script += f" && exec {tools}/kafka-server-start.sh {config}"
    container = Container(folder.name, image, [port], [folder], arguments=["-c", script], entrypoint="bash")
    return Server(own_address(port), container.launch("Kafka", lambda: _answers(port), folder / "kafka.log"))


def _write_config(config: Path, properties: Mapping[str, str], listen: str, port: int) -> None:
    controller = free_port()
    where = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{listen}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(config.with_name("data")),
    }
    config.write_text("".join(f"{name}={value}\n" for name, value in {**properties, **where}.items()))


def new_cluster_id() -> str:
    """16 random bytes as Kafka writes them; not beginning with a dash, which its tools would take for an option."""
    return "Q" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def _answers(port: int) -> None:
    """A working broker tells what it can do; one that starts accepts connections and keeps silent."""
    with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S) as connection:
        connection.sendall(API_VERSIONS_REQUEST)
        if not connection.recv(8):
            raise ConnectionError("closed without an answer")


def _here() -> Found | None:
    folder = _folder()
    if not folder.is_dir() or shutil.which("java") is None:
        return None
    return Found("Kafka", VERSION, f"Maven, in {folder}", program=folder)


def _install() -> None:
    for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            debian.install("Kafka", package)
    if not _folder().is_dir():
        _copy_jars(_folder())
        _rehearse()


def _copy_jars(target: Path) -> None:
    """Have Maven fetch the broker and what it needs. The folder appears when it is complete."""
    with tempfile.TemporaryDirectory(dir=target.parent) as draft:
        shutil.copy(POM, Path(draft) / "pom.xml")
        command = ["mvn", "-q", "-B", f"-Dkafka.version={VERSION}", f"-DoutputDirectory={draft}/jars", "package"]
        done = subprocess.run(command, cwd=draft, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            why = next((line for line in done.stdout.splitlines() if "ERROR" in line), "no word why")
            raise MissingError("Kafka", f"Maven failed: {why}", "see that Maven reaches its repository")
        (Path(draft) / "jars").rename(target)


def _rehearse() -> None:
    """Run it once, and have the JVM keep the classes it loaded: later starts take half the time. Where that fails, they
    take as long as without."""
    with scratch_folder("kafka") as folder:
        port, config = free_port(), folder / "server.properties"
        _write_config(config, PROPERTIES, HOST, port)
        draft = _archive().with_suffix(".draft")
        server = Server(own_address(port), _launch(_folder(), config, port, f"-XX:ArchiveClassesAtExit={draft}"))
        server.start()
        server.stop()
        if draft.exists():
            draft.rename(_archive())


def _folder() -> Path:
    return cache_folder() / f"kafka-{VERSION}"


def _archive() -> Path:
    return _folder() / CLASSES


KAFKA = Kind("Kafka", _here, _install, "QIANSHAO_TEST_KAFKA", f"apache/kafka:{VERSION}")
