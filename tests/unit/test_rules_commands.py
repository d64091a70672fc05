"""`qianshao rules`, as authors of rules and CI use it: what it prints, and its exit codes."""

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from city.tables import read_city, shipped_pack
from qianshao.cli import app
from rules.authoring.lint import REMEDIES
from rules.authoring.schema import MODELINE, SCHEMA_FILE, rules_schema, schema_text
from rules.language.load import rules_paths

PACKS = Path(__file__).parents[2] / "rules" / "packs"
BAOAN = PACKS / "baoan"
DOCS = Path(__file__).parents[2] / "docs" / "rules-tools.md"
DEPTH = """
class: waterlogging
rules:
  - id: depth
    title: 积水深度
    indicator: water_depth
    levels: {blue: 10 cm, yellow: 15 cm}
    hold: 2m
    evidence: {max_gap: 15m}
    clear: {margin: 3 cm, for: 5m}
    source: operator default
"""
TESTS = """
town: [{id: WL1, type: electronic-water-gauge, class: waterlogging}]
tests:
- name: 两分钟才算
  given: {water_depth@WL1: 12 cm every 1m x 5}
  expect:
  - {at: 1m, alert: depth, level: none}
  - {by: 3m, alert: depth, on: WL1, level: blue}
"""
DARK = """
scenario: DARK
title: 断电一小时
source: 合成
seed: 20250924
start: 2025-09-24T12:00:00+08:00
end: 2025-09-24T14:00:00+08:00
fleets:
- {cameras_class1: 20, cameras_class2: 40, streets: [xinan], devices_per_power_zone: 32}
faults:
- {fault: cut, from: 30m, for: 1h, parents: {kind: power, streets: [xinan], types: [ipc-class1], count: 1}}
truth:
  parents: {power: {at_least: 3}}
"""


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def pack(tmp_path: Path):
    """A pack with some rules, and tests if any are given."""

    def of(rules: str = DEPTH, tests: str | None = None, name: str = "pack") -> Path:
        folder = tmp_path / name
        (folder / "tests").mkdir(parents=True)
        (folder / "pack.yaml").write_text("pack: p\nversion: '1'\ntitle: 包\n", encoding="utf-8")
        (folder / "a.yaml").write_text(rules, encoding="utf-8")
        if tests is not None:
            (folder / "tests" / "t.yaml").write_text(tests, encoding="utf-8")
        return folder

    return of


# list


def test_list_names_4_domains_15_classes_every_indicator_and_every_rule_with_its_source() -> None:
    code, text = run("list", BAOAN, "--json")
    found = json.loads(text)
    classes = [c for domain in found["domains"] for c in domain["classes"]]
    assert (code, len(found["domains"]), len(classes)) == (0, 4, 15)
    catalogue = read_city(shipped_pack("baoan")).catalogue
    named = {(c["slug"], i["id"]) for c in classes for i in c["indicators"]}
    assert named == {(i.risk_class, i.id) for i in catalogue.indicators if i.risk_class != "common"}
    rules = [rule for c in classes for rule in c["rules"]] + found["parents"]
    assert all(rule["source"].strip() and rule["levels"] and rule["line"] for rule in rules)
    line = next(rule for rule in rules if rule["id"] == "waterlogging-depth")
    text = (BAOAN / line["file"]).read_text(encoding="utf-8").splitlines()[line["line"] - 1]
    assert "id: waterlogging-depth" in text


def test_list_is_read_by_people_too() -> None:
    code, text = run("list", BAOAN)
    assert code == 0
    for words in (
        "自然灾害",
        "R01 积水内涝点",
        "water_depth 积水深度 [cm] -2..300",
        "waterlogging-depth 积水深度: blue 10 cm",
    ):
        assert words in text


# schema


def test_the_shipped_schema_is_the_one_that_is_made() -> None:
    shipped = (PACKS / SCHEMA_FILE).read_text(encoding="utf-8")
    assert shipped == schema_text(read_city(shipped_pack("baoan")).catalogue), "qianshao rules schema --write it"


