"""Warnings that come late, twice and in any order tell the same; and so does a flood of reports."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.warned import CITIZENS, Cap, Evening, after

DEPTH_CM = 28.0
"""Orange for a road, where anything confirms it; without a witness it is yellow, in doubt."""
CONFIRMED, IN_DOUBT = ("waterlogging-depth", "orange", False), ("waterlogging-depth", "yellow", True)


def night_of(warnings: list[Cap]) -> Evening:
    """The warnings come at the 40th minute, when all of them have been issued; then there is water on the road."""
    evening = Evening()
    evening.warn(warnings, at=40)
    evening.water(DEPTH_CM, 41, 49)
    assert evening.refusals() == []
    return evening


def worst(evening: Evening) -> tuple[str, str, bool] | None:
    """The highest level told of the gauge's depth."""
    order = ("blue", "yellow", "orange", "red")
    told = [t[:3] for t in evening.of_the_road() if t[0] == "waterlogging-depth"]
    return max(told, key=lambda t: order.index(t[1]), default=None)


@st.composite
def warnings(draw: st.DrawFn) -> list[Cap]:
    """What a warning centre issued, more than once in one second of it."""
    issued: list[Cap] = []
    for i in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["Alert", "Update", "Cancel"])) if issued else "Alert"
        before = draw(st.sampled_from(issued)) if kind != "Alert" else None
        issued.append(
            Cap(
                id=f"W{i}",
                sent=draw(st.sampled_from([2, 10, 20, 38])),
                colour=draw(st.sampled_from(["黄色", "橙色", "红色"])),
                kind=kind,
                of=(before.id, before.sent) if before else None,
                expires=draw(st.none() | st.sampled_from([39, 200])),
            )
        )
    return issued


def stands(issued: list[Cap]) -> bool:
    """Whether an orange or red warning is in force when the water comes: the newest decides, a change coming after what
    it changes; of two of one moment the worse, then the longer."""
    rank = {"黄色": 2, "橙色": 3, "红色": 4}

    def order(w: Cap) -> tuple[float, int, float]:
        moment = max(w.sent, w.of[1] + 1e-6 if w.of else w.sent)
        if w.kind == "Cancel":
            return moment, 0, 0.0
        return moment, rank[w.colour], (w.expires - moment if w.expires is not None else 24 * 60)

    newest = max(issued, key=order)
    moment, level, lasts = order(newest)
    return level >= 3 and moment + lasts > 49


@settings(max_examples=60)
@given(data=st.data())
def test_any_order_and_repetition_of_the_same_warnings_gives_the_same_alerts(data: st.DataObject) -> None:
    issued = data.draw(warnings())
    again = data.draw(st.lists(st.sampled_from(issued), max_size=6))
    shuffled = data.draw(st.permutations([*issued, *again]))
    in_order = night_of(sorted(issued, key=lambda w: w.sent))
    assert night_of(shuffled).of_the_road() == in_order.of_the_road()
    assert worst(in_order) == (CONFIRMED if stands(issued) else IN_DOUBT)


def test_a_cancel_that_comes_before_its_alert_wins() -> None:
    alert, cancel = Cap("A", 10), Cap("C", 20, kind="Cancel", of=("A", 10))
    assert worst(night_of([cancel, alert])) == IN_DOUBT
    assert worst(night_of([alert])) == CONFIRMED


def test_a_cancel_of_the_same_second_still_comes_after_what_it_takes_back() -> None:
    alert, cancel = Cap("A", 10), Cap("C", 10, kind="Cancel", of=("A", 10))
    assert worst(night_of([alert, cancel])) == worst(night_of([cancel, alert])) == IN_DOUBT


def test_a_warning_that_was_held_up_for_half_an_hour_counts_all_the_same() -> None:
    """Where a reading so late would be kept as history."""
    assert worst(night_of([Cap("A", 5)])) == CONFIRMED


def test_an_exercise_never_counts_and_takes_nothing_back() -> None:
    assert worst(night_of([Cap("E", 20, status="Exercise"), Cap("T", 21, status="Test")])) == IN_DOUBT
    assert worst(night_of([Cap("A", 10), Cap("E", 20, kind="Cancel", of=("A", 10), status="Exercise")])) == CONFIRMED


def test_a_warning_without_an_end_ends_by_the_table_and_by_log_time() -> None:
    """A day for rain: nobody says so, time alone does it."""
    evening = Evening()
    evening.warn([Cap("A", 0)], at=1)
    evening.until(24 * 60 + 1)
    evening.water(DEPTH_CM, 24 * 60 + 2, 24 * 60 + 10)
    assert worst(evening) == IN_DOUBT


SEEN = {"category": "积水", "lat": 22.5501, "lon": 113.9001}


@settings(max_examples=20)
@given(reports=st.lists(st.tuples(st.integers(0, 30), st.sampled_from([22.55, 22.551, 22.56])), max_size=60))
def test_however_many_report_nothing_is_raised_where_no_sensor_says_so(reports: list[tuple[int, float]]) -> None:
    evening = Evening()
    for minute, lat in sorted(reports):
        evening.send(CITIZENS, {**SEEN, "lat": lat}, minute)
    evening.water(1.0, 31, 40)
    assert evening.refusals() == []
    assert evening.of_the_road() == []


def test_a_flood_of_reports_is_one_witness() -> None:
    once, flood = Evening(), Evening()
    once.send(CITIZENS, SEEN, 1)
    for _ in range(500):
        flood.send(CITIZENS, SEEN, 1)
    for evening in (once, flood):
        evening.water(DEPTH_CM, 2, 10)
    assert worst(once) == CONFIRMED
    assert flood.of_the_road() == once.of_the_road()


def test_a_report_from_elsewhere_confirms_nothing() -> None:
    evening = Evening()
    evening.send(CITIZENS, {**SEEN, "lat": 22.56}, 1)
    evening.water(DEPTH_CM, 2, 10)
    assert worst(evening) == IN_DOUBT


def test_a_replay_of_the_same_messages_tells_the_same() -> None:
    issued = [Cap("A", 10, "橙色"), Cap("U", 20, "红色", "Update", ("A", 10), expires=45), Cap("B", 5, "黄色")]
    assert night_of(issued).told == night_of(issued).told
    assert after(0) == "2023-09-07T17:00:00+08:00"


def test_of_two_warnings_of_one_second_the_worse_counts_in_either_order() -> None:
    yellow, red = Cap("Y", 10, "黄色"), Cap("R", 10, "红色")
    assert worst(night_of([yellow, red])) == worst(night_of([red, yellow])) == CONFIRMED
