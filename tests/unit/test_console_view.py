"""What the page says of a store: which incidents, in which order, on which mark, and when it must not be believed."""

from pathlib import Path

import pytest

from alerts.console.atlas import atlas_of
from alerts.console.board import Board, Mark, StreetMark
from alerts.console.moment import Moment
from alerts.console.queries import LISTED, read_situation
from alerts.console.view import Viewer
from alerts.refusals import unregistered
from alerts.store.database import Database
from alerts.tickets import TicketState
from city.levels import Level
from city.registry import ParentKind
from city.sharding import shard_of_zone
from tests.browser.night import MINUTE_MS, NOW_MS, SHARDS, Night, baoan, new_night, night_in, over

WALL_MS = 1_700_000_000_000.0


@pytest.fixture(scope="module")
def viewer() -> Viewer:
    return Viewer(baoan(), atlas_of(baoan()))


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A calm night, seen by all shards."""
    night = new_night(tmp_path)
    night.checkpoints(WALL_MS)
    return night


def board(viewer: Viewer, night: Night, at: Moment | None = None) -> Board:
    at = at or Moment(NOW_MS, WALL_MS)
    with night.database.reading() as connection:
        return viewer.board(read_situation(connection, at.now_ms), at)


def mark(board: Board, area: str) -> Mark:
    return next(mark for mark in board.map.marks if mark.drawing.id == area)


def street(board: Board, short: str) -> StreetMark:
    return next(street for street in board.map.streets if street.drawing.short == short)


def test_a_calm_night_is_calm_where_devices_are_and_unwired_where_there_are_none(viewer: Viewer, night: Night) -> None:
    calm = board(viewer, night)
    assert calm.hazards.alarms == () and calm.hazards.rows.active == ()
    assert set(calm.counts.levels.values()) == {0} and calm.counts.shards_dark == 0
    assert mark(calm, "BA-R01-01").sight == "seen" and "正常" in mark(calm, "BA-R01-01").line
    assert mark(calm, "BA-R06-03").sight == "unwired" and "未接入" in mark(calm, "BA-R06-03").line


def test_the_worst_come_first_then_the_newest_and_the_recovered_last(viewer: Viewer, night: Night) -> None:
    night.flood("BA-R01-01", Level.ORANGE, minutes=5)
    night.flood("BA-R01-02", Level.RED, minutes=40)
    night.flood("BA-R01-03", Level.RED, minutes=10)
    ebbed = night.hazard(night.in_area("BA-R01-04")[0], Level.RED, minutes=90)
    night.record(ebbed, over(ebbed, 20))
    rows = board(viewer, night).hazards.rows
    assert [row.where for row in rows.active] == ["三围片区", "臣田工业区低洼片区", "创业路低洼路段"]
    assert [(row.where, row.peak_level) for row in rows.recovered] == [("福永大道低洼段", 4)]
    assert (rows.active_count, rows.recovered_count, rows.more) == (3, 1, 0)


def test_a_row_says_what_where_why_whose_and_until_when(viewer: Viewer, night: Night) -> None:
    night.flood("BA-R01-01", Level.RED, minutes=1, depth_cm=46.5, gauges=2)
    row = board(viewer, night).hazards.rows.active[0]
    assert (row.where, row.what, row.place) == ("创业路低洼路段", "积水深度", "新安街道 · 积水内涝点")
    assert row.reason == "BA-WL-0001 积水深度 46.5 cm, 持续 60 秒"
    assert (row.alerts, row.devices, row.level) == (2, 2, Level.RED)
    assert row.task is not None and (row.task.state, row.task.unit) == ("上报", "新安街道三防办")
    assert (row.task.step, row.task.due_ms) == ("受理", NOW_MS - MINUTE_MS + 3 * MINUTE_MS)


@pytest.mark.parametrize(
    ("state", "step", "minutes_late"),
    [
        (TicketState.REPORTED, "受理", 7),
        (TicketState.ACCEPTED, "派遣", 5),
        (TicketState.DISPATCHED, "到场", -5),
        (TicketState.DISPOSING, "处置", -110),
        (TicketState.VERIFYING, "核查", -170),
        (TicketState.SUSPENDED, None, None),
    ],
)
def test_a_ticket_is_overdue_by_the_step_its_state_waits_for(
    viewer: Viewer, night: Night, state: TicketState, step: str | None, minutes_late: int | None
) -> None:
    night.flood("BA-R01-01", Level.RED, minutes=10)
    night.work_on("创业路", state)
    seen = board(viewer, night)
    task = seen.hazards.rows.active[0].task
    assert task is not None and task.step == step
    assert task.due_ms == (None if minutes_late is None else NOW_MS - minutes_late * MINUTE_MS)
    late = minutes_late is not None and minutes_late > 0
    assert task.overdue is late and seen.counts.tickets_overdue == int(late)


def test_an_ended_ticket_is_neither_open_nor_overdue(viewer: Viewer, night: Night) -> None:
    night.flood("BA-R01-01", Level.RED, minutes=600)
    night.work_on("创业路", TicketState.CLOSED)
    counts = board(viewer, night).counts
    assert (counts.tickets_open, counts.tickets_overdue) == (0, 0)


def test_device_faults_are_listed_apart_and_never_colour_an_area(viewer: Viewer, night: Night) -> None:
    night.record(night.fault(night.in_area("BA-R01-01")[0], Level.RED, minutes=9))
    seen = board(viewer, night)
    assert seen.hazards.rows.active == () and seen.faults.active_count == 1
    assert seen.faults.active[0].reason == "一类视频点失联 540 s"
    assert (mark(seen, "BA-R01-01").level, mark(seen, "BA-R01-01").faults) == (0, 1)
    assert street(seen, "新安").level == 0
    assert sum(seen.counts.levels.values()) == 0


def test_a_hazard_colours_its_area_and_street_by_the_worst(viewer: Viewer, night: Night) -> None:
    night.flood("BA-R01-01", Level.YELLOW, minutes=9)
    night.flood("BA-R05-01", Level.RED, minutes=3)
    seen = board(viewer, night)
    assert (mark(seen, "BA-R01-01").level, mark(seen, "BA-R05-01").level) == (Level.YELLOW, Level.RED)
    assert street(seen, "新安").level == Level.RED
    assert "红色 02:49起, 1 起事件" in mark(seen, "BA-R05-01").line
    assert seen.map.marks[-1].drawing.id == "BA-R05-01", "the worst is drawn on top"


def test_a_failed_platform_stands_at_its_street_and_blinds_what_hangs_on_it(viewer: Viewer, night: Night) -> None:
    down = list(night.parent_down(ParentKind.PLATFORM, minutes=6))
    night.record(*down)
    seen = board(viewer, night)
    parent = night.city.parents[down[0].subject]
    at = next(s for s in seen.map.streets if s.drawing.code == parent.admin)
    assert (at.links, at.own) == (1, 0)
    dark = {mark.drawing.id for mark in seen.map.marks if mark.sight == "blind"}
    areas = {night.city.area_of(night.city.devices[child.subject]).id for child in down[1:]}
    assert dark and dark <= areas
    row = seen.faults.active[0]
    assert (row.where, row.explained) == (parent.name, len(down) - 1)


def test_a_failure_told_only_by_what_it_explains_is_not_called_recovered(viewer: Viewer, night: Night) -> None:
    platform, *children = night.parent_down(ParentKind.PLATFORM, minutes=6)
    night.record(*children)
    assert board(viewer, night).faults.recovered == ()
    night.record(platform)
    rows = board(viewer, night).faults.active
    assert [row.where for row in rows if row.nature == "parent"] == [night.city.parents[platform.subject].name]


def test_a_hazard_of_a_whole_platform_stands_at_the_street(viewer: Viewer, night: Night) -> None:
    lane = next(device for device in night.city.devices.values() if device.type == "electronic-sentry")
    slow = night.hazard(lane, Level.ORANGE, 4, group="platform", group_key=lane.platform, title="核验时延")
    night.record(slow)
    seen = board(viewer, night)
    at = next(s for s in seen.map.streets if s.drawing.code == slow.admin)
    assert (at.own, at.own_level, at.level) == (1, Level.ORANGE, Level.ORANGE)
    assert mark(seen, str(slow.area)).level == 0
    assert seen.hazards.rows.active[0].where == night.city.parents[str(lane.platform)].name


def test_a_blind_shard_hatches_its_streets_and_says_since_when(viewer: Viewer, night: Night) -> None:
    blind = shard_of_zone("BA-Z-shiyan", SHARDS)
    night.checkpoints(WALL_MS, blind=blind)
    night.record(night.blind("ingest-2", minutes=4))
    seen = board(viewer, night)
    assert street(seen, "石岩").blind and mark(seen, "BA-R01-10").sight == "blind"
    assert not street(seen, "新桥").blind
    alarm = seen.hazards.alarms[0]
    assert "石岩" in alarm.title and "ingest-2" in alarm.detail and alarm.since_ms == NOW_MS - 4 * MINUTE_MS
    assert (seen.counts.shards_dark, seen.counts.shards) == (1, SHARDS)


def test_a_detector_that_saves_nothing_blinds_everything(viewer: Viewer, night: Night) -> None:
    seen = board(viewer, night, Moment(NOW_MS + 61_000, WALL_MS + 61_000))
    assert seen.hazards.alarms[0].title == "判定停摆: 全区"
    assert {m.sight for m in seen.map.marks} == {"blind", "unwired"}
    assert seen.counts.shards_dark == SHARDS


def test_after_a_play_nobody_need_judge_but_what_was_not_judged_is_told(viewer: Viewer, night: Night) -> None:
    night.checkpoint(0, WALL_MS, log_ms=NOW_MS - 10 * MINUTE_MS)
    seen = board(viewer, night, Moment(NOW_MS, WALL_MS + 60 * MINUTE_MS, over=True))
    assert [s.seeing.value for s in seen.feed.shards] == ["lagging", "seen", "seen", "seen"]
    assert seen.counts.shards_dark == 0


def test_a_store_that_nobody_ever_judged_for_is_no_calm_night(viewer: Viewer, tmp_path: Path) -> None:
    seen = board(viewer, new_night(tmp_path))
    assert seen.hazards.alarms[0].title == "没有任何判定数据"
    assert {m.sight for m in seen.map.marks} == {"blind", "unwired"}


def test_a_shard_that_was_just_claimed_is_not_seen_yet(viewer: Viewer, night: Night) -> None:
    night.checkpoint(0, WALL_MS, log_ms=None)
    assert board(viewer, night).feed.shards[0].seeing.value == "starting"


@pytest.mark.parametrize(("speed", "seeing"), [(1.0, "lagging"), (60.0, "seen")])
def test_lag_counts_in_the_time_that_people_wait(viewer: Viewer, night: Night, speed: float, seeing: str) -> None:
    night.checkpoint(0, WALL_MS - 1_000, log_ms=NOW_MS - 10 * MINUTE_MS)
    for shard in (1, 2, 3):
        night.checkpoint(shard, WALL_MS - 1_000, log_ms=NOW_MS - int(speed * 1_000))
    shards = {s.shard: s for s in board(viewer, night, Moment(NOW_MS, WALL_MS, speed)).feed.shards}
    assert shards[0].seeing.value == seeing
    assert shards[0].lag_s == 600 - speed
    assert shards[1].lag_s == 0 and shards[1].seeing.value == "seen"


def test_a_long_list_is_cut_and_says_how_many_more_there_are(viewer: Viewer, night: Night) -> None:
    devices = list(night.city.devices.values())[: LISTED + 20]
    night.record(*(night.fault(device, Level.BLUE, minutes=i + 1) for i, device in enumerate(devices)))
    faults = board(viewer, night).faults
    assert (len(faults.active), faults.more, faults.active_count) == (LISTED, 20, LISTED + 20)


def test_an_incident_of_devices_nobody_registered_is_at_its_street_or_only_on_the_list(
    viewer: Viewer, night: Night
) -> None:
    night.record(
        unregistered("citysafety/440306/440306022/video-coverage/ghost/hb", "ghost", NOW_MS, night.city),
        unregistered("citysafety/x/y", "<b>ghost</b>", NOW_MS, night.city),
    )
    seen = board(viewer, night)
    assert street(seen, "沙井").links == 1
    assert {row.where for row in seen.faults.active} == {"沙井街道", "elsewhere"}


def test_dead_letters_are_counted_by_reason_ever_and_for_the_last_hour(viewer: Viewer, night: Night) -> None:
    night.refuse("range", 90)
    night.refuse("unit", 2)
    seen = board(viewer, night)
    assert [(c.reason, c.total, c.last_hour) for c in seen.feed.letters] == [("range", 90, 60), ("unit", 2, 2)]
    assert (seen.counts.letters, seen.counts.letters_capped) == (62, False)


def test_the_same_situation_seen_later_is_no_news_until_a_deadline_passes(viewer: Viewer, night: Night) -> None:
    night.flood("BA-R01-01", Level.RED, minutes=1)
    at_once, soon = board(viewer, night), board(viewer, night, Moment(NOW_MS + 30_000, WALL_MS + 30_000))
    assert (at_once.hazards, at_once.map, at_once.counts) == (soon.hazards, soon.map, soon.counts)
    late = board(viewer, night, Moment(NOW_MS + 5 * MINUTE_MS, WALL_MS + 30_000))
    assert late.hazards != soon.hazards and late.counts.tickets_overdue == 1


@pytest.mark.servers
def test_postgresql_answers_the_same(viewer: Viewer, night: Night, postgres_url: str) -> None:
    other = night_in(postgres_url)
    other.checkpoints(WALL_MS)
    for one in (night, other):
        one.flood("BA-R01-01", Level.RED, minutes=10, gauges=2)
        one.record(*one.parent_down(ParentKind.PLATFORM, minutes=6))
        one.refuse("range", 90)
    assert board(viewer, other) == board(viewer, night)
    other.database.dispose()


def test_the_store_is_only_read(viewer: Viewer, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "writing", None)
    assert board(viewer, night).counts.faults == 0