@pytest.mark.parametrize("path", rules_paths(BAOAN), ids=lambda path: path.stem)
def test_every_shipped_file_names_the_schema_in_its_first_line_and_fits_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == MODELINE
    assert (path.parent / MODELINE.partition("=")[2]).resolve() == (PACKS / SCHEMA_FILE).resolve()
    jsonschema.validate(yaml.safe_load(text), rules_schema(read_city(shipped_pack("baoan")).catalogue))


@pytest.mark.parametrize(
    "wrong", ["class: waterloging", "class: waterlogging\nrule: []", "class: waterlogging\nrules: [{}]"]
)
def test_the_schema_refuses_a_typo(wrong: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(wrong), rules_schema(read_city(shipped_pack("baoan")).catalogue))


# lint


def test_the_shipped_pack_has_neither_errors_nor_remarks() -> None:
    assert run("lint", BAOAN, "--strict") == (0, "0 errors, 0 remarks\n")


def test_an_error_says_file_line_column_and_the_nearest_name(pack) -> None:
    folder = pack(DEPTH.replace("indicator: water_depth", "indicator: water_dpeth"))
    code, text = run("lint", folder)
    assert code == 1
    assert re.search(r"a\.yaml:6:16: .*water_dpeth.*water_depth", text)
    code, text = run("lint", folder, "--json")
    (error,) = json.loads(text)["errors"]
    assert (code, error["line"], error["column"]) == (1, 6, 16)


CONDITIONS = """
class: waterlogging
rules:
  - id: odd
    title: 怪
    conditions: {CONDITIONS}
    evidence: {max_gap: 15m}
    clear: {for: 5m}
    source: operator default
"""


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (DEPTH.replace("margin: 3 cm", "margin: 0 cm"), "no-hysteresis"),
        (DEPTH.replace("for: 5m", "for: 0s"), "no-hysteresis"),
        (DEPTH.replace("{max_gap: 15m}", "{min_samples: 2, max_gap: 1m}"), "gap-too-short"),
        (DEPTH.replace("hold: 2m", "hold: {blue: 1m, yellow: 5m}"), "hold-rises"),
        (CONDITIONS.replace("{CONDITIONS}", "{blue: water_depth >= 10 cm and water_depth < 5 cm}"), "never"),
        (CONDITIONS.replace("{CONDITIONS}", "{blue: water_depth > 400 cm}"), "never"),
        (CONDITIONS.replace("{CONDITIONS}", "{blue: water_depth >= -2 cm}"), "always"),
        (CONDITIONS.replace("{CONDITIONS}", "{blue: water_depth > 9 cm, red: water_depth > 9 cm}"), "shadowed"),
        (CONDITIONS.replace("{CONDITIONS}", '{blue: "rise(water_depth, 5m) > 9 cm"}'), "window-too-short"),
    ],
)
def test_what_is_odd_is_remarked_on_at_its_place_and_fails_only_when_strict(pack, rules: str, code: str) -> None:
    folder = pack(rules)
    exit_code, text = run("lint", folder, "--json")
    (remark,) = json.loads(text)["remarks"]
    assert (exit_code, remark["code"]) == (0, code)
    assert remark["line"] > 4 and remark["remedy"] == REMEDIES[code]
    assert run("lint", folder, "--strict")[0] == 1


def test_a_remark_is_silenced_in_its_rule(pack) -> None:
    odd = DEPTH.replace("margin: 3 cm", "margin: 0 cm").replace(
        "title:", "# lint: allow no-hysteresis (tides)\n    title:"
    )
    assert run("lint", pack(odd), "--strict")[0] == 0


def test_a_rule_that_judges_no_registered_device_is_remarked_on(pack, tmp_path, monkeypatch) -> None:
    fleet = tmp_path / "fleet"
    assert CliRunner().invoke(app, ["city", "fleet", str(fleet), "--devices", "50"]).exit_code == 0
    monkeypatch.setenv("QIANSHAO_FLEET", str(fleet))
    folder = pack(DEPTH.replace("indicator:", "device_types: [radar-level]\n    indicator:"))
    judged = json.loads(run("lint", folder, "--json")[1])["remarks"]
    assert [remark["code"] for remark in judged] in ([], ["no-device"])
    blind = pack(DEPTH.replace("indicator:", "device_types: [ipc-class1]\n    indicator:"), name="blind")
    assert [r["code"] for r in json.loads(run("lint", blind, "--json")[1])["remarks"]] == ["no-device"]


