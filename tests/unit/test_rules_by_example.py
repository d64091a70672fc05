"""docs/rules-by-example.md: every rule there loads, every test passes, and no construct goes without an example."""

import re
from pathlib import Path

import pytest

from city.tables import read_city, shipped_pack
from rules.authoring.test_file import read_tests
from rules.authoring.testing import run_tests
from rules.language.functions import FUNCTIONS
from rules.language.load import load_pack
from tests.unit.packs import write_pack

PAGE = (Path(__file__).parents[2] / "docs" / "rules-by-example.md").read_text(encoding="utf-8")
TOWN = re.findall(r"```yaml\n(town:.*?)```", PAGE, re.DOTALL)[0]
EXAMPLES = re.findall(
    r"^## (\d+\..*?)\n.*?```yaml\n(class.*?)```\n+```yaml\n(tests:.*?)```", PAGE, re.DOTALL | re.MULTILINE
)
CITY = read_city(shipped_pack("baoan"))


@pytest.mark.parametrize(("title", "rules", "tests"), EXAMPLES, ids=[title[:30] for title, _, _ in EXAMPLES])
def test_an_example_does_what_it_says(title: str, rules: str, tests: str, tmp_path: Path) -> None:
    folder = write_pack(tmp_path, rules)
    (folder / "tests").mkdir()
    (folder / "tests" / "example.yaml").write_text(TOWN + tests, encoding="utf-8")
    pack = load_pack(folder, CITY.catalogue)
    outcomes = list(run_tests(read_tests(folder, pack, CITY.catalogue), pack, CITY.catalogue, CITY.time_zone))
    assert {o.test.node.name: o.failures for o in outcomes if o.failures} == {}, title


def test_every_section_is_an_example_and_none_is_skipped() -> None:
    assert [title for title, _, _ in EXAMPLES] == re.findall(r"^## (.*)$", PAGE, re.MULTILINE)


def test_every_function_and_every_key_of_a_rule_is_in_an_example() -> None:
    text = "".join(rules for _, rules, _ in EXAMPLES)
    assert [name for name in FUNCTIONS if f"{name}(" not in text] == []
    keys = "levels conditions when hold evidence clear promote cap confirm overrides actions absence derive parents per"
    assert [key for key in keys.split() if f"{key}:" not in text] == []
    places = ("within", "upstream", "in site", "in area", "in street", "in zone")
    assert [place for place in places if place not in text] == []
