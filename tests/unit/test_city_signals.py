"""signals.yaml: every mistake with its line, column and remedy; and the shipped table says what it must."""

from pathlib import Path

import pytest

from city.errors import ConfigErrors
from city.signals import NO_SIGNALS
from city.tables import read_city, shipped_pack, write_city
from city.tables.signalsfile import read_signals

BAOAN = read_city(shipped_pack("baoan"))
GOOD = """\
sources:
- type: weather-source
  events:
  - {kind: rain_warning, words: [暴雨], levels: {红色: red}, lasts_h: 24, source: x}
reports:
- {words: [积水], indicator: citizen_water, classes: [waterlogging], within_m: 300, source: x}
"""


def mistakes(tmp_path: Path, text: str) -> list[tuple[int, int, str]]:
    path = tmp_path / "signals.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        read_signals(path, BAOAN.catalogue)
    except ConfigErrors as errors:
        return [(e.line, e.column, f"{e.message} ({e.remedy})") for e in errors.errors]
    return []


def test_a_good_table_is_read_and_none_is_an_empty_one(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD) == []
    assert read_signals(tmp_path / "none.yaml", BAOAN.catalogue) == NO_SIGNALS


@pytest.mark.parametrize(
    ("good", "bad", "at", "says"),
    [
        ("weather-source", "wether-source", "wether-source", "did you mean weather-source"),
        ("type: weather-source", "type: nvr", "nvr", "no device type 'nvr' of the feed signal"),
        ("rain_warning", "rain_warnin", "rain_warnin", "no common indicator is called 'rain_warnin_told'"),
        ("红色: red", "红色: crimson", "crimson", "crimson"),
        ("lasts_h: 24", "lasts_h: 100", "100", "72"),
        ("words: [暴雨]", "words: [暴雨, 暴雨]", "暴雨]", "one word means one thing"),
        ("citizen_water", "citizen_watr", "citizen_watr", "did you mean citizen_water"),
        ("[waterlogging]", "[waterloging]", "waterloging]", "did you mean waterlogging"),
        ("levels: {红色: red}", "levels: {Red: red, RED: red}", "red}", "stands twice"),
    ],
)
def test_a_mistake_has_a_place_and_a_remedy(tmp_path: Path, good: str, bad: str, at: str, says: str) -> None:
    text = GOOD.replace(good, bad)
    ((line, column, message),) = mistakes(tmp_path, text)[:1]
    before = text[: text.index(at)]
    assert (line, column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert says in message


def test_a_city_with_a_wrong_table_does_not_load(tmp_path: Path) -> None:
    write_city(BAOAN, tmp_path)
    assert read_city(tmp_path).signals == BAOAN.signals
    (tmp_path / "signals.yaml").write_text(GOOD.replace("rain_warning", "rain"), encoding="utf-8")
    with pytest.raises(ConfigErrors, match=r"signals\.yaml:4:12"):
        read_city(tmp_path)


def test_in_the_shipped_table_rain_has_no_blue_and_white_is_only_a_notice() -> None:
    events = {event.kind: event for source in BAOAN.signals.sources for event in source.events}
    assert set(events["rain_warning"].levels.values()) == {"yellow", "orange", "red"}
    typhoon = events["typhoon_warning"].levels
    assert typhoon["白色"] == typhoon["white"] == "notice"
    assert set(typhoon.values()) == {"notice", "blue", "yellow", "orange", "red"}
    assert all(event.source for event in events.values())