def test_a_file_of_a_million_characters_and_a_yaml_bomb_are_refused_with_a_remedy(pack) -> None:
    code, text = run("lint", pack(DEPTH + "# " + "x" * 1_000_000, name="long"))
    assert code == 1 and "the file has 1000" in text and "spread it over several files" in text
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    code, text = run("lint", pack(bomb, name="bomb"))
    assert code == 1 and "aliases (*) make" in text


# test


def test_the_shipped_tests_pass_and_say_what_none_of_them_reaches() -> None:
    code, text = run("test", BAOAN, "--json")
    found = json.loads(text)
    assert code == 0 and len(found["tests"]) > 40
    assert all(test["passed"] for test in found["tests"])
    classes = {
        rule["id"]: c["slug"]
        for d in json.loads(run("list", BAOAN, "--json")[1])["domains"]
        for c in d["classes"]
        for rule in c["rules"]
    }
    reached = classes.keys() - set(found["coverage"]["unreached_rules"])
    assert {classes[rule] for rule in reached} == set(classes.values()), "a test for every class"


def test_a_test_that_fails_says_what_was_expected_and_what_came(pack) -> None:
    assert run("test", pack(tests=TESTS))[0] == 0
    code, text = run(
        "test",
        pack(
            tests=TESTS.replace("at: 1m, alert: depth, level: none", "at: 1m, alert: depth, level: red"), name="wrong"
        ),
    )
    assert code == 1
    assert "t.yaml:4: 两分钟才算" in text and "expected at 1m depth red" in text and "1 tests, 1 failed" in text


@pytest.mark.parametrize(
    "expectation",
    [
        "{until: 5m, never: {alert: depth}}",
        "{by: 5m, alert: depth, level: yellow}",
        "{by: 5m, alert: depth, on: WL1, level: blue, actions: [封路]}",
        "{at: 4m, alert: depth, level: blue, state: suspected}",
    ],
)
def test_each_kind_of_expectation_can_fail(pack, expectation: str) -> None:
    tests = TESTS.replace("{at: 1m, alert: depth, level: none}", expectation)
    assert run("test", pack(tests=tests))[0] == 1


def test_coverage_can_be_demanded(pack) -> None:
    folder = pack(tests=TESTS)
    assert "reached: 1 of 1 rules, 1 of 2 levels" in run("test", folder)[1]
    assert run("test", folder, "--coverage", "50")[0] == 0
    assert run("test", folder, "--coverage", "51")[0] == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("water_depth@WL1", "water_depht@WL1"), "t.yaml:5.*did you mean water_depth"),
        (("@WL1", "@WL2"), "no device of the town is called 'WL2'"),
        (("12 cm every", "12 kPa every"), "this indicator is in cm"),
        (("every 1m x 5", "evry 1m x 5"), "neither VALUE at TIME nor VALUE every STEP x N"),
        (("alert: depth, on", "alert: dpeth, on"), "no rule is called 'dpeth'.*did you mean depth"),
        (("by: 3m, ", ""), "one of at, by and until"),
        (("by: 3m", "by: 300d"), "more than a month"),
        (("class: waterlogging", "class: water"), "no class is called 'water'"),
        (("12 cm every 1m x 5", '"12 cm at 5m, then 9 cm at 3m"'), "does not come after"),
    ],
)
def test_a_test_that_cannot_be_read_is_told_with_its_place(pack, wrong: tuple[str, str], told: str) -> None:
    code, text = run("test", pack(tests=TESTS.replace(*wrong)))
    assert code == 2
    assert re.search(told, text)


def test_a_pack_without_tests_says_how_to_write_them(pack) -> None:
    code, text = run("test", pack())
    assert code == 2 and "docs/rules-tools.md" in text


