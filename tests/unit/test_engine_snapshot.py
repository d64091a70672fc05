"""A restart with other rules or another registry: what is kept, what begins anew, what ends. docs/rules.md, 8."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from msgspec.structs import replace as with_fields

from city.city import City
from city.levels import Level
from city.registry import Device
from city.transitions import Transition
from rules.engine.carry import Carried
from rules.engine.snapshot import Snapshot
from rules.language.pack import Pack
from tests.cities import cameras, gateway, gauges, small_city
from tests.unit.packs import CAMERA_OFF, DEPTH, GATEWAY_DARK, GAUGE_OFF, pack
from tests.unit.wards import SECOND_MS, Ward

RULES = (DEPTH, GAUGE_OFF)
THREE = [device.id for device in gauges(3)]
PLAIN = pack(*RULES)


def flooded() -> Ward:
    """Three gauges, 30 cm at G1 for a quarter of an hour: orange since the second reading."""
    return Ward(small_city(gauges(3)), PLAIN).minutes(15, alive=THREE, depth={"G1": 30, "G2": 1, "G3": 1})


def dark() -> Ward:
    """Four cameras behind a gateway that died after two minutes; now it is the eighth."""
    ward = Ward(small_city(cameras(4, gateway="GW"), [gateway("GW"), gateway("GW2")]), pack(CAMERA_OFF, GATEWAY_DARK))
    return ward.minutes(2, alive=["C101", "C102", "C103", "C104"]).minutes(6)


def without(city: City, *ids: str) -> City:
    return replace(city, devices={key: device for key, device in city.devices.items() if key not in ids})


def with_device(city: City, device: Device) -> City:
    return replace(city, devices={**city.devices, device.id: device})


def counts(carried: Carried) -> tuple[int, int, int]:
    return carried.kept, carried.reset, carried.dropped


def told(transitions: list[Transition]) -> list[tuple[str, str, str, str]]:
    return [(t.rule, t.subject, t.level_from.slug, t.level_to.slug) for t in transitions]


def alert_of(ward: Ward, rule: str, subject: str) -> str:
    """Id of the alert that last left none."""
    return next(t.alert for t in reversed(ward.said) if (t.rule, t.subject) == (rule, subject) and not t.level_from)


def test_a_restart_keeps_everything() -> None:
    ward, carried = flooded().restarted()
    assert counts(carried) == (6, 0, 0)  # a depth and a silence of each gauge
    assert carried.ended == []
    assert ward.levels() == {("depth", "G1"): Level.ORANGE}

    ward.minutes(6, alive=THREE, depth={"G1": 1})
    assert told(ward.said)[-1] == ("depth", "G1", "orange", "yellow")
    assert ward.said[-1].alert == alert_of(ward, "depth", "G1")


def test_new_words_keep_a_hold_that_is_half_over() -> None:
    ward = Ward(small_city(gauges(1)), PLAIN).minutes(2, alive=["G1"], depth={"G1": 12})
    assert ward.said == []  # blue holds for two minutes from the first reading

    reworded = pack(DEPTH.replace("积水深度", "路面积水"), GAUGE_OFF)
    ward, carried = ward.restarted(pack=reworded)
    assert counts(carried) == (2, 0, 0)
    ward.minutes(0.5, alive=["G1"], depth={"G1": 12})
    assert told(ward.said) == [("depth", "G1", "none", "blue")]
    assert (ward.said[0].title, ward.said[0].held_ms) == ("路面积水", 120 * SECOND_MS)


def test_a_changed_threshold_ends_the_old_alert_and_begins_anew() -> None:
    before = flooded()
    stricter = pack(DEPTH.replace("red: 40 cm", "red: 30 cm"), GAUGE_OFF)
    ward, carried = before.restarted(pack=stricter)

    assert counts(carried) == (3, 3, 0)
    assert told(carried.ended) == [("depth", "G1", "orange", "none")]
    (end,) = carried.ended
    assert end.alert == alert_of(before, "depth", "G1")
    assert (end.area, end.site, end.admin, end.risk_class) == ("A-W", "S-W", "11", "waterlogging")
    assert (end.event_ms, end.log_ms) == (before.now_ms, before.now_ms)
    assert end.rule_version == before.pack.levels[0].version

    ward.minutes(1, alive=THREE, depth={"G1": 30})
    assert told(ward.said)[-1] == ("depth", "G1", "none", "red")
    assert ward.said[-1].alert != end.alert


def test_a_change_of_one_rule_leaves_the_timers_of_the_others() -> None:
    """prometheus/prometheus#820: editing an unrelated rule must not reset what counts."""
    ward = Ward(small_city(gauges(1)), PLAIN).minutes(1, alive=["G1"]).minutes(2.5)
    ward, carried = ward.restarted(pack=pack(DEPTH.replace("10 cm", "11 cm"), GAUGE_OFF))
    assert counts(carried) == (1, 1, 0)
    ward.minutes(2)
    assert told(ward.said) == [("gauge-offline", "G1", "none", "blue")]
    assert ward.said[0].value == pytest.approx(260)  # of silence, of which 150 s were before the restart


