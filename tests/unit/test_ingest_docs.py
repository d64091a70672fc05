"""docs/mqtt.md is the contract: its examples go through the program, its tables agree with it, nothing is missing."""

import json
import re
from itertools import product
from typing import Any

import msgspec
import pytest
from msgspec.inspect import LiteralType, Metadata, UnionType, type_info

from ingest import intake
from ingest.cap import is_xml
from ingest.contract import FEEDS, PERSONAL_FIELDS, Message, Will
from ingest.dead_letters import KEPT_BYTES, UNREADABLE_KEPT_BYTES, Reason
from ingest.decode import SECONDS_BELOW
from ingest.measures import measured
from ingest.schemas import FIELDS
from tests.unit.test_ingest_desk import (
    CAMERA,
    GAUGE,
    OTHER_CAMERA,
    PAGE,
    SENTRY,
    Desk,
    baoan,
    message,
    ms,
    topic_of,
)

TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLE = re.compile(r"Topic `([^`]+)`\n\n```(?:json|xml)\n(.*?)```", re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
WITHOUT_EXAMPLE = {Reason.OVERSIZE, Reason.FRAME, Reason.POISON}
SECTIONS = {
    "waterlogging": "### 2.2",
    "sentry": "### 2.3",
    "video": "### 2.4",
    "telemetry": "### 2.5",
    "gateway": "### 2.6",
    "will": "### 2.8",
    "signal": "### 2.9",
    "report": "### 2.10",
}
DEVICES = {"waterlogging": GAUGE, "sentry": SENTRY, "video": CAMERA}
ABOUT = {"waterlogging": "report", "sentry": "kind", "video": "event"}
"""The field that says what a message is about."""


def section(heading: str) -> str:
    """The page's text from a heading to the next of its level or above."""
    level = heading.index(" ")
    rest = TEXT.partition(f"\n{heading}")[2]
    assert rest, heading
    return re.split(rf"\n#{{1,{level}}} ", rest)[0]


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of a section's tables that begin with a word in code, by that word: their other cells."""
    found = re.findall(r"^\| `(\w+)` \|(.*)\|$", section(heading), re.MULTILINE)
    return {field: [cell.strip() for cell in cells.split("|")] for field, cells in found}


ACCEPTED = EXAMPLE.findall(section("## 2. Topics and messages"))


@pytest.mark.parametrize(("topic", "payload"), ACCEPTED, ids=[topic[-20:] for topic, _ in ACCEPTED])
def test_an_example_is_taken_in_whole(topic: str, payload: str) -> None:
    _, device, kind = topic.rsplit("/", 2)
    sent = {"device_id": device} if is_xml(payload.encode()) else json.loads(payload)
    desk = Desk()
    desk.accept(topic, payload.encode(), now_ms=ms("2025-05-06T13:43:01+08:00"))
    assert desk.letters() == []
    readings = desk.readings()
    assert {r.device for r in readings} >= {entry["device_id"] for entry in [sent, *sent.get("messages", [])]}
    assert topic == topic_of(sent["device_id"], kind)


def test_there_is_an_example_of_every_kind_of_message() -> None:
    kinds = [json.loads(payload) for _, payload in ACCEPTED if not is_xml(payload.encode())]
    assert len(kinds) < len(ACCEPTED), "and of CAP"
    assert {m.get("hazard") for m in kinds} >= {"洪水", "风暴潮", "积水"}
    assert any("category" in m for m in kinds)
    assert {m["report"] for m in kinds if "depth_cm" in m or m.get("report") == "heartbeat"} >= {"added", "heartbeat"}
    assert {m["kind"] for m in kinds if "kind" in m} >= {"stat", "pass", "alarm", "hb"}
    assert any(m.get("event") == "register" for m in kinds)
    assert any("messages" in m for m in kinds)
    assert {topic.rpartition("/")[2] for topic, _ in ACCEPTED} == {"up", "hb", "evt", "will"}


def test_every_reason_of_refusal_is_on_the_page_with_meaning_and_remedy() -> None:
    headings = re.findall(r"^### `([\w-]+)`", section("## 6. Reasons of refusal"), re.MULTILINE)
    assert headings == [reason.value for reason in Reason]
    for reason in Reason:
        text = section(f"### `{reason.value}`")
        assert "\nMeaning: " in text, reason
        assert "\nRemedy: " in text, reason
        assert bool(EXAMPLE.search(text)) == (reason not in WITHOUT_EXAMPLE), reason


@pytest.mark.parametrize("reason", sorted(set(Reason) - WITHOUT_EXAMPLE, key=lambda r: r.value))
def test_an_example_of_a_refusal_is_refused_for_that_reason(reason: Reason) -> None:
    ((topic, payload),) = EXAMPLE.findall(section(f"### `{reason.value}`"))
    desk = Desk()
    desk.accept(topic, payload.encode())
    assert desk.reasons() == [reason.value]


def struct(name: str) -> type[Message | Will]:
    return FEEDS.get(name, Will)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_field_is_in_its_table_with_its_chinese_name_and_no_other(name: str) -> None:
    own = rows(SECTIONS[name])
    known = own if name == "will" else {**own, **rows("### 2.1")}
    fields = {field.encode_name for field in msgspec.structs.fields(struct(name))}
    assert set(known) == fields
    assert {field: cells[0] for field, cells in known.items()} == {field: FIELDS[field][0] for field in fields}


def values_of(kind: Any) -> list[Any]:
    """Values of a field, enough to see what it means."""
    if isinstance(kind, UnionType):
        return [value for inner in kind.types for value in values_of(inner)]
    if isinstance(kind, Metadata):
        return values_of(kind.type)
    if isinstance(kind, LiteralType):
        return list(kind.values)
    samples = {"BoolType": [True], "FloatType": [1], "IntType": [1], "StrType": ["x"], "NoneType": [], "ListType": [[]]}
    return samples[type(kind).__name__]


def indicators(feed: str, fields: dict[str, Any]) -> set[str]:
    body = message(DEVICES[feed], **fields)
    return {indicator for indicator, _ in measured(msgspec.convert(body, FEEDS[feed]))}


def meaning(feed: str, field: str, kinds: dict[str, Any]) -> set[str]:
    """The indicators that a field is told as, over all that the rest of the message may be about."""
    about = ABOUT[feed]
    if field == about:
        return set().union(*(indicators(feed, {about: value}) for value in values_of(kinds[about])))
    found = set()
    for context, value in product(values_of(kinds[about]), values_of(kinds[field])):
        found |= indicators(feed, {about: context, field: value}) - indicators(feed, {about: context})
    return found


@pytest.mark.parametrize("feed", DEVICES)
def test_the_tables_say_which_indicator_each_field_becomes(feed: str) -> None:
    known = {i.id for i in baoan().catalogue.indicators}
    kinds = {field.encode_name: field.type for field in type_info(FEEDS[feed]).fields}
    told = {field: set(re.findall(r"`(\w+)`", cells[2])) & known for field, cells in rows(SECTIONS[feed]).items()}
    meant = {field: meaning(feed, field, kinds) for field in told}
    if feed == "sentry":
        meant["kind"] -= meant["alarm"]  # a beat says which alarm stands; the page tells it with the alarm
    if feed == "video":
        meant["faulty_children"] = {"faulty"}  # of others: the next test
    assert told == meant


def test_faulty_children_are_told_of_those_children() -> None:
    desk = Desk()
    desk.send(CAMERA, faulty_children=[OTHER_CAMERA])
    assert desk.values(OTHER_CAMERA) == {"faulty": 1.0}


def test_the_personal_fields_on_the_page_are_those_of_the_program() -> None:
    paragraph = section("## 4. What is never accepted").partition("`name`")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([^`]+)`", "`name`" + paragraph)) == PERSONAL_FIELDS


def test_the_numbers_on_the_page_are_those_of_the_program() -> None:
    assert f"{intake.LARGEST_BYTES // 1024} KiB" in section("## 1. Connecting")
    assert f"{KEPT_BYTES // 1024} KiB" in section("## 6. Reasons of refusal")
    assert UNREADABLE_KEPT_BYTES == 1024
    assert ms("2020-01-01T00:00:00Z") == intake.EARLIEST_MS
    assert SECONDS_BELOW == 100000000000
    time = section("## 3. Time")
    assert f"more than {intake.CLOCK_OFF_MS // 1000} s off" in time
    assert f"more than {intake.FUTURE_MS // 1000} s ahead" in time


def test_links_within_the_page_lead_somewhere() -> None:
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(TEXT)}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= slugs
