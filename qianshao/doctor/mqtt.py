"""The MQTT broker: whether it lets ingest in."""

from collections.abc import Iterator

from ingest.probe import probe
from qianshao.doctor.findings import ANSWER_WITHIN_S, Finding, well
from qianshao.processes.ingest import ingest_options
from qianshao.settings import Settings


def broker(settings: Settings) -> Iterator[Finding]:
    """A CONNECT with the credentials of the settings. Raises Unavailable or SettingError."""
    options = ingest_options(settings).mqtt
    probe(options, ANSWER_WITHIN_S)
    how = "with TLS" if options.tls_ca else "without TLS"
    yield well("MQTT broker", f"{options.host}:{options.port} lets {options.username or 'anybody'} in, {how}")
