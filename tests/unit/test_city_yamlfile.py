"""YAML files: whatever is wrong has a line, a column and a remedy."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.errors import ConfigErrors
from city.registry import ParentKind
from city.yamlfile import dump_yaml, load_yaml


class Clear(msgspec.Struct, forbid_unknown_fields=True, rename={"duration": "for"}):
    duration: str
    margin: float | str = 0.0


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    clear: Clear
    levels: dict[Literal["blue", "red"], float] = {}
    hold: str | dict[str, str] = "0s"
    kind: ParentKind = ParentKind.POWER
    share: Annotated[float, msgspec.Meta(le=100)] = 0.0
    since: date | None = None
    notes: list[str] = []
    loud: bool = True


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    rules: list[Rule]


GOOD = """\
# a comment
rules:
  - id: 积水深度
    clear: {for: 15m, margin: 3 cm}
    levels:
      blue: 10
      red: 4e1
    hold: {blue: 5m}
    since: 2023-09-07
"""


def errors_of(folder: Path, text: str | bytes, type_: type = Rules) -> list[tuple[int, int, str, str]]:
    """(line, column, message, remedy) of every error of a file with this text."""
    path = folder / "rules.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigErrors) as caught:
        load_yaml(path, type_)
    assert all(error.file == path for error in caught.value.errors)
    return [(e.line, e.column, e.message, e.remedy) for e in caught.value.errors]


def test_a_good_file_becomes_its_type_and_knows_where_every_value_stands(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    file = load_yaml(path, Rules)
    assert file.value.rules[0] == Rule(
        id="积水深度",
        clear=Clear("15m", "3 cm"),
        levels={"blue": 10.0, "red": 40.0},
        hold={"blue": "5m"},
        since=date(2023, 9, 7),
    )
    assert file.mark(("rules", 0, "levels", "red")) == (7, 12)
    assert file.mark(("rules", 0, "levels", "red"), key=True) == (7, 7)
    assert file.mark(("rules", 0, "clear", "margin")) == (4, 31)
    assert file.mark(("rules", 0, "hold", "red")) == (8, 11), "of what is not written: the nearest thing above"
    assert file.keys(("rules", 0, "clear")) == ["for", "margin"]
    assert file.keys(("rules", 0, "id")) == []
    assert str(file.error(("rules", 0, "id"), "bad", "mend it")) == f"{path}:3:9: bad (mend it)"


def test_every_mistake_of_a_file_is_told_at_once_in_reading_order(tmp_path: Path) -> None:
    text = """\
rules:
  - id: 440306
    clear: {for: 15m, margn: 3}
    levels: {blu: 10, red: 高}
    kind: gatway
    share: 250
    since: 2023/9/7
    loud: no
    hold: 1m
    hold: 2m
  - clear:
