"""What the doctor makes of what it finds; what it finds on real servers is in tests/journeys/test_doctor_*.py."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from city.errors import SettingError, Unavailable
from qianshao.doctor import archive, certificates, clock, disk, run
from qianshao.doctor.findings import Finding, Outcome, failure, warning, well
from qianshao.settings import KafkaSettings, Settings
from streams.archive.folder import ArchiveFolder
from tests.archives import archived
from tests.servers.certificates import authority
from tests.servers.places import HOST, free_port
from tests.unit.archive_story import Story, city

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("free", "outcome"),
    [(100, Outcome.OK), (15, Outcome.OK), (14, Outcome.WARN), (5, Outcome.WARN), (4, Outcome.FAIL), (0, Outcome.FAIL)],
)
def test_a_disk_is_as_well_as_it_is_empty(tmp_path: Path, free: int, outcome: Outcome) -> None:
    finding = disk.of(tmp_path, free, 100)
    assert finding.outcome is outcome
    assert bool(finding.remedy) is (outcome is not Outcome.OK)


def test_the_disk_of_a_folder_that_is_still_to_be_made_is_that_of_the_one_above(tmp_path: Path) -> None:
    (finding,) = disk.space(Settings(data=tmp_path / "not" / "there"))
    assert finding.detail.endswith(f"at {tmp_path}")


@pytest.mark.parametrize(
    ("told", "outcome"), [(True, Outcome.OK), (False, Outcome.WARN), (None, Outcome.OK)], ids=["yes", "no", "untold"]
)
def test_a_clock_that_nothing_keeps_right_is_told(told: bool | None, outcome: Outcome) -> None:
    assert clock.synchronised(told).outcome is outcome


def test_the_kernel_is_asked_whether_its_clock_is_kept_right() -> None:
    assert clock.kernel_synchronised() in (True, False, None)


@pytest.mark.parametrize(
    ("seconds", "outcome", "word"),
    [
        (0.2, Outcome.OK, "the same"),
        (-0.2, Outcome.OK, "the same"),
        (1.5, Outcome.WARN, "1.5 s ahead of ours"),
        (-4.0, Outcome.WARN, "4.0 s behind ours"),
        (-12.0, Outcome.FAIL, "12.0 s behind ours"),
    ],
)
def test_clocks_that_differ_are_told_by_how_much(seconds: float, outcome: Outcome, word: str) -> None:
    finding = clock.skew("clock against the database", seconds)
    assert (finding.outcome, word in finding.detail) == (outcome, True)


def test_a_second_that_a_header_leaves_out_is_no_difference() -> None:
    assert clock.skew("clock against InfluxDB", -1.5, clock.HEADER_S).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("asked_s", "theirs_s", "answered_s", "ahead_s"),
    [(100, 100, 120, 0), (100, 120, 120, 0), (100, 90, 120, -10), (100, 125, 120, 5), (100, 103, 100, 3)],
)
def test_who_answers_late_has_no_wrong_clock_for_that(
    asked_s: float, theirs_s: float, answered_s: float, ahead_s: float
) -> None:
    assert clock.surely_ahead_s(asked_s, theirs_s, answered_s) == ahead_s


@pytest.mark.parametrize(
    ("left", "outcome"),
    [
        (40 * DAY, Outcome.OK),
        (30 * DAY, Outcome.OK),
        (29 * DAY, Outcome.WARN),
        (7 * DAY, Outcome.WARN),
        (6 * DAY, Outcome.FAIL),
        (-1 * DAY, Outcome.FAIL),
    ],
)
def test_a_certificate_is_as_well_as_it_is_good_for_long(tmp_path: Path, left: timedelta, outcome: Outcome) -> None:
    certificate = authority(tmp_path, days=100).certificate
    then = certificate.not_valid_after_utc - left
    assert certificates.validity("certificate", certificate, then).outcome is outcome


def test_a_certificate_of_the_future_is_not_good_and_the_clock_is_doubted(tmp_path: Path) -> None:
    certificate = authority(tmp_path).certificate
    finding = certificates.validity("certificate", certificate, datetime(1990, 1, 1, tzinfo=UTC))
    assert finding.outcome is Outcome.FAIL and "clock" in finding.remedy


# What is said of findings -----------------------------------------------------------------------------------------


def checks(monkeypatch: pytest.MonkeyPatch, *made: Finding | Exception) -> None:
    """The doctor finds these, and nothing else."""

    def check(_settings: Settings) -> Iterator[Finding]:
        for each in made:
            if isinstance(each, Exception):
                raise each
            yield each

    def only_this(_settings: Settings) -> Iterable[run.Check]:
        return [check]

    monkeypatch.setattr(run, "_of_this_machine", only_this)


@pytest.fixture
def nothing_runs(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, kafka=KafkaSettings(servers=f"{HOST}:{free_port()}"))


def test_a_failure_fails_the_command_and_a_warning_does_not(
    monkeypatch: pytest.MonkeyPatch, nothing_runs: Settings
) -> None:
    checks(monkeypatch, well("disk", "wide"), warning("clock", "alone", "keep it"))
    assert run.run_doctor(nothing_runs) == 0
    checks(monkeypatch, well("disk", "wide"), failure("clock", "gone", "buy one"))
    assert run.run_doctor(nothing_runs) == 1


def test_each_finding_is_a_line_and_its_remedy_another(
    monkeypatch: pytest.MonkeyPatch, nothing_runs: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    checks(monkeypatch, well("disk", "wide"), warning("clock", "alone", "keep it"), failure("log", "gone", "start it"))
    run.run_doctor(nothing_runs)
    assert capsys.readouterr().out.splitlines() == [
        "ok   disk: wide",
        "warn clock: alone",
        "     keep it",
        "FAIL log: gone",
        "     start it",
        "ok   brokers: not running; `qianshao up` and `make demo` start them",
    ]


def test_in_json_it_is_one_object(
    monkeypatch: pytest.MonkeyPatch, nothing_runs: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    checks(monkeypatch, failure("log", "没有", "start it"))
    assert run.run_doctor(nothing_runs, as_json=True) == 1
    first, _ = json.loads(capsys.readouterr().out)["findings"]
    assert first == {"what": "log", "outcome": "FAIL", "detail": "没有", "remedy": "start it"}


@pytest.mark.parametrize(
    ("error", "what", "detail"),
    [
        (Unavailable("Kafka at a:1", "refused"), "Kafka at a:1", "does not answer: refused"),
        (SettingError("mqtt.username", "unknown", "name another"), "mqtt.username", "unknown"),
        (PermissionError("not yours"), "check", "not yours"),
    ],
)
def test_where_a_check_cannot_go_on_that_is_a_failure_and_what_it_had_found_is_said(
    monkeypatch: pytest.MonkeyPatch, nothing_runs: Settings, error: Exception, what: str, detail: str
) -> None:
    checks(monkeypatch, well("disk", "wide"), error)
    found = list(run.examine(nothing_runs))
    assert [(f.what, f.outcome) for f in found[:2]] == [("disk", Outcome.OK), (what, Outcome.FAIL)]
    assert found[1].detail == detail


def test_an_embedded_system_that_is_not_started_is_not_asked_for_its_servers(nothing_runs: Settings) -> None:
    found = {finding.what: finding.outcome for finding in run.examine(nothing_runs)}
    assert Outcome.FAIL not in found.values()
    assert "Kafka" not in found and "MQTT broker" not in found
    assert {"Python", "engine kernels", "city", "routes", "rules", "database", "disk", "brokers"} <= found.keys()


# The archive ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> Settings:
    """Settings whose archive has some seconds of a log, of which it had lost a few records."""
    records = Story().go_on(10)
    archived(tmp_path / "archive", city(), records[:10] + records[14:], 2)
    return Settings(data=tmp_path)


def test_an_archive_that_has_not_begun_is_no_fault(tmp_path: Path) -> None:
    (finding,) = archive.archive(Settings(data=tmp_path))
    assert finding.outcome is Outcome.OK and "nothing in" in finding.detail


def test_an_archive_says_what_it_has_and_what_the_log_had_lost_before(kept: Settings) -> None:
    whole, lost, _ = archive.archive(kept)
    assert whole.outcome is Outcome.OK and "2023-09-07 to 2023-09-07" in whole.detail
    assert lost.outcome is Outcome.WARN and lost.detail == "4 records are in no file"


def test_files_of_the_archive_that_are_gone_or_cut_short_are_named_with_their_rows(kept: Settings) -> None:
    folder = ArchiveFolder(kept.data / "archive")
    first, second, *_ = folder.read().files
    (folder.folder / first.path).unlink()
    (folder.folder / second.path).write_bytes(b"PAR1")
    harmed, *_ = archive.archive(kept)
    assert harmed.outcome is Outcome.FAIL
    assert f"{first.rows + second.rows} rows" in harmed.detail and second.path in harmed.detail
