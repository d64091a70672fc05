"""The page's words: every reason and outcome has some, and foreign text does no harm."""

import pytest

from alerts.console import words
from alerts.pending import STEPS, states_waiting_for, waits_for
from alerts.tickets import TicketState
from city.catalogue import Catalogue
from city.registry import AdminUnit
from city.tables import shipped_pack
from city.yamlfile import load_yaml
from ingest.dead_letters import Reason
from rules.engine.state import OUTCOMES

ZONE = "Asia/Shanghai"
NOW_MS = 1_694_112_720_000  # 2023-09-08 02:52 in Shenzhen


def test_every_reason_of_ingest_is_explained_with_a_remedy() -> None:
    assert set(words.REFUSALS) == {reason.value for reason in Reason}
    assert all(why.name and why.meaning and why.remedy for why in words.REFUSALS.values())
    assert words.refusal("of-tomorrow").name == "of-tomorrow"


def test_every_outcome_of_the_engine_has_a_word() -> None:
    assert set(words.OUTCOMES) == set(OUTCOMES)


def test_every_class_of_the_pack_has_a_character_of_its_own() -> None:
    catalogue = load_yaml(shipped_pack("baoan") / "catalogue.yaml", Catalogue).value
    glyphs = {words.glyph_of_class(c.slug, c.name) for c in catalogue.classes}
    assert len(glyphs) == 15 and all(len(glyph) == 1 for glyph in glyphs)
    assert words.glyph_of_class("new-class", "滑坡") == "滑"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0秒"),
        (59, "59秒"),
        (60, "1分"),
        (3599, "59分"),
        (3_900, "1小时05分"),
        (86_399, "23小时59分"),
        (97_200, "1天03小时"),
    ],
)
def test_spans_are_said_shortly(seconds: int, said: str) -> None:
    assert words.span(seconds * 1000) == said


def test_deadlines_count_down_and_then_up() -> None:
    assert words.due(NOW_MS + 90_000, NOW_MS) == "剩1分"
    assert words.due(NOW_MS, NOW_MS) == "剩0秒"
    assert words.due(NOW_MS - 90_000, NOW_MS) == "超时1分"


def test_moments_say_the_day_only_when_it_is_another() -> None:
    assert words.moment(NOW_MS - 600_000, NOW_MS, ZONE) == "02:42"
    assert words.moment(NOW_MS - 4 * 3_600_000, NOW_MS, ZONE) == "09-07 22:52"
    assert words.moment(NOW_MS - 300 * 86_400_000, NOW_MS, ZONE).startswith("2022-")
    assert words.moment(None, NOW_MS, ZONE) == "无"
    assert words.clock_face(NOW_MS, ZONE) == ("2023-09-08 周五", "02:52:00")


def test_foreign_text_cannot_hide_reorder_or_run_on() -> None:
    assert words.shown("a\u202eb\x00c\u200bd\ne") == "a·b·c·d·e"
    assert words.shown("x" * 500, 10) == "x" * 10 + "…"
    assert words.shown(None) == ""


def test_names_of_places_are_shortened_but_never_to_nothing() -> None:
    streets = [AdminUnit(code="1", name=name, kind="街道") for name in ("新安街道", "虎门镇", "镇", "松山湖")]
    assert [street.short for street in streets] == ["新安", "虎门", "镇", "松山湖"]


def test_every_state_that_a_clock_runs_in_waits_for_one_step() -> None:
    timeless = {state for state in TicketState if waits_for(state) is None}
    assert timeless == {TicketState.SUSPENDED, TicketState.CLOSED, TicketState.MERGED, TicketState.VOID}
    listed = [state for step in STEPS for state in states_waiting_for(step)]
    assert sorted(listed) == sorted(state.value for state in TicketState if state not in timeless)
