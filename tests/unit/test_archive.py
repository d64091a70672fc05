"""The archive: what is written counts once, whoever is killed, whatever is put together or thrown away; and what is
lost is told."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from city.errors import SettingError, Unavailable
from city.levels import Level
from city.log import ALERTS, BATCH, READINGS, TICK
from city.readings import Batch, Tick, batch_of, decode, decode_tick, encode, encode_tick
from city.transitions import Nature, SubjectKind, Transition, encode_transition
from streams.app import Record
from streams.archive.catalogue import Catalogue
from streams.archive.draft import Draft
from streams.archive.folder import HEAD, ArchiveFolder
from streams.archive.keeping import MANY, Keeper
from streams.archive.replay import ROW_BITS, NothingThere
from streams.poison import UNREADABLE
from tests.archives import LOG, archived, record, replay_of
from tests.unit.archive_story import MIDNIGHT_MS, SECOND_MS, SHARDS, Story, batch, city, number_of

DAY_MS = 86_400_000


def said_in(archive: ArchiveFolder, shard: int, **span: int) -> list[tuple[object, ...]]:
    """What a shard said, in the order of the log, a reading or tick at a time."""
    return list(plain(replay_of(archive, **span).said(shard)))


def plain(said: Iterator[Batch | Tick]) -> Iterator[tuple[object, ...]]:
    for each in said:
        if isinstance(each, Tick):
            yield ("tick", each)
        else:
            yield from zip(*(column.tolist() for column in each.columns), strict=True)


def told_by(records: list[Record], shard: int) -> list[tuple[object, ...]]:
    of_shard = [r for r in records if r.partition == shard and r.topic == READINGS]
    return list(plain(decode_tick(r.value) if r.headers["kind"] == TICK else decode(r.value) for r in of_shard))


# What is read again is what the log said ----------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_a_shard_is_read_again_as_the_log_had_it_however_it_was_written(tmp_path: Path, at_once: int) -> None:
    records = Story(now_ms=MIDNIGHT_MS - 5 * SECOND_MS).go_on(10)
    archive = archived(tmp_path, city(), records, SHARDS, at_once)
    for shard in range(SHARDS):
        assert said_in(archive, shard) == told_by(records, shard)


def test_readings_lie_by_the_day_of_the_log_in_the_city_and_by_class(tmp_path: Path) -> None:
    story = Story()
    archive = archived(tmp_path, city(), story.go_on(120), SHARDS)
    rows = {(f.table, f.day, f.risk_class): f.rows for f in archive.read().files}
    classes = {city().area_of(city().devices[name]).risk_class for name in ("G1", "C1")}
    assert {key for key in rows if key[0] == "readings"} == {
        ("readings", day, of) for day in ("2023-09-07", "2023-09-08") for of in classes
    }
    # a record after the last tick before midnight belongs to the day of that tick
    assert rows["ticks", "2023-09-07", "common"] == rows["ticks", "2023-09-08", "common"] == 60 * SHARDS
    assert sum(n for key, n in rows.items() if key[:2] == ("readings", "2023-09-07")) == 3 * 61 * SHARDS


def test_a_reading_that_came_late_lies_under_the_day_on_which_it_came(tmp_path: Path) -> None:
    tick = encode_tick(Tick("ingest-1", MIDNIGHT_MS, SECOND_MS, True))
    late = encode(batch(MIDNIGHT_MS - 2 * DAY_MS, "G1"))
    archive = archived(tmp_path, city(), [record(READINGS, 0, 0, tick, TICK), record(READINGS, 0, 1, late, BATCH)], 1)
    assert {f.day for f in archive.read().files} == {"2023-09-08"}


def test_readings_of_devices_that_nobody_knows_are_kept_too(tmp_path: Path) -> None:
    strange = batch_of([4_000_000], [1], [MIDNIGHT_MS], [1.0], [1], [0])
    archive = archived(tmp_path, city(), [record(READINGS, 0, 0, encode(strange), BATCH)], 1)
    assert [(f.risk_class, f.rows) for f in archive.read().files] == [("unknown", 1)]


def test_a_part_of_log_time_is_what_lies_between_two_ticks(tmp_path: Path) -> None:
    story = Story()
    records = story.go_on(120)
    archive = archived(tmp_path, city(), records, SHARDS, 50)
    first, last = MIDNIGHT_MS - 10 * SECOND_MS, MIDNIGHT_MS + 10 * SECOND_MS
    found = said_in(archive, 0, start_ms=first, end_ms=last)
    clocks = [each[1].clock_ms for each in found if each[0] == "tick"]  # type: ignore[attr-defined]
    assert clocks == list(range(first, last, SECOND_MS))
    everything = told_by(records, 0)
    begin = everything.index(found[0])
    assert everything[begin : begin + len(found)] == found


def test_a_new_log_goes_on_where_the_one_before_ended(tmp_path: Path) -> None:
    story = Story()
    first = story.go_on(30)
    archived(tmp_path, city(), first, SHARDS)
    second = [replace_offset(r, r.offset - first[-1].offset - 1) for r in story.go_on(30)]
    archive = archived(tmp_path, city(), second, SHARDS, log="another log")
    assert archive.read().logs == (LOG, "another log")
    for shard in range(SHARDS):
        assert said_in(archive, shard) == told_by(first, shard) + told_by(second, shard)


def replace_offset(of: Record, offset: int) -> Record:
    return record(of.topic, of.partition, offset, of.value, of.headers["kind"])


def test_a_part_that_nothing_is_of_says_what_there_is(tmp_path: Path) -> None:
    archive = archived(tmp_path, city(), Story().go_on(2), SHARDS)
    with pytest.raises(NothingThere, match="from 2023-09-07 to 2023-09-07"):
        replay_of(archive, start_ms=MIDNIGHT_MS + DAY_MS)
    with pytest.raises(NothingThere, match="nothing yet"):
        replay_of(ArchiveFolder(tmp_path / "empty"))


# Killed at any time -------------------------------------------------------------------------------------------------


def test_what_comes_again_after_a_kill_is_not_written_again(tmp_path: Path) -> None:
    records = Story().go_on(60)
    archived(tmp_path, city(), records[:100], SHARDS, 30)
    archive = archived(tmp_path, city(), records, SHARDS, 45)  # from the beginning: nothing had been acknowledged
    for shard in range(SHARDS):
        assert said_in(archive, shard) == told_by(records, shard)


def test_files_that_were_written_and_not_noted_before_a_kill_do_not_count(tmp_path: Path) -> None:
    records = Story().go_on(60)
    archive = archived(tmp_path, city(), records[:100], SHARDS)
    draft = Draft(city(), 0, archive.read().positions)
    for each in records[100:]:
        draft.take(each)
    groups, _, _ = draft.cut()
    for number, (group, pieces) in zip(archive.numbers(len(groups)), groups.items(), strict=True):
        archive.write(number, group, pieces)  # killed here: the catalogue was not changed
    again = archived(tmp_path, city(), records, SHARDS)
    for shard in range(SHARDS):
        assert said_in(again, shard) == told_by(records, shard)


def test_a_catalogue_that_cannot_be_written_leaves_the_one_before_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archived(tmp_path, city(), Story().go_on(5), SHARDS)
    before = archive.read()

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("streams.archive.folder._to_disk", full)
    with pytest.raises(Unavailable, match="no space"):
        archive.change(lambda catalogue: replace(catalogue, number=99))
    assert archive.read() == before


def test_only_one_writes_and_drafts_that_a_kill_left_are_removed(tmp_path: Path) -> None:
    archive = archived(tmp_path, city(), Story().go_on(5), SHARDS)
    left = (tmp_path / archive.read().files[0].path).with_name("0000000099.parquet.draft")
    left.write_bytes(b"half a file")
    with archive.locked():
        assert not left.exists()
        with pytest.raises(SettingError, match="another process writes"), ArchiveFolder(tmp_path).locked():
            pass


def test_what_cannot_be_read_is_passed_over_and_what_the_log_had_lost_is_noted(tmp_path: Path) -> None:
    draft = Draft(city(), 0, ())
    draft.take(record(READINGS, 0, 0, encode(batch(MIDNIGHT_MS, "G1")), BATCH))
    with pytest.raises(UNREADABLE):
        draft.take(record(READINGS, 0, 1, b"garbage", BATCH))
    draft.take(record(READINGS, 0, 5, encode(batch(MIDNIGHT_MS, "G2")), BATCH))
    archive = ArchiveFolder(tmp_path)
    archive.change(lambda catalogue: catalogue.with_log(LOG, 1))
    archive.append(*draft.cut())
    assert [(gap.first, gap.last) for gap in replay_of(archive).gaps] == [(2, 4)]
    assert [row[0] for row in said_in(archive, 0)] == [number_of("G1"), number_of("G2")]


def test_a_catalogue_that_is_gone_or_broken_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    archive = archived(tmp_path, city(), Story().go_on(5), SHARDS)
    (tmp_path / HEAD).write_bytes(b"{")
    with pytest.raises(SettingError, match="cannot be read"):
        archive.read()
    (tmp_path / HEAD).unlink()
    with pytest.raises(SettingError, match="has files, and no"):
        archive.read()


def test_a_gap_counts_for_the_days_between_which_it_lies_and_no_others(tmp_path: Path) -> None:
    story = Story()
    first, lost, rest = story.go_on(10), story.go_on(10), story.go_on(60)
    story.now_ms += DAY_MS
    archive = archived(tmp_path, city(), [*first, *rest, *story.go_on(10)], SHARDS)
    assert len(replay_of(archive).gaps) == SHARDS and lost
    assert replay_of(archive, start_ms=MIDNIGHT_MS + DAY_MS // 2).gaps == []


# Keeping ------------------------------------------------------------------------------------------------------------


def keep(archive: ArchiveFolder, days: int = 0) -> Catalogue:
    Keeper(archive, "Asia/Shanghai", days).keep()
    return archive.read()


def test_a_day_that_is_over_becomes_one_file_a_class_and_says_the_same(tmp_path: Path) -> None:
    records = Story().go_on(120)
    archive = archived(tmp_path, city(), records, SHARDS, 20)
    before = archive.read()
    after = keep(archive)
    over = [f for f in after.files if f.day == "2023-09-07"]
    assert len(over) == len({f.group for f in over}) < sum(f.day == "2023-09-07" for f in before.files)
    assert sum(f.rows for f in after.files) == sum(f.rows for f in before.files)
    for shard in range(SHARDS):
        assert said_in(archive, shard) == told_by(records, shard)


def test_a_day_that_goes_on_is_put_together_now_and_then(tmp_path: Path) -> None:
    story = Story(now_ms=MIDNIGHT_MS)
    records = story.go_on(MANY * 2)
    archive = archived(tmp_path, city(), records, SHARDS, 4)
    after = keep(archive)
    assert max(sum(f.group == group for f in after.files) for group in {f.group for f in after.files}) < MANY
    assert said_in(archive, 0) == told_by(records, 0)


def test_who_reads_while_files_are_put_together_still_finds_those_he_began_with(tmp_path: Path) -> None:
    records = Story().go_on(120)
    archive = archived(tmp_path, city(), records, SHARDS, 20)
    begun = replay_of(archive)
    after = keep(archive)
    assert after.removed
    assert list(plain(begun.said(0))) == told_by(records, 0)
    assert begun.losses == []


def test_files_in_whose_place_others_are_go_when_nobody_reads_them_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archived(tmp_path, city(), Story().go_on(120), SHARDS, 20)
    removed = keep(archive).removed
    monkeypatch.setattr("streams.archive.keeping.READ_FOR_MS", -1.0)
    assert keep(archive).removed == ()
    assert not any((tmp_path / each.path).exists() for each in removed)
    on_disk = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*/*/*.parquet")}
    assert on_disk == {f.path for f in archive.read().files}


def test_readings_go_after_their_days_and_alerts_stay(tmp_path: Path) -> None:
    records = [*Story().go_on(120), record(ALERTS, 0, 0, encode_transition(alert(MIDNIGHT_MS - 1)))]
    archive = archived(tmp_path, city(), records, SHARDS)
    later = encode_tick(Tick("ingest-1", MIDNIGHT_MS + DAY_MS, SECOND_MS, True))
    archived(tmp_path, city(), [record(READINGS, n, 240, later, TICK) for n in range(SHARDS)], SHARDS)
    after = keep(archive, days=1)
    assert {f.day for f in after.files if f.table != "alerts"} == {"2023-09-08", "2023-09-09"}
    assert [f.day for f in after.files if f.table == "alerts"] == ["2023-09-07"]


def alert(at_ms: int) -> Transition:
    return Transition(
        alert="a1",
        rule="waterlogging-depth",
        rule_version="v",
        title="积水深度",
        nature=Nature.HAZARD,
        subject_kind=SubjectKind.DEVICE,
        subject="G1",
        level_from=Level.NONE,
        level_to=Level.RED,
        event_ms=at_ms,
        log_ms=at_ms,
        since_ms=at_ms,
        risk_class="waterlogging",
    )


def test_an_alert_that_was_told_twice_is_there_once(tmp_path: Path) -> None:
    told = [record(ALERTS, 0, offset, encode_transition(alert(MIDNIGHT_MS - 1))) for offset in range(2)]
    archive = archived(tmp_path, city(), [*Story().go_on(2), *told], SHARDS)
    assert [each.id for each in replay_of(archive).alerts()] == [alert(MIDNIGHT_MS - 1).id]


# What is lost -------------------------------------------------------------------------------------------------------


def gone(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def overwritten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[40:80] = bytes(40)
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [gone, cut_short, overwritten])
def test_a_file_that_somebody_harmed_is_named_with_its_rows_and_the_rest_is_read(tmp_path: Path, harm) -> None:  # type: ignore[no-untyped-def]
    records = Story(now_ms=MIDNIGHT_MS).go_on(60)
    archive = archived(tmp_path, city(), records, SHARDS)
    of_gauges = city().area_of(city().devices["G1"]).risk_class
    (harmed,) = [f for f in archive.read().files if (f.table, f.risk_class) == ("readings", of_gauges)]
    harm(tmp_path / harmed.path)
    replay = replay_of(archive)
    left = [row for row in plain(replay.said(0)) if row[0] != "tick"]
    assert {row[0] for row in left} == {number_of("C1")}
    (loss,) = replay.losses
    assert (loss.path, loss.shard, loss.first, loss.last, loss.rows) == (harmed.path, 0, 0, 118, 120)


def test_a_file_that_somebody_wrote_anew_with_fewer_rows_is_told_by_what_is_missing(tmp_path: Path) -> None:
    archive = archived(tmp_path, city(), Story(now_ms=MIDNIGHT_MS).go_on(60), SHARDS)
    file = next(f for f in archive.read().files if f.table == "ticks")
    rows = pq.read_table(tmp_path / file.path)
    pq.write_table(rows.slice(0, 5), tmp_path / file.path)
    replay = replay_of(archive)
    assert sum(isinstance(each, Tick) for each in replay.said(0)) == 5
    assert [(loss.path, loss.rows) for loss in replay.losses] == [(file.path, 55)]


def test_a_file_that_cannot_be_read_keeps_others_not_from_being_put_together(tmp_path: Path) -> None:
    records = Story().go_on(120)
    archive = archived(tmp_path, city(), records, SHARDS, 20)
    broken = next(f for f in archive.read().files if f.table == "ticks" and f.day == "2023-09-07")
    whole = (tmp_path / broken.path).read_bytes()
    cut_short(tmp_path / broken.path)
    after = keep(archive)
    assert sorted(f.merged for f in after.files if f.group == broken.group) == [False, True]
    (tmp_path / broken.path).write_bytes(whole)  # as from a backup
    assert said_in(archive, 0) == told_by(records, 0)


def test_keys_of_the_largest_offsets_and_rows_do_not_overflow() -> None:
    assert (np.int64(1) << 42) << ROW_BITS > 0
