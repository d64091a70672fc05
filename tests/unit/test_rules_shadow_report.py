"""What a shadow run says in the end: tickets more and less, as data and in words."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from alerts.deadlines import load_policy
from city.errors import SettingError
from city.levels import Level
from city.tables import shipped_pack
from city.transitions import Transition
from qianshao.cli import app
from qianshao.shadow_text import shadowed
from qianshao.shadow_tickets import PaperDesk, apart
from qianshao.shadowing import judging
from tests.browser.night import baoan, new_night, then
from tests.browser.versions import SHADOW


@pytest.fixture
def desks() -> tuple[PaperDesk, PaperDesk]:
    policy = load_policy(shipped_pack("baoan"))
    return PaperDesk(baoan(), policy), PaperDesk(baoan(), policy)


@pytest.fixture
def water(tmp_path) -> Any:
    """Water in an area, told by its first gauge."""
    night = new_night(tmp_path)

    def of(area: str, level: Level) -> Transition:
        return night.hazard(night.in_area(area)[0], level, 10)

    return of


def test_tickets_that_only_one_of_them_opens_and_those_of_another_level(desks, water) -> None:
    live, candidate = desks
    live.take([water("BA-R01-01", Level.RED), water("BA-R01-02", Level.YELLOW)])
    candidate.take([water("BA-R01-01", Level.ORANGE), water("BA-R01-04", Level.BLUE)])
    found = apart(live, candidate)
    assert (found["live"], found["candidate"]) == (2, 2)
    assert [ticket["level"] for ticket in found["less"]] == ["yellow"]
    assert [ticket["level"] for ticket in found["more"]] == ["blue"]
    (other,) = found["other_level"]
    assert (other["level"], other["candidate_level"]) == ("red", "orange")


def test_alerts_of_other_ids_about_the_same_open_the_same_ticket(desks, water) -> None:
    live, candidate = desks
    told = water("BA-R01-01", Level.RED)
    live.take([told])
    candidate.take([replace(told, alert="another", rule_version="v2")])
    found = apart(live, candidate)
    assert (found["more"], found["less"], found["other_level"]) == ([], [], [])


def test_a_desk_on_paper_forgets_what_is_over_and_still_opens_one_ticket_for_one_cause(desks, water) -> None:
    desk, _ = desks
    told = water("BA-R01-01", Level.RED)
    for number in range(50):
        again = replace(told, alert=f"alert {number}", event_ms=told.event_ms + number)
        desk.take([again, then(again, Level.NONE, 0)])
    assert len(desk.tickets) == 1 and desk._book.alerts == {}


def report(**more: Any) -> dict[str, Any]:
    return {**SHADOW, "id": 12, "time_zone": "Asia/Shanghai", **more}


def test_it_is_told_to_people_difference_by_difference() -> None:
    text = shadowed(report())
    for words in (
        *("differences: 2", "depth: later orange x 1"),
        "2023-09-08 02:21:00 to now  depth on BA-WL-0001: yellow only as it is",
        "2023-09-08 02:30:00 to 2023-09-08 02:34:00  depth on BA-WL-0002: orange 4 min later with the candidate",
        *("only since timers begin anew at a publication: 1", "(1 more, 1 less, 0 at another level)"),
        *("+ orange 创业路低洼路段 积水深度", "1482903 readings in 4 shards, 3 records behind", "report 12"),
    ):
        assert words in text, text
    assert "forgotten" not in text and "compare anew" not in text


def test_what_it_could_not_compare_is_told_too() -> None:
    read = {"records": 0, "unreadable": 2, "missed": 7, "behind": 0}
    text = shadowed(report(read=read, from_ms=None, replaced_meanwhile=True, id=None))
    for words in (
        "had forgotten 7 records",
        "unreadable records: 2",
        "judged: nothing",
        "compare anew",
        "kept nowhere else",
    ):
        assert words in text, text


def test_a_time_that_is_none_is_refused_before_anything_is_read(tmp_path) -> None:
    result = CliRunner().invoke(app, ["rules", "shadow", str(tmp_path), "--for", "soon"])
    assert result.exit_code == 2 and "'soon' is not a duration" in result.output


class Source:
    """Of rules: publication 3 means "a", the folder of the settings "b"."""

    def begin(self) -> str:
        return "in force"

    def earlier(self, sequence: int) -> Any:
        meaning = {3: "a", 0: "b"}.get(sequence)
        return SimpleNamespace(pack=SimpleNamespace(meaning=meaning)) if meaning else None


def test_it_compares_with_what_the_shards_were_judged_by_and_not_with_what_is_only_named() -> None:
    assert judging([{"meaning": "a", "sequence": 3}, {}], Source()).pack.meaning == "a"
    assert judging([{"meaning": "b"}], Source()).pack.meaning == "b"
    assert judging([{}, {}], Source()) == "in force", "nobody has judged yet"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([{"meaning": "a", "sequence": 3}, {"meaning": "b"}], "by different rules"),
        ([{"meaning": "z", "sequence": 3}], "no longer in publication 3"),
        ([{"meaning": "a"}], "no longer in the folder"),
        ([{"meaning": "a", "sequence": 9}], "no longer in publication 9"),
    ],
)
def test_where_nobody_can_say_what_the_shards_were_judged_by_it_refuses(told: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(SettingError, match=why):
        judging(told, Source())
