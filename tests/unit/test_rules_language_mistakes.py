"""Every mistake a rule's author makes is an error with its place and a remedy, and nothing of a broken pack loads.

In the wrong texts below, ▶ stands where the error must point.
"""

from pathlib import Path

import pytest
from msgspec.structs import replace

from city.catalogue import Catalogue
from city.errors import ConfigError, ConfigErrors
from city.tables import read_city, shipped_pack
from rules.language.load import load_pack
from tests.cities import CATALOGUE
from tests.unit.packs import CAMERA_OFF, DEPTH, GATEWAY_DARK, GAUGE_OFF, HEAD, load, refusals, write_pack

HERE = "▶"
BATTERY = """
class: waterlogging
rules:
  - id: low-battery
    title: 电源电压低
    nature: device
    indicator: battery_voltage
    direction: low
    levels: {blue: 11.8 V, yellow: 11.5 V, red: 10.8 V}
    evidence: {max_gap: 2h}
    clear: {margin: 0.3 V, for: 10m}
    source: 12 V lead-acid practice
"""


@pytest.fixture(scope="module")
def baoan() -> Catalogue:
    return read_city(shipped_pack("baoan")).catalogue


def place_of(text: str) -> tuple[int, int]:
    """Line and column of ▶ in a text."""
    before = text[: text.index(HERE)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def refused(catalogue: Catalogue, text: str, words: str) -> ConfigError:
    """The one error of a text, which stands at its ▶, says these words and offers a remedy."""
    errors = refusals(catalogue, text.replace(HERE, ""))
    assert len(errors) == 1, errors
    (error,) = errors
    assert (error.file.name, error.line, error.column) == ("a.yaml", *place_of(text)), error
    assert words in error.message
    assert error.remedy
    return error


LEVEL_MISTAKES = {
    "a key that does not exist": ("    cause:", "    ▶couse:", "unknown field 'couse'"),
    "no evidence": ("    evidence: {min_samples: 2, max_gap: 10m}\n", "", "has no evidence"),
    "no levels": ("    levels: {blue: 10 cm, yellow: 15 cm, orange: 27 cm, red: 40 cm}\n", "", "has no levels"),
    "no largest gap": ("{min_samples: 2, max_gap: 10m}", "▶{min_samples: 2}", "'max_gap' is missing"),
    "no way to clear": ("    clear: {margin: 3 cm, for: 5m}\n", "", "'clear' is missing"),
    "no source": ("    source: operator default\n", "", "'source' is missing"),
    "an empty source": ("source: operator default", "source: ▶''", "source is empty"),
    "an empty title": ("title: 积水深度", "title: ▶' '", "a title has 1 to 100 letters"),
    "a title that no page has room for": ("title: 积水深度", "title: ▶" + "积" * 101, "a title has 1 to 100"),
    "an id that is no word": ("id: depth", "id: ▶积水 1", "is no word for machines"),
    "a cause that would tear the incident's key": ("cause: ponding", "cause: ▶pond|ing", "is no word for machines"),
    "an unknown class": ("class: waterlogging", "class: ▶waterloging", "class 'waterloging' is not in the catalogue"),
    "an unknown indicator": ("indicator: water_depth", "indicator: ▶water_dept", "has no indicator 'water_dept'"),
    "an indicator of another class": ("indicator: water_depth", "indicator: ▶registered", "has no indicator 'registe"),
    "an unknown type of device": (
        "    indicator",
        "    device_types: [gauge, ▶guage]\n    indicator",
        "device type 'guage' is not in the catalogue",
    ),
    "types of device forgotten": ("    indicator", "    device_types: ▶[]\n    indicator", "device_types is empty"),
    "a unit of another kind": ("yellow: 15 cm", "yellow: ▶15 kg", "'15 kg' is in kg, and this indicator is in cm"),
    "no unit": ("yellow: 15 cm", "yellow: ▶15", "15 has no unit"),
    "a unit beyond the sensor": ("red: 40 cm", "red: ▶40 m", "4000 cm says nothing"),
    "a level that every reading reaches": ("blue: 10 cm", "blue: ▶-2 cm", "-2 cm says nothing"),
    "levels out of order": ("{blue: 10 cm, yellow: 15 cm", "▶{blue: 15 cm, yellow: 10 cm", "must be further out"),
    "two levels at one mark": ("{blue: 10 cm, yellow", "▶{blue: 15 cm, yellow", "must be further out"),
    "a colour that is none": ("blue: 10 cm", "▶purple: 10 cm", "purple"),
    "a truth value for a level": ("blue: 10 cm", "blue: ▶true", "true or false"),
    "a hold for a level without threshold": (
        "blue: 10 cm, yellow: 15 cm, orange: 27 cm, red: 40 cm}\n    hold: {blue: 2m, yellow: 1m}",
        "blue: 10 cm, yellow: 15 cm}\n    hold: {blue: 2m, red: ▶1m}",
        "hold names red, which has no threshold",
    ),
    "a hold without unit": ("hold: {blue: 2m", "hold: {blue: ▶2", "2 is not a duration"),
    "a hold before now": ("hold: {blue: 2m", "hold: {blue: ▶-2m", "'-2m' is negative"),
    "a gap without unit": ("max_gap: 10m", "max_gap: ▶10", "10 is not a duration"),
    "no reading at all": ("min_samples: 2", "min_samples: ▶0", "min_samples must be 1 to 255"),
    "more readings than are counted": ("min_samples: 2", "min_samples: ▶300", "min_samples must be 1 to 255"),
    "no margin on a number": ("{margin: 3 cm, for: 5m}", "▶{for: 5m}", "clear has no margin"),
    "a margin that counts towards the threshold": ("margin: 3 cm", "margin: ▶-3 cm", "the margin is negative"),
    "a margin in another unit": ("margin: 3 cm", "margin: ▶3 s", "'3 s' is in s, and this indicator is in cm"),
    "a margin without room": ("margin: 3 cm", "margin: ▶12 cm", "so it never clears"),
    "a comma that ended a text": ("blue: 10 cm, yellow", "blue: 10 cm, ▶or 1 dm, yellow", "or 1 dm"),
    "a group that is none": ("step: ignore", "group: ▶quarter", "group is 'quarter'"),
}


@pytest.mark.parametrize("mistake", LEVEL_MISTAKES)
def test_a_mistake_in_a_rule_on_levels(mistake: str) -> None:
    right, wrong, words = LEVEL_MISTAKES[mistake]
    assert right in DEPTH
    text = DEPTH.replace(right, wrong, 1)
    errors = refusals(CATALOGUE, text.replace(HERE, ""))
    assert errors, "it loads"
    assert words in errors[0].message
    assert all(error.remedy for error in errors[:1])
    expected = place_of(text) if HERE in text else (4, 5)  # of what is missing, the rule itself
    assert (errors[0].line, errors[0].column) == expected


ABSENCE_MISTAKES = {
    "levels of its own": (
        "    clear",
        "    levels: ▶{blue: 1h}\n    clear",
        "an absence rule has no levels of its own",
    ),
    "an indicator of its own": ("    clear", "    indicator: ▶beat\n    clear", "has no indicator of its own"),
    "evidence": ("    clear", "    evidence: ▶{max_gap: 1h}\n    clear", "has no evidence of its own"),
    "a hold": ("    clear", "    hold: ▶5m\n    clear", "has no hold of its own"),
    "a direction": ("    clear", "    direction: ▶low\n    clear", "has no direction of its own"),
    "a margin": ("{for: 1m}", "{margin: ▶1 s, for: 1m}", "silence has no margin"),
    "no level": ("levels: {blue: 3 intervals, yellow: 10m}", "levels: ▶{}", "no level has a mark"),
    "levels out of order": ("{blue: 3 intervals, yellow: 10m}", "▶{blue: 1h, yellow: 10m}", "must be later"),
    "a level before three intervals": (
        "{blue: 3 intervals, yellow: 10m}",
        "▶{blue: 3 intervals, yellow: 2m}",
        "must be later",
    ),
    "intervals out of order": (
        "{blue: 3 intervals, yellow: 10m}",
        "▶{blue: 9 intervals, yellow: 3 intervals}",
        "must be later",
    ),
    "no interval": ("blue: 3 intervals", "blue: ▶0 intervals", "'0 intervals' is not a number of intervals above 0"),
    "intervals before now": ("blue: 3 intervals", "blue: ▶-3 intervals", "is not a number of intervals above 0"),
    "a bare number": ("blue: 3 intervals", "blue: ▶180", "180 is not a duration"),
    "an indicator that is not there": ("of: any", "of: [▶beet]", "'beet' is no sign of life in waterlogging"),
    "an indicator of another class": ("of: any", "of: [beat, ▶registered]", "'registered' is no sign of life"),
    "of nothing": ("of: any", "of: ▶[]", "of names no indicator"),
    "of a bare word": ("of: any", "of: ▶beat", "of is 'beat'"),
}


@pytest.mark.parametrize("mistake", ABSENCE_MISTAKES)
def test_a_mistake_in_a_rule_on_silence(mistake: str) -> None:
    right, wrong, words = ABSENCE_MISTAKES[mistake]
    assert right in GAUGE_OFF
    refused(CATALOGUE, GAUGE_OFF.replace(right, wrong, 1), words)


def test_what_tells_of_a_broken_link_is_no_sign_of_life(baoan: Catalogue) -> None:
    text = GAUGE_OFF.replace("[gauge]", "[radar-level]").replace("of: any", "of: [▶link]")
    refused(baoan, text, "'link' is no sign of life in waterlogging")


PARENT_MISTAKES = {
    "one device speaks for its parent": ("at_least: 3", "at_least: ▶1", "one silent device says nothing"),
    "more than all": ("silent: 80%", "silent: ▶120 %", "'120 %' is not a percentage above 0 and up to 100"),
    "a share that is no percentage": ("silent: 80%", "silent: ▶0.8", "0.8 is not a percentage"),
    "points that make at_least void": ("at_least: 3", "at_least: 3\n    points: ▶2", "make at_least void"),
    "a kind that is none": ("kind: gateway", "kind: ▶router", "kind is 'router'"),
    "a margin": ("{for: 1m}", "{margin: ▶3, for: 1m}", "silence has no margin"),
    "an empty title": ("title: 网关失联", "title: ▶''", "a title has 1 to 100 letters"),
    "a level that is none": ("level: orange", "level: ▶none", "level is 'none'"),
}


@pytest.mark.parametrize("mistake", PARENT_MISTAKES)
def test_a_mistake_in_a_parents_file(mistake: str) -> None:
    right, wrong, words = PARENT_MISTAKES[mistake]
    assert right in GATEWAY_DARK
    refused(CATALOGUE, GATEWAY_DARK.replace(right, wrong, 1), words)


LOW_MISTAKES = {
    "levels that rise": ("{blue: 11.8 V, yellow: 11.5 V", "▶{blue: 11.5 V, yellow: 11.8 V", "must be further out"),
    "a level that every reading reaches": ("blue: 11.8 V", "blue: ▶30 V", "30 V says nothing"),
    "a level below the scale": ("red: 10.8 V", "red: ▶-1 V", "-1 V says nothing"),
    "a margin without room": ("margin: 0.3 V", "margin: ▶18.2 V", "so it never clears"),
}


@pytest.mark.parametrize("mistake", LOW_MISTAKES)
def test_a_mistake_in_a_rule_on_low_values(baoan: Catalogue, mistake: str) -> None:
    right, wrong, words = LOW_MISTAKES[mistake]
    assert not refusals(baoan, BATTERY)
    refused(baoan, BATTERY.replace(right, wrong, 1), words)


SWALLOWED = {
    "a forgotten colon": ("yellow: 15 cm", "▶yellow 15 cm"),
    "a forgotten blank": ("hold: {blue: 2m, yellow: 1m}", "hold: {blue: 2m, ▶yellow:1m}"),
    "a decimal comma": ("blue: 10 cm", "blue: 10,▶5 cm"),
    "a forgotten comma": ("margin: 3 cm, for", "margin: 3 cm for▶"),
    "a Chinese comma": ("10 cm, yellow", "10 cm，yellow▶"),
    "a colon in a text": ("source: operator default", "source: 15 cm▶: GB 51222"),
    "a tab": ("    cause", "▶\tcause"),
    "a level of nothing": ("yellow: 15 cm, orange", "yellow: ▶, orange"),
    "a rule that is no list": ("  - id: depth\n", "  id: depth\n  ▶"),
    "a level twice": ("yellow: 15 cm", "blue: 10 cm"),
}


@pytest.mark.parametrize("mistake", SWALLOWED)
def test_what_yaml_swallows_is_noticed(mistake: str) -> None:
    right, wrong = SWALLOWED[mistake]
    text = DEPTH.replace(right, wrong, 1)
    assert text != DEPTH
    errors = refusals(CATALOGUE, text.replace(HERE, ""))
    line = place_of(text)[0] if HERE in text else 7
    assert errors
    assert errors[0].line == line
    assert errors[0].remedy or "is empty" in errors[0].message


def test_all_errors_of_all_files_come_at_once_in_reading_order() -> None:
    depth = (
        DEPTH.replace("blue: 10 cm", "blue: 10 kg").replace("max_gap: 10m", "max_gap: 10").replace("for: 5m", "for: 5")
    )
    off = GAUGE_OFF.replace("of: any", "of: [beet]").replace("for: 1m", "for: soon")
    parents = GATEWAY_DARK.replace("80%", "120%").replace("at_least: 3", "at_least: 1").replace("for: 1m", "for: 1")
    broken = "class: waterlogging\nrules: [\n"

    errors = refusals(CATALOGUE, depth, off, parents, broken, head="pack: small\n")

    told = [(error.file.name, error.line) for error in errors]
    assert told == [
        *[("a.yaml", 7), ("a.yaml", 9), ("a.yaml", 10)],
        *[("b.yaml", 8), ("b.yaml", 9)],
        *[("c.yaml", 6), ("c.yaml", 7), ("c.yaml", 8)],
        ("d.yaml", 3),
        *[("pack.yaml", 1), ("pack.yaml", 1)],
    ]
    assert all(error.remedy for error in errors)


def test_an_indicator_that_is_not_there_does_not_hide_the_other_mistakes_of_its_rule() -> None:
    text = DEPTH.replace("water_depth", "water").replace("max_gap: 10m", "max_gap: 10").replace("blue: 2m", "blue: 2")
    assert [error.line for error in refusals(CATALOGUE, text)] == [6, 8, 9]


def test_nothing_of_a_broken_pack_loads(tmp_path: Path) -> None:
    write_pack(tmp_path, DEPTH, GATEWAY_DARK.replace("80%", "0%"))
    with pytest.raises(ConfigErrors) as wrong:
        load_pack(tmp_path, CATALOGUE)
    assert str(wrong.value) == (
        f"{tmp_path / 'b.yaml'}:6:13: '0%' is not a percentage above 0 and up to 100 (as in 80%)"
    )


def test_an_id_used_twice_is_told_at_its_second_use() -> None:
    (error,) = refusals(CATALOGUE, DEPTH, DEPTH)
    assert (error.file.name, error.line, error.column) == ("b.yaml", 4, 9)
    assert "rule id 'depth' is used twice, first at a.yaml:4" in error.message


def test_an_id_used_twice_is_told_even_when_one_of_the_two_is_wrong() -> None:
    errors = refusals(CATALOGUE, DEPTH, DEPTH.replace("10 cm", "10 kg"))
    assert [(error.file.name, error.line) for error in errors] == [("b.yaml", 4), ("b.yaml", 7)]


def test_a_kind_of_parent_has_one_rule() -> None:
    (error,) = refusals(CATALOGUE, GATEWAY_DARK, GATEWAY_DARK)
    assert (error.file.name, error.line) == ("b.yaml", 3)
    assert "'gateway-dark' is used twice" in error.message


OVERLAPS = {
    "one type twice": ("device_types: [gauge]", "device_types: [gauge]"),
    "a type, then all": ("device_types: [gauge]", ""),
    "all, then a type": ("", "device_types: [gauge]"),
    "all twice": ("", ""),
}


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_two_rules_may_not_watch_all_signs_of_life_of_one_device(overlap: str) -> None:
    """A device's silence would have two levels, and its parent would count it twice."""
    first, second = OVERLAPS[overlap]
    one = GAUGE_OFF.replace("    device_types: [gauge]\n", f"    {first}\n")
    other = GAUGE_OFF.replace("    device_types: [gauge]\n", f"    {second}\n").replace("id: gauge", "id: any")
    (error,) = refusals(CATALOGUE, one, other)
    assert error.file.name == "b.yaml"
    assert "any-offline and gauge-offline (a.yaml:8) both watch all signs of life in waterlogging" in error.message
    assert error.remedy == "give each its own device_types"


def test_rules_that_watch_different_devices_or_signs_do_not_clash() -> None:
    beat = GAUGE_OFF.replace("id: gauge-offline", "id: no-beat").replace("of: any", "of: [beat]")
    camera = GAUGE_OFF.replace("id: gauge-offline", "id: camera").replace("[gauge]", "[camera]")
    assert refusals(CATALOGUE, GAUGE_OFF, beat, camera, CAMERA_OFF) == []


def test_a_file_must_say_of_which_class_it_is() -> None:
    neither = refused(
        CATALOGUE, DEPTH.replace("class: waterlogging\n", "").replace("  - id", "  ▶- id"), "either class"
    )
    assert neither.remedy == "e.g. class: waterlogging"
    both = DEPTH.replace("class: waterlogging", "class: video\nclasses: [waterlogging]")
    assert [error.message for error in refusals(CATALOGUE, both)] == ["the file must say either class or classes"]


def test_every_class_of_a_file_must_have_the_indicator() -> None:
    text = DEPTH.replace("class: waterlogging", "classes: [waterlogging, video]").replace("water_depth", "▶water_depth")
    refused(CATALOGUE, text, "class video has no indicator 'water_depth'")


def test_an_indicator_in_two_units_needs_two_rules() -> None:
    depth, registered = (i for i in CATALOGUE.indicators if i.id in ("water_depth", "registered"))
    strange = replace(CATALOGUE, indicators=[depth, replace(registered, id="water_depth")])
    text = DEPTH.replace("class: waterlogging", "classes: [waterlogging, video]").replace("water_depth", "▶water_depth")
    refused(strange, text, "water_depth is in different units: cm, 1")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "class: waterlogging\n", "neither rules nor parents"),
        ("a.yaml", "rules: []\nparents: []\n", "neither rules nor parents"),
        ("a.yaml", "- depth\n", "expected a mapping, got a list"),
        ("a.yaml", "", "the file is empty"),
        ("depth.yml", DEPTH, "name ends in .yaml"),
    ],
)
def test_a_file_that_would_say_nothing(tmp_path: Path, name: str, text: str, words: str) -> None:
    write_pack(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(GAUGE_OFF, encoding="utf-8")
    with pytest.raises(ConfigErrors) as wrong:
        load_pack(tmp_path, CATALOGUE)
    (error,) = wrong.value.errors
    assert error.file.name == name
    assert words in error.message
    assert error.remedy or "mapping" in words


def test_a_pack_without_rules_or_without_a_name_is_refused(tmp_path: Path) -> None:
    assert [error.message for error in refusals(CATALOGUE)] == ["the pack has no rules"]
    assert "the file is missing" in _refused_folder(tmp_path / "nowhere")
    nameless = refusals(CATALOGUE, DEPTH, head=HEAD.replace("pack: small\n", ""))
    assert [error.message for error in nameless] == ["field 'pack' is missing"]


def _refused_folder(folder: Path) -> str:
    with pytest.raises(ConfigErrors) as wrong:
        load_pack(folder, CATALOGUE)
    return str(wrong.value)


def test_what_an_author_may_leave_out() -> None:
    """Colours, holds, the number of samples, a group, a cause; and the margin of what is true or false."""
    lean = DEPTH.replace("blue: 10 cm, yellow: 15 cm, orange: 27 cm, red: 40 cm", "orange: 27 cm")
    lean = lean.replace("    hold: {blue: 2m, yellow: 1m}\n", "").replace("min_samples: 2, ", "")
    lean = lean.replace("    step: ignore\n    cause: ponding\n", "")
    (rule,) = load(CATALOGUE, lean).levels
    assert rule.threshold == (None, None, 27.0, None)
    assert (rule.hold_ms, rule.min_samples, rule.quarantine) == ((0, 0, 0, 0), 1, True)
    assert (rule.group, rule.cause) == ("area", "depth")

    truth = DEPTH.replace("class: waterlogging", "class: video").replace("water_depth", "registered")
    truth = truth.replace("{blue: 10 cm, yellow: 15 cm, orange: 27 cm, red: 40 cm}", "{yellow: 1}")
    truth = truth.replace("hold: {blue: 2m, yellow: 1m}", "hold: 10m").replace("{margin: 3 cm, for", "{for")
    (rule,) = load(CATALOGUE, truth).levels
    assert (rule.margin, rule.hold_ms) == (0.0, (600_000,) * 4)


def test_a_count_is_a_number_and_needs_a_margin_though_it_has_no_unit() -> None:
    count = DEPTH.replace("water_depth", "queue").replace(" cm", "").replace("{margin: 3, for: 5m}", "▶{for: 5m}")
    refused(CATALOGUE, count, "clear has no margin")


def test_intervals_may_rise() -> None:
    (rule,) = load(CATALOGUE, GAUGE_OFF.replace("yellow: 10m", "yellow: 10 intervals")).absences
    assert rule.intervals == (3.0, 10.0, None, None)
    assert rule.after_ms == (180_000, 180_000, None, None)
