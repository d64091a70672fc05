"""`qianshao rules backtest`, `rules explain` and `history`, as they are typed, on the archive of a storm that was
played."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from msgspec import structs
from typer.testing import CliRunner

from alerts.deadlines import load_policy
from city.city import City
from city.tables import read_city, write_tables
from qianshao.city_files import load_rules
from qianshao.cli import app
from qianshao.offline import OfflinePlay, play_offline
from qianshao.settings import Settings
from simulators.scenario import load_scenario
from streams.archive.catalogue import File
from streams.archive.folder import ArchiveFolder
from streams.archive.replay import NothingThere
from tests.archives import Scribe, archived

BAOAN = Path(__file__).parents[2] / "rules" / "packs" / "baoan"
SHARDS = Settings().kafka.shards
NOBODY_KNOWS = "class: waterlogging\nrules: [{id: depth, title: 积水, indicator: nothing, levels: {blue: 1 cm}}]\n"


@dataclass(frozen=True)
class Storm:
    """A play of S03, the short heavy rain of 11 April: what came of it, and the folder that has its archive."""

    city: City
    scribe: Scribe
    play: OfflinePlay
    folder: Path

    @property
    def archive(self) -> ArchiveFolder:
        return ArchiveFolder(self.folder / "archive")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    settings, scenario = Settings(), load_scenario("S03")
    folder = tmp_path_factory.mktemp("storm")
    city = scenario.populate(read_city(settings.city))
    write_tables(city, folder / "fleet", ["sites", "parents", "devices", "contacts"])
    scribe, policy = Scribe(city, SHARDS), load_policy(settings.city)
    pack = load_rules(settings, city)
    play = play_offline(scenario.play(city), city, pack, policy, SHARDS, 1000, scenario.end_ms, scribe)
    archived(folder / "archive", city, scribe.records, SHARDS, at_once=20_000)
    return Storm(city, scribe, play, folder)


@pytest.fixture
def storm(played: Storm, monkeypatch: pytest.MonkeyPatch) -> Storm:
    monkeypatch.setenv("QIANSHAO_DATA", str(played.folder))
    monkeypatch.setenv("QIANSHAO_FLEET", str(played.folder / "fleet"))
    return played


@pytest.fixture
def harmed(storm: Storm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    """A file of a copy of the archive is gone: which."""
    shutil.copytree(storm.folder / "archive", tmp_path / "archive")
    monkeypatch.setenv("QIANSHAO_ARCHIVE__FOLDER", str(tmp_path / "archive"))
    file = max(storm.archive.read().of("readings"), key=lambda file: file.rows)
    (tmp_path / "archive" / file.path).unlink()
    return file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


backtest = partial(run, "rules", "backtest")
explain = partial(run, "rules", "explain")
history = partial(run, "history")
CULVERT = "river-culvert-crew@BA-RIVER-LEVEL-0001"


def answer(result: Result) -> dict:  # type: ignore[type-arg]
    return json.loads(result.stdout)


# Backtest -----------------------------------------------------------------------------------------------------------


def test_the_rules_that_judged_say_the_same_again_and_make_the_same_incidents(storm: Storm) -> None:
    result = backtest("--json")
    found = answer(result)
    told = {t.alert for t in storm.scribe.told}
    assert result.exit_code == 0
    assert found["live"] == {
        "alerts": len(told),
        "exact": True,
        "same": len(told),
        "changed": [],
        "new": [],
        "gone": [],
    }
    assert (found["readings"], found["transitions"]) == (storm.play.readings, len(storm.scribe.told))
    assert found["outcomes"] == {name: n for name, n in storm.play.outcomes.items() if n}
    ours = {each["id"]: each["peak_level"] for each in found["incidents"]}
    assert ours == {i.id: i.peak_level.slug for i in storm.play.book.incidents.values() if i.merged_into is None}
    assert sum(rule["alerts"] for rule in found["rules"]) == found["alerts"] == len(told)


def test_other_rules_are_told_from_those_that_judged_alert_by_alert(storm: Storm, tmp_path: Path) -> None:
    changed = shutil.copytree(BAOAN, tmp_path / "pack")
    rain = changed / "rain.yaml"
    text = rain.read_text("utf-8")
    levels = text.index("levels:", text.index("id: rain-1h"))
    line = text[levels : text.index("\n", levels)]
    rain.write_text(text.replace(line, re.sub(r"([0-9]+) mm", lambda n: f"{2 * int(n[1])} mm", line), 1), "utf-8")
    found = answer(backtest(changed, "--json"))
    assert not found["live"]["exact"]
    touched = {each["live"]["rule"] for each in found["live"]["changed"]} | {e["rule"] for e in found["live"]["gone"]}
    assert "rain-1h" in touched
    assert found["live"]["same"] > 0
    assert found["live"]["same"] + len(found["live"]["changed"]) + len(found["live"]["gone"]) == found["live"]["alerts"]
    assert "changed: rain-1h@" in backtest(changed).stdout or "gone: rain-1h@" in backtest(changed).stdout


def test_against_a_scenarios_truth_it_says_how_much_was_right_and_how_much_was_told(storm: Storm) -> None:
    truth = answer(backtest("--truth", "S03", "--json"))["truth"]
    assert (truth["precision"], truth["recall"]) == (1.0, 1.0)
    assert truth["caught"] == truth["expected"] > 0
    assert truth["lead_p50_s"] == pytest.approx(-truth["delay_p50_s"], abs=60)


def test_against_what_people_wrote_down_it_says_what_was_missed_and_how_early_it_was_told(
    storm: Storm, tmp_path: Path
) -> None:
    found = answer(backtest("--json"))["incidents"]
    incident = next(i for i in found if i["risk_class"] == "river-reservoir")
    other = next(
        a.id for a in storm.city.areas.values() if a.risk_class == "river-reservoir" and a.id != incident["area"]
    )
    file = tmp_path / "log.yaml"
    happened = f"{{class: river-reservoir, place: {incident['area']}, level: blue, at: '{incident['opened']}'}}"
    missed = f"{{class: river-reservoir, place: {other}, level: red, at: '2030-01-01T00:00:00', why: 漫堤}}"
    file.write_text(f"happened:\n- {happened}\n- {missed}\n", "utf-8")
    truth = answer(backtest("--truth", file, "--json"))["truth"]
    assert truth["recall"] == 0.5 and truth["lead_p50_s"] == pytest.approx(0, abs=1)
    assert truth["missed_details"] == ["漫堤: nobody told of it"]
    file.write_text(f"classes: [river-reservoir, waterlogging]\nhappened:\n- {happened}\n", "utf-8")
    of_all = answer(backtest("--truth", file, "--json"))["truth"]
    water = [i for i in found if (i["nature"], i["risk_class"]) == ("hazard", "waterlogging")]
    assert (truth["false"], of_all["false"]) == (0, len(water)) and water
    assert of_all["precision"] == round(1 / (1 + len(water)), 4)


def test_a_truth_that_names_what_is_not_there_is_refused_with_its_place(storm: Storm, tmp_path: Path) -> None:
    file = tmp_path / "log.yaml"
    file.write_text(
        "happened:\n- {class: waterloging, place: nowhere, level: red, at: '2024-04-11T20:00:00'}\n", "utf-8"
    )
    result = backtest("--truth", file)
    assert result.exit_code == 2
    assert (
        f"{file}:2:" in result.stderr and "did you mean waterlogging?" in result.stderr and "nowhere" in result.stderr
    )


def test_only_what_stood_or_came_in_the_time_asked_for_is_counted(storm: Storm) -> None:
    whole = answer(backtest("--json"))
    part = answer(backtest("--from", "2024-04-11T20:30", "--to", "2024-04-11T21:00", "--warm-up", "2h", "--json"))
    assert part["from"].startswith("2024-04-11T20:30") and part["to"].startswith("2024-04-11T21:00")
    assert 0 < part["alerts"] < whole["alerts"] and part["readings"] < whole["readings"]
    assert part["live"]["exact"]  # it had warmed up since before the first alert


def test_a_time_of_which_there_is_nothing_says_what_there_is(storm: Storm) -> None:
    result = backtest("--from", "2031-01-01")
    assert isinstance(result.exception, NothingThere) and "from 2024-04-11 to 2024-04-11" in str(result.exception)


def test_a_pack_that_does_not_load_is_refused_with_its_mistakes(storm: Storm, tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text("pack: p\nversion: '1'\ntitle: 包\n", "utf-8")
    (tmp_path / "a.yaml").write_text(NOBODY_KNOWS, "utf-8")
    result = backtest(tmp_path)
    assert result.exit_code == 2 and "a.yaml:2:" in result.stderr


def test_what_the_archive_has_lost_is_named_with_its_rows_and_the_rest_is_judged(storm: Storm, harmed: File) -> None:
    result = backtest("--json")
    found = answer(result)
    assert result.exit_code == 1
    assert {loss["path"] for loss in found["losses"]} == {harmed.path}
    assert sum(loss["rows"] for loss in found["losses"]) == harmed.rows == storm.play.readings - found["readings"]
    assert f"lost: {harmed.path}" in backtest().stdout


def test_the_picture_shows_levels_over_time_and_each_rule(storm: Storm, tmp_path: Path) -> None:
    result = backtest("--picture", tmp_path / "storm.svg")
    assert result.exit_code == 0
    svg = ElementTree.parse(tmp_path / "storm.svg").getroot()
    texts = [node.text or "" for node in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0].startswith("回测 宝安区规则包") and "同时存在的预警" in texts
    shown = [rule for rule in answer(backtest("--json"))["rules"] if rule["nature"] == "hazard"]
    assert [text.split()[0] for text in texts if text.endswith(" 处")] == [rule["title"].split()[0] for rule in shown]
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}rect"))) > 2 * len(shown)


# Explain ------------------------------------------------------------------------------------------------------------


def made_stricter(pack: Path) -> None:
    """The rule of the culvert means something else."""
    file = next(path for path in pack.glob("*.yaml") if "id: river-culvert-crew" in path.read_text("utf-8"))
    before, rule = file.read_text("utf-8").split("id: river-culvert-crew", 1)
    file.write_text(f"{before}id: river-culvert-crew{rule.replace('>= 10 cm', '>= 9 cm', 1)}", "utf-8")


def test_an_alert_of_the_archive_is_explained_as_the_same_alert_of_its_scenario(storm: Storm, tmp_path: Path) -> None:
    result = explain(CULVERT, "--json", "--picture", tmp_path / "e.svg")
    assert result.exit_code == 0
    found = answer(result)
    assert found == answer(explain(CULVERT, "--scenario", "S03", "--json"))
    assert {step["kind"] for step in found["steps"]} == {"reading", "expression", "transition"}
    assert answer(explain(found["alert"], "--json")) == found
    assert "<polyline" in (tmp_path / "e.svg").read_text("utf-8")


def test_an_alert_is_explained_by_the_rules_that_told_it_then_though_others_are_in_force_now(
    storm: Storm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = shutil.copytree(BAOAN, tmp_path / "baoan")
    monkeypatch.setenv("QIANSHAO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("QIANSHAO_ARCHIVE__FOLDER", str(storm.folder / "archive"))
    monkeypatch.setenv("QIANSHAO_RULES", str(pack))
    then = answer(explain(CULVERT, "--json"))
    publish = partial(run, "rules", "publish", pack, "--by", "Li", "--why", "the rules of then")
    made_stricter(pack)
    refused = explain(CULVERT)
    assert refused.exit_code == 1 and "another meaning" in refused.stderr and "QIANSHAO_RULES" in refused.stderr
    shutil.rmtree(pack)
    shutil.copytree(BAOAN, pack)
    assert publish().exit_code == 0
    made_stricter(pack)
    assert answer(explain(CULVERT, "--json")) == then


def test_an_alert_that_is_not_in_the_archive_or_not_of_that_time_is_told_with_those_that_are(storm: Storm) -> None:
    nobody = explain("river-culvert-crew@NOBODY")
    assert nobody.exit_code == 1 and CULVERT in nobody.stderr
    no_rule = explain("nothing@NOBODY")
    assert no_rule.exit_code == 1 and "it has e.g. rain-" in no_rule.stderr
    later = explain(CULVERT, "--from", "2024-04-12")
    assert later.exit_code == 1 and "the archive has no alert" in later.stderr


def test_an_alert_of_a_device_that_is_out_of_service_now_is_not_explained(
    storm: Storm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = shutil.copytree(storm.folder / "fleet", tmp_path / "fleet")
    monkeypatch.setenv("QIANSHAO_FLEET", str(fleet))
    device = CULVERT.partition("@")[2]
    devices = {**storm.city.devices, device: structs.replace(storm.city.devices[device], in_service=False)}
    write_tables(replace(storm.city, devices=devices), fleet, ["devices"])
    result = explain(CULVERT)
    assert result.exit_code == 1 and "out of service" in result.stderr


def test_an_alert_that_needs_more_of_the_past_than_it_gets_says_so(storm: Storm) -> None:
    short = explain(CULVERT, "--warm-up", "0s")
    assert short.exit_code == 1 and "--warm-up" in short.stderr
    assert explain(CULVERT, "--warm-up", "a while").exit_code == 2


def test_an_explanation_from_an_archive_that_lost_something_says_what(storm: Storm, harmed: File) -> None:
    result = explain(CULVERT)
    assert result.exit_code == 1
    assert f"{harmed.path}: left out" in result.stderr


# History ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def rain(storm: Storm) -> Iterator[str]:
    """A rain gauge."""
    yield next(d.id for d in storm.city.devices.values() if d.type == "rain-gauge-tipping" and d.in_service)


def test_readings_of_a_device_come_in_order_of_their_time_with_names_and_units(storm: Storm, rain: str) -> None:
    result = history("--device", rain, "--from", "2024-04-11T20:00", "--to", "2024-04-11T20:30", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0 and rows
    assert {row["device"] for row in rows} == {rain} and "mm" in {row["unit"] for row in rows}
    times = [row["time"] for row in rows]
    assert times == sorted(times)
    assert times[0] >= "2024-04-11T20:00" and times[-1] < "2024-04-11T20:30"


def test_the_same_can_be_had_as_a_table_as_csv_and_as_parquet(storm: Storm, rain: str, tmp_path: Path) -> None:
    asked = ("--device", rain, "--indicator", "rain_total", "--limit", "5")
    table = history(*asked).stdout.splitlines()
    rows = list(csv.DictReader(io.StringIO(history(*asked, "--csv").stdout)))
    assert history(*asked, "--parquet", tmp_path / "out.parquet").exit_code == 0
    file = pq.read_table(tmp_path / "out.parquet")
    assert len(table) - 1 == len(rows) == len(file) == 5
    assert [float(row["value"]) for row in rows] == file["value"].to_pylist()
    assert table[0].split()[:3] == ["time", "device", "indicator"] == file.schema.names[:3]


def test_a_long_table_is_cut_and_says_so(storm: Storm) -> None:
    result = history()
    assert len(result.stdout.splitlines()) == 1 + 1000 and "--limit 0 gives all" in result.stderr
    assert len(history("--csv").stdout.splitlines()) == 1 + storm.play.readings


def test_alerts_are_told_each_once_with_their_levels_in_words(storm: Storm) -> None:
    rows = [json.loads(line) for line in history("alerts", "--class", "rain", "--json").stdout.splitlines()]
    assert len(rows) == len({t.id for t in storm.scribe.told if t.risk_class == "rain"})
    every = [json.loads(line) for line in history("alerts", "--json").stdout.splitlines()]
    assert len(every) == len({t.id for t in storm.scribe.told})
    assert {row["level_to"] for row in every} <= {"none", "blue", "yellow", "orange", "red"}


def test_the_curious_ask_by_sql_and_can_do_nothing_else(storm: Storm) -> None:
    count = history("--sql", "select count(*) as n from readings", "--json")
    assert answer(count) == {"n": storm.play.readings}
    for sql in ("drop table devices", "copy (select 1) to '/tmp/x'", "select 1; select 2", "select"):
        assert history("--sql", sql).exit_code == 2
    refused = history("--sql", "select * from read_csv('/etc/passwd')")
    assert refused.exit_code == 2 and "disabled by configuration" in refused.stderr


def test_what_a_table_does_not_have_cannot_be_asked_for(storm: Storm) -> None:
    result = history("alerts", "--indicator", "water_depth")
    assert result.exit_code == 2 and "alerts cannot be asked for by indicator" in result.stderr


def test_a_file_that_is_gone_is_named_and_the_rest_is_given(storm: Storm, harmed: File) -> None:
    result = history("--sql", "select count(*) as n from readings", "--json")
    assert result.exit_code == 1
    assert answer(result) == {"n": storm.play.readings - harmed.rows}
    assert f"{harmed.path}: left out, {harmed.rows} rows" in result.stderr


def test_a_file_that_is_broken_inside_is_found_and_left_out(
    storm: Storm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(storm.folder / "archive", tmp_path / "archive")
    monkeypatch.setenv("QIANSHAO_ARCHIVE__FOLDER", str(tmp_path / "archive"))
    file = max(storm.archive.read().of("readings"), key=lambda file: file.rows)
    path = tmp_path / "archive" / file.path
    data = bytearray(path.read_bytes())
    data[64 : len(data) // 2] = bytes(len(data) // 2 - 64)
    path.write_bytes(data)
    result = history("--sql", "select sum(value) as s, count(*) as n from readings", "--json")
    assert result.exit_code == 1 and answer(result)["n"] == storm.play.readings - file.rows