def test_a_removed_rule_is_dropped_and_its_alerts_end() -> None:
    before = flooded()
    ward, carried = before.restarted(pack=pack(GAUGE_OFF))
    assert counts(carried) == (3, 0, 3)
    assert [(t.alert, t.level_to) for t in carried.ended] == [(alert_of(before, "depth", "G1"), Level.NONE)]
    assert carried.ended[0].title == "积水深度"  # its words are remembered though the rule is gone
    assert ward.minutes(15, alive=THREE, depth={"G1": 90}).levels() == {}


def test_a_renamed_rule_is_another_rule() -> None:
    before = flooded()
    ward, carried = before.restarted(pack=pack(DEPTH.replace("id: depth", "id: ponding-depth"), GAUGE_OFF))
    assert counts(carried) == (3, 0, 3)
    assert told(carried.ended) == [("depth", "G1", "orange", "none")]
    ward.minutes(1, alive=THREE, depth={"G1": 30})
    assert ward.levels() == {("ponding-depth", "G1"): Level.ORANGE}


def test_a_new_rule_begins_with_nothing_and_touches_nothing() -> None:
    second = DEPTH.replace("id: depth", "id: depth-again")
    ward, carried = flooded().restarted(pack=pack(*RULES, second))
    assert counts(carried) == (6, 0, 0)
    ward.minutes(1, alive=THREE, depth={"G1": 30})
    assert ward.levels() == {("depth", "G1"): Level.ORANGE, ("depth-again", "G1"): Level.ORANGE}


def test_rules_in_another_order_keep_their_own_timers() -> None:
    slow = DEPTH.replace("id: depth", "id: slow").replace("hold: {blue: 2m, yellow: 1m}", "hold: 1h")
    before = Ward(small_city(gauges(1)), pack(DEPTH, slow)).minutes(15, alive=["G1"], depth={"G1": 30})
    ward, carried = before.restarted(pack=pack(slow, DEPTH))
    assert counts(carried) == (2, 0, 0)
    ward.minutes(45, alive=["G1"], depth={"G1": 30})
    assert ward.levels() == {("depth", "G1"): Level.ORANGE}
    ward.minutes(1, alive=["G1"], depth={"G1": 30})
    assert ward.levels() == {("depth", "G1"): Level.ORANGE, ("slow", "G1"): Level.ORANGE}


def test_a_device_put_into_service_is_silent_only_from_then_on() -> None:
    before = flooded()
    ward, carried = before.restarted(city=small_city(gauges(4)))
    assert counts(carried) == (6, 0, 0)
    ward.minutes(4, alive=THREE)
    assert ("gauge-offline", "G4") not in ward.levels()
    ward.minutes(1, alive=THREE)
    assert ward.levels()[("gauge-offline", "G4")] == Level.BLUE


def test_a_device_taken_out_of_service_ends_its_alerts() -> None:
    before = flooded()
    resting = with_fields(before.city.devices["G1"], in_service=False)
    ward, carried = before.restarted(city=with_device(before.city, resting))
    assert counts(carried) == (4, 0, 2)
    assert [(t.alert, t.level_to) for t in carried.ended] == [(alert_of(before, "depth", "G1"), Level.NONE)]
    assert ward.minutes(15, alive=["G2", "G3"]).levels() == {}


