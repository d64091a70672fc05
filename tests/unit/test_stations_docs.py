"""docs/stations.md says what the program does: its codes, its limits, its example."""

import re
from pathlib import Path

import pytest
import yaml

from ingest.adapters import hj212, sl651
from ingest.adapters.hj212 import HJ212
from ingest.adapters.sl651 import SL651
from ingest.adapters.tcp import KEEPALIVE, TcpLimits
from ingest.adapters.wire import WireProtocol
from ingest.wires import WireOptions
from qianshao.settings import Settings
from tests.unit.station_desk import CAMERA, PLATFORM, StationDesk

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "stations.md").read_text("utf-8")
MQTT_PAGE = (ROOT / "docs" / "mqtt.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (`\w+`[^|]*) \|", re.MULTILINE)


def section(number: int) -> str:
    return re.split(r"^## ", PAGE, flags=re.MULTILINE)[number]


@pytest.mark.parametrize(("number", "protocol"), [(3, HJ212), (4, SL651)], ids=["hj212", "sl651"])
def test_the_tables_of_codes_are_those_of_the_program(number: int, protocol: WireProtocol) -> None:
    written = {code: set(re.findall(r"`(\w+)`", becomes)) for code, becomes in ROW.findall(section(number))}
    assert written == {code: {name for name, _ in m.indicators} for code, m in protocol.means.items()}


def test_the_commands_and_functions_are_those_of_the_program() -> None:
    commands = set(re.findall(r"`(\d{4})`", section(3).partition("| CN |")[2].partition("\n")[0]))
    assert commands == {hj212.LIVE, *hj212.PERIODS_MS, *hj212.BEATS}
    systems = set(re.findall(r"`(\d{2})`", section(3).partition("| ST |")[2].partition("\n")[0]))
    assert systems == set(hj212.STATIONS)
    functions = {
        int(f, 16) for f in re.findall(r"`([23]\w)` (?:link|test|uniform|timed|added|hourly|manual)", section(4))
    }
    assert functions == {sl651.LINK, sl651.MANUAL, *sl651.REPORTS}
    assert all(f"{flag} {code}" in section(3) for flag, code in hj212.CODES.items())


def test_the_limits_are_those_of_the_program() -> None:
    limits, options = TcpLimits(), WireOptions()
    said = " ".join(section(2).split())
    assert f"A frame has {limits.frame_s:.0f} s" in said
    assert f"{limits.idle_s / 60:.0f} minutes without any" in said
    assert f"so do {limits.strikes} pieces in a row" in said
    assert f"{limits.unanswered} frames may be under way to the log, of all {options.most_under_way:,}" in said
    asked_s = KEEPALIVE["TCP_KEEPIDLE"] + KEEPALIVE["TCP_KEEPINTVL"] * KEEPALIVE["TCP_KEEPCNT"]
    assert asked_s == KEEPALIVE["TCP_USER_TIMEOUT"] / 1000 == 120
    assert f"{hj212.LONGEST_DATA:,} bytes" in section(3)
    settings = Settings().ingest
    assert (settings.stations, settings.stations_per_address) == (limits.connections, limits.per_address)


def test_the_example_of_a_platform_is_taken_in() -> None:
    topic, payload = re.findall(r"Topic `([^`]+)`\n\n```xml\n(.*?)```", section(5), re.DOTALL)[0]
    desk = StationDesk()
    desk.intake.accept(topic.encode(), payload.encode("gb18030"), False, 1_746_510_130_000)
    told = {(r.device, r.indicator): r.value for r in desk.readings()}
    assert desk.letters() == []
    assert told[PLATFORM, "beat"] == 1.0
    assert told[CAMERA, "faulty"] == 1.0


def test_the_example_of_a_broken_frame_is_told_as_the_page_says() -> None:
    text = MQTT_PAGE.partition("### `frame`")[2].partition("### ")[0]
    frame, said = re.findall(r"`(7E7E\w+)`, of which `detail` says `([^`]+)`", text)[0]
    desk = StationDesk()
    desk.sl651(bytes.fromhex(frame))
    (letter,) = desk.letters()
    assert (letter.reason.value, letter.detail, letter.payload.decode()) == ("frame", said, frame)


def test_compose_opens_the_ports_by_settings_that_exist() -> None:
    opened = yaml.safe_load((ROOT / "deploy" / "stations.yml").read_text("utf-8"))["services"]
    closed = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    assert list(opened) == ["ingest"]
    assert "ports" not in closed["ingest"]
    names = {name.removeprefix("QIANSHAO_INGEST__").lower() for name in opened["ingest"]["environment"]}
    assert names <= set(type(Settings().ingest).model_fields)
    inner = {text.rpartition(":")[2] for text in opened["ingest"]["ports"]}
    assert inner == {str(v) for v in opened["ingest"]["environment"].values()} - {"0.0.0.0"}