# diff


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (("10 cm", "12 cm"), 1, ["depth: meaning, timers begin anew", "levels: 10 cm / 15 cm / - / - -> 12 cm"]),
        (("hold: 2m", "hold: 3m"), 1, ["depth: meaning", "hold_ms: 2m / 2m / 2m / 2m -> 3m / 3m / 3m / 3m"]),
        (("operator default", "GB 51222"), 0, ["depth: text, timers kept", "source: operator default -> GB 51222"]),
        (("id: depth", "id: deep"), 1, ["deep: added, timers begin", "depth: removed, timers end"]),
        (("", ""), 0, ["nothing changes"]),
    ],
)
def test_diff_says_what_changes_and_which_timers_are_kept(pack, change, code: int, told: list[str]) -> None:
    after = pack(DEPTH.replace(*change) if change[0] else DEPTH, name="after")
    exit_code, text = run("diff", pack(), after)
    assert exit_code == code
    assert all(words in text for words in told), text
    assert run("diff", pack(name="again"), after, "--json")[0] == code


def test_diff_tells_a_changed_witness_in_its_authors_words(tmp_path: Path) -> None:
    changed = tmp_path / "baoan"
    shutil.copytree(BAOAN, changed)
    file = changed / "waterlogging.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("within 2km) >= 5 mm", "within 3km) >= 5 mm"), encoding="utf-8"
    )
    code, text = run("diff", BAOAN, changed)
    assert code == 1 and "within 3km) >= 5 mm" in text and "waterlogging-depth: meaning" in text


# explain


def test_explain_tells_what_led_to_an_alert_and_draws_it(tmp_path: Path) -> None:
    picture = tmp_path / "e.svg"
    wanted = "river-culvert-crew@BA-RIVER-LEVEL-0001"
    code, text = run("explain", wanted, "--scenario", "S03", "--json", "--picture", picture)
    assert code == 0
    found = json.loads(text[: text.rindex("}") + 1])
    kinds = [step["kind"] for step in found["steps"]]
    assert kinds.index("reading") < kinds.index("expression") < kinds.index("transition")
    red = next(step for step in found["steps"] if step["kind"] == "transition" and step["level"] == "red")
    assert "作业人员立即撤离" in red["text"]
    assert any(step["text"] == "red true: work_permit and rise(stage, 10m) >= 10 cm" for step in found["steps"])
    assert {step["text"].split()[0] for step in found["steps"] if step["kind"] == "reading"} == {"stage", "work_permit"}
    svg = picture.read_text(encoding="utf-8")
    assert svg.startswith("<svg") and "涉水作业遇涨水" in svg and "<polyline" in svg
    by_id = json.loads(run("explain", found["alert"], "--scenario", "S03", "--json")[1])
    assert by_id == found


def test_explain_tells_which_devices_fell_silent_when_what_they_hang_on_failed(tmp_path: Path) -> None:
    (tmp_path / "dark.yaml").write_text(DARK, encoding="utf-8")
    code, text = run("explain", "power-dark@BA-PW-video-xinan-01", "--scenario", tmp_path / "dark.yaml", "--json")
    steps = json.loads(text)["steps"]
    devices = [step["text"] for step in steps if step["kind"] == "device"]
    assert code == 0 and [step["level"] for step in steps if step["kind"] == "transition"] == ["orange", "none"]
    assert "BA-NVR-0001 网关或NVR失联: none -> yellow, explained by it" in devices
    assert len({text.split()[0] for text in devices}) > 30


def test_explain_says_so_of_what_came_of_no_rule() -> None:
    code, text = run("explain", "unregistered@440306025", "--scenario", "S08")
    assert code == 1 and "came of no rule: " in text


def test_explain_names_alerts_that_there_are_when_there_is_none_so_called() -> None:
    code, text = run("explain", "river-culvert-crew@NOBODY", "--scenario", "S03")
    assert code == 1 and "river-culvert-crew@BA-RIVER-LEVEL-0001" in text


# documentation


def test_every_command_remark_and_exit_code_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    commands = set(re.findall(r"^## `rules (\w+)", text, re.MULTILINE))
    assert commands == {"list", "schema", "lint", "test", "diff", "explain", "shadow", "backtest"}
    assert set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)) == set(REMEDIES)


def test_the_documented_test_passes(tmp_path: Path) -> None:
    folder = tmp_path / "baoan"
    shutil.copytree(BAOAN, folder)
    shutil.rmtree(folder / "tests")
    (folder / "tests").mkdir()
    example = re.findall(r"```yaml\n(town:.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[0]
    (folder / "tests" / "example.yaml").write_text(example, encoding="utf-8")
    assert run("test", folder)[0] == 0