def test_a_device_that_the_registry_forgot_is_dropped_without_a_word() -> None:
    """Without its record there is no name to end an alert with: take devices out of service before removing them."""
    before = flooded()
    ward, carried = before.restarted(city=without(before.city, "G1"))
    assert (counts(carried), carried.ended) == ((4, 0, 2), [])
    assert ward.shard.series_count == 2


def test_a_device_that_became_of_another_kind_begins_anew() -> None:
    """It was moved to a pole in the video area: what it measures means something else there."""
    before = flooded()
    moved = with_fields(before.city.devices["G1"], site="S-V")
    ward, carried = before.restarted(city=with_device(before.city, moved))
    assert counts(carried) == (4, 0, 2)
    assert [t.alert for t in carried.ended] == [alert_of(before, "depth", "G1")]
    assert carried.ended[0].site == "S-V"
    assert ward.minutes(5, alive=["G2", "G3"], depth={"G1": 90}).levels() == {}


def test_a_device_at_another_site_of_its_kind_keeps_its_timers() -> None:
    before = flooded()
    there = with_fields(before.city.sites["S-W"], id="S-W2")
    moved = with_fields(before.city.devices["G1"], site="S-W2")
    city = with_device(replace(before.city, sites={**before.city.sites, there.id: there}), moved)
    ward, carried = before.restarted(city=city)
    assert counts(carried) == (6, 0, 0)
    ward.minutes(1, alive=THREE, depth={"G1": 50})
    assert (told(ward.said)[-1], ward.said[-1].site) == (("depth", "G1", "orange", "red"), "S-W2")


def test_a_dark_parent_stays_dark_over_a_restart_and_clears_after_it() -> None:
    before = dark()
    ward, carried = before.restarted()
    assert (counts(carried), carried.ended) == ((4, 0, 0), [])
    ward.minutes(6)
    assert {(t.subject, t.explained_by) for t in ward.said if t.level_to is Level.YELLOW} == {
        (camera, "GW") for camera in ("C101", "C102", "C103", "C104")
    }
    ward.minutes(5, alive=["C101", "C102", "C103", "C104"])
    end = next(t for t in ward.said if t.subject == "GW" and not t.level_to)
    assert end.alert == alert_of(before, "gateway-dark", "GW")


def test_a_silence_is_explained_by_the_parents_of_today() -> None:
    """Moved to another gateway before its silence is declared, a device counts there, and not where it hung."""
    before = Ward(dark().city, pack(CAMERA_OFF, GATEWAY_DARK)).minutes(2, alive=["C101", "C102", "C103", "C104"])
    city = small_city(cameras(3, gateway="GW2") + cameras(1, first=104, gateway="GW"), [gateway("GW"), gateway("GW2")])
    ward, carried = before.minutes(3.5).restarted(city=city)
    assert counts(carried) == (4, 0, 0)
    ward.minutes(2)
    explained = {t.subject: t.explained_by for t in ward.said if t.rule == "camera-offline"}
    assert explained == {"C101": "GW2", "C102": "GW2", "C103": "GW2", "C104": None}


def test_a_parent_whose_rule_changed_ends_its_alert() -> None:
    before = dark()
    _, carried = before.restarted(pack=pack(CAMERA_OFF, GATEWAY_DARK.replace("at_least: 3", "at_least: 2")))
    assert told(carried.ended) == [("gateway-dark", "GW", "orange", "none")]
    assert carried.ended[0].alert == alert_of(before, "gateway-dark", "GW")
    assert carried.ended[0].admin == "11"


def test_a_parent_without_a_rule_or_without_devices_ends_its_alert() -> None:
    before = dark()
    moved = small_city(cameras(4, gateway="GW2"), [gateway("GW"), gateway("GW2")])
    for change in ({"pack": pack(CAMERA_OFF)}, {"city": moved}):
        _, carried = before.restarted(**change)
        assert told(carried.ended) == [("gateway-dark", "GW", "orange", "none")]
        assert carried.ended[0].alert == alert_of(before, "gateway-dark", "GW")