"""
    found = errors_of(tmp_path, text)
    assert [(line, column) for line, column, _, _ in found] == [
        (2, 9),
        (3, 23),
        (4, 14),
        (4, 28),
        (5, 11),
        (6, 12),
        (7, 12),
        (8, 11),
        (10, 5),
        (11, 5),
        (11, 11),
    ]
    told = [f"{message} | {remedy}" for _, _, message, remedy in found]
    assert told[0] == "id is 440306: expected text, got a whole number | put it in quotes: '440306'"
    assert told[1] == "unknown field 'margn' | did you mean margin?"
    assert told[2].endswith("| did you mean blue?")
    assert told[3].startswith("red is '高': expected a number, got text")
    assert told[4] == "kind is 'gatway': invalid enum value 'gatway' | did you mean gateway?"
    assert "<= 100" in told[5]
    assert told[6].endswith("| write it as 2023-09-07")
    assert told[7].endswith("| write true or false")
    assert told[8] == "key 'hold' is given twice, first at line 9 | keep one of them"
    assert told[9] == "field 'id' is missing | add it"
    assert told[10].startswith("clear is empty: expected a mapping")


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("rules: a: b", (1, 9), "put a text with a colon in quotes"),
        ("rules:\n\t- id: x", (2, 1), "indent with blanks, not with tabs"),
        ("rules: @x", (1, 8), "begins with this character in quotes"),
        ("rules: >= 3", (1, 9), "begins with > or |"),
        ("rules: *x", (1, 8), "begins with *"),
        ("rules: 'x", (1, 10), "never closed"),
        ("rules: [1, 2", (2, 1), "never closed"),
        ("- a\nb: 1", (2, 1), "line the entries up"),
        ("rules: []\n---\nrules: []", (2, 1), "one document a file"),
        ("rules: !secret x", (1, 8), "remove the tag"),
        ("rules：[]", (1, 1), "write a plain colon"),
        ("rules: [{id: rise(depth, 10m) >= 10, clear: {for: 1m}}]", (1, 26), "a comma ends a text"),
        ("rules: [{id: x, clear: {for: 1m}, notes: [水位: 高]}]", (1, 43), "a colon and a blank"),
        ("rules: 水\x07", (1, 9), "remove it"),
    ],
)
def test_yaml_that_swallows_or_refuses_what_was_meant(
    tmp_path: Path, text: str, place: tuple[int, int], remedy: str
) -> None:
    found = errors_of(tmp_path, text)
    assert (found[0][:2], remedy in found[0][3]) == (place, True), found[0]


def test_files_that_are_no_text_we_can_read(tmp_path: Path) -> None:
    gbk = errors_of(tmp_path, "rules: []\nx: 积水".encode("gb18030"))
    assert gbk[0][:2] == (2, 4)
    assert ("GB18030" in gbk[0][2], gbk[0][3]) == (True, "save it as “CSV UTF-8”")
    assert "UTF-16" in errors_of(tmp_path, "rules: []".encode("utf-16"))[0][2]
    assert "workbook" in errors_of(tmp_path, b"PK\x03\x04\xff\xfe")[0][2]
    assert "empty" in errors_of(tmp_path, "")[0][2]
    assert "only comments" in errors_of(tmp_path, "# later")[0][2]
    with pytest.raises(ConfigErrors, match="the file is missing"):
        load_yaml(tmp_path / "none.yaml", Rules)


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_yaml(path, Rules).mark(("rules", 0, "id")) == (3, 9)


def test_words_mean_what_they_look_like(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("on: no\noff: 12:30\ncode: 0755\nday: 2023-09-07\nsmall: 1e-3\nyes: true\nnone:\n")
    assert load_yaml(path, dict).value == {
        "on": "no",
        "off": "12:30",
        "code": "0755",
        "day": "2023-09-07",
        "small": 0.001,
        "yes": True,
        "none": None,
    }


def test_shared_parts_are_marked_where_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "shared.yaml"
    path.write_text("a: &shared {p: 1, q: 2}\nb: {<<: *shared, q: 3}\nc: *shared\n")
    file = load_yaml(path, dict)
    assert file.value == {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}, "c": {"p": 1, "q": 2}}
    assert file.mark(("b", "p")) == (1, 16)
    assert file.mark(("b", "q")) == (2, 21)
    assert file.keys(("b",)) == ["p", "q"]


class Tree(msgspec.Struct):
    branches: "list[Tree]" = []


def test_a_part_that_holds_itself_is_refused(tmp_path: Path) -> None:
    assert "stands inside what it refers to" in errors_of(tmp_path, "branches: &b [{branches: *b}]", Tree)[0][2]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(value=st.dictionaries(st.text(), PLAIN, min_size=1, max_size=4))
def test_what_is_dumped_loads_back_the_same(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]) -> None:
    path = tmp_path_factory.mktemp("yaml") / "any.yaml"
    path.write_text(dump_yaml(value), encoding="utf-8", newline="")
    assert load_yaml(path, dict).value == value
