"""Which checks are made, one after the other, and what is said of them."""

import json
import socket
from collections.abc import Iterable, Iterator

import typer

from city.errors import ConfigErrors, QianshaoError, SettingError, Unavailable
from qianshao.doctor.findings import Check, Finding, Outcome, failure, well
from qianshao.settings import Settings

PROBE_S = 0.5


def run_doctor(settings: Settings, as_json: bool = False) -> int:
    """Print what is found, each at once; 1 when anything fails, else 0."""
    findings = examine(settings)
    if as_json:
        found = list(findings)
        typer.echo(json.dumps({"findings": [_plain(finding) for finding in found]}, ensure_ascii=False, indent=1))
    else:
        found = [_shown(finding) for finding in findings]
    return 1 if any(finding.outcome is Outcome.FAIL for finding in found) else 0


def examine(settings: Settings) -> Iterator[Finding]:
    """All that is found. What is slow to load is loaded when it is its turn."""
    for check in _of_this_machine(settings):
        yield from carefully(check, settings)
    if settings.profile == "embedded" and not _embedded_runs(settings):
        yield well("brokers", "not running; `qianshao up` and `make demo` start them")
        return
    for check in _of_the_servers(settings):
        yield from carefully(check, settings)


def _of_this_machine(settings: Settings) -> Iterable[Check]:
    from qianshao.doctor import archive, disk, installation, store

    yield from (installation.python, installation.kernels, installation.configuration, store.database, disk.space)
    if settings.archive_folder is not None:
        yield archive.archive
    if settings.profile == "embedded":
        yield installation.embedded_binaries


def _of_the_servers(settings: Settings) -> Iterable[Check]:
    from qianshao.doctor import certificates, clock, log, mqtt, store, wall

    yield from (log.kafka, store.freshness, mqtt.broker)
    if settings.mqtt.tls_ca is not None:
        yield certificates.of_mqtt
    if settings.influx.url is not None:
        yield wall.influxdb
    if settings.grafana.url is not None:
        yield wall.grafana
    yield clock.clocks


def carefully(check: Check, settings: Settings) -> Iterator[Finding]:
    """What a check finds, and where it ends if it cannot go on."""
    try:
        yield from check(settings)
    except Unavailable as error:
        yield failure(error.dependency, f"does not answer: {error.detail}", "is it running, and is the address right?")
    except SettingError as error:
        yield failure(error.setting, error.message, error.remedy)
    except ConfigErrors as errors:
        yield failure(check.__name__, str(errors), "mend the files at these places")
    except (QianshaoError, OSError) as error:
        yield failure(check.__name__, str(error), "")


def _embedded_runs(settings: Settings) -> bool:
    """Whether the embedded log is there: without it nothing of the embedded profile runs."""
    host, _, port = settings.kafka.servers.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=PROBE_S):
            return True
    except OSError:
        return False


def _shown(finding: Finding) -> Finding:
    remedy = f"\n     {finding.remedy}" if finding.remedy else ""
    typer.echo(f"{finding.outcome.value:4} {finding.what}: {finding.detail}{remedy}")
    return finding


def _plain(finding: Finding) -> dict[str, str]:
    return {**vars(finding), "outcome": finding.outcome.value}