def explained_now(ward: Ward) -> dict[str, str | None]:
    """By what each silent camera was last said to be explained."""
    return {t.subject: t.explained_by for t in ward.said if t.rule == "camera-offline" and t.level_to}


def test_devices_that_lose_their_explanation_by_a_change_of_rules_say_so() -> None:
    """Else nobody has a ticket for them: their incident was the parent's, and that has ended."""
    ward, _ = dark().restarted(pack=pack(CAMERA_OFF, GATEWAY_DARK.replace("at_least: 3", "at_least: 2")))
    ward.minutes(1)
    assert explained_now(ward) == dict.fromkeys(("C101", "C102", "C103", "C104"))


def test_a_device_moved_away_from_a_dark_parent_is_not_explained_by_it_for_ever() -> None:
    city = small_city(cameras(3, gateway="GW") + cameras(1, first=104, gateway="GW2"), [gateway("GW"), gateway("GW2")])
    ward, _ = dark().restarted(city=city)
    ward.minutes(6, alive=["C101", "C102", "C103"])
    assert ("gateway-dark", "GW") not in ward.levels()
    assert explained_now(ward)["C104"] is None


def test_a_dark_parent_whose_devices_nobody_watches_any_more_ends_its_alert() -> None:
    ward, _ = dark().restarted(pack=pack(GATEWAY_DARK))
    assert ward.minutes(5).levels() == {}


def test_blindness_goes_on_over_a_restart() -> None:
    ward, _ = flooded().restarted()
    ward.now_ms += 300 * SECOND_MS
    ward.minutes(1, alive=THREE)
    assert [(t.rule, t.subject, t.level_to) for t in ward.said if t.rule == "blind"] == [
        ("blind", "east", Level.ORANGE),
        ("blind", "east", Level.NONE),
    ]


def of_another_format(snapshot: bytes) -> bytes:
    return msgspec.msgpack.encode(with_fields(msgspec.msgpack.decode(snapshot, type=Snapshot), format=1))


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (lambda _: b"", "not a snapshot"),
        (lambda _: b"garbage", "not a snapshot"),
        (lambda snapshot: snapshot[:-1], "not a snapshot"),
        (lambda _: msgspec.msgpack.encode({"format": 1}), "not a snapshot"),
        (of_another_format, "snapshot of format 1, this program reads 4"),
    ],
)
def test_what_is_no_snapshot_is_refused_and_changes_nothing(spoilt: Callable[[bytes], bytes], words: str) -> None:
    ward = flooded()
    before = ward.shard.snapshot()
    with pytest.raises(ValueError, match=words):
        ward.shard.restore(spoilt(before))
    assert ward.shard.snapshot() == before


def test_a_shard_that_has_judged_forgets_that_when_it_is_restored() -> None:
    wet, dry = flooded(), Ward(small_city(gauges(3)), PLAIN).minutes(5, alive=THREE, depth={"G2": 50, "G3": 1})
    snapshot = wet.shard.snapshot()
    dry.shard.restore(snapshot)
    assert dry.shard.snapshot() == snapshot


def test_an_empty_shard_can_be_saved_and_restored() -> None:
    nobody = Ward(small_city([]), PLAIN)
    ward, carried = nobody.restarted()
    assert counts(carried) == (0, 0, 0)
    assert ward.shard.log_ms == nobody.now_ms
    grown, carried = ward.restarted(city=small_city(gauges(1)))
    assert (counts(carried), grown.shard.series_count) == ((0, 0, 0), 1)


def test_state_follows_the_rules_id_and_not_its_place_in_the_pack() -> None:
    more: Pack = pack(CAMERA_OFF, DEPTH.replace("id: depth", "id: another"), *RULES)
    ward, carried = flooded().restarted(pack=more)
    assert counts(carried) == (6, 0, 0)
    assert ward.levels() == {("depth", "G1"): Level.ORANGE}
    ward.minutes(1, alive=THREE, depth={"G1": 50})
    assert ward.levels() == {("depth", "G1"): Level.RED, ("another", "G1"): Level.RED}
