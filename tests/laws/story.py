"""A story: one log with the city and the rules it is judged by, and how it is told to a shard or to the interpreter."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any

from city.city import City
from city.fleet import Fleet
from city.levels import LEVELS
from city.readings import Batch, Flag, Tick, batch_of
from city.transitions import Transition
from rules.engine.shard import Shard
from rules.language.pack import Pack
from tests.laws.interpreter import Interpreter
from tests.laws.reference import Reading, Said

START_MS = 1_700_000_000_000
Entry = Reading | Tick
Piece = list[Reading] | Tick


@dataclass(frozen=True)
class Story:
    """`entries`: readings and ticks in log order. Prints as lines, so that the smallest failing log can be read."""

    city: City
    fleet: Fleet
    pack: Pack
    entries: tuple[Entry, ...]

    def shard(self) -> Shard:
        return Shard(self.city, self.fleet, self.pack)

    def interpreter(self) -> Interpreter:
        return Interpreter(self.city, self.fleet, self.pack)

    def pieces(self) -> list[Piece]:
        """Ticks, and between them all readings as one piece."""
        return pieces(self.entries)

    def inserting(self, extra: Iterable[tuple[int, Entry]]) -> "Story":
        """The same story with entries put in before positions of it."""
        entries = list(self.entries)
        for position, entry in sorted(extra, key=lambda e: e[0], reverse=True):
            entries.insert(position, entry)
        return replace(self, entries=tuple(entries))

    def __str__(self) -> str:
        return "\n".join(["rules:", *rule_lines(self.pack), "log:", *self.log_lines()])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How hypothesis prints a falsifying example."""
        printer.text(f"\n{self}\n")

    def log_lines(self) -> Iterator[str]:
        names = dict(zip(self.fleet.number.tolist(), self.fleet.ids, strict=True))
        indicators = {i.number: i.id for i in self.city.catalogue.indicators}
        for entry in self.entries:
            if isinstance(entry, Tick):
                state = "retired" if entry.retired else "up" if entry.up else "down"
                yield f"  {clock(entry.clock_ms)} tick {entry.ingest} {state}, step {entry.step_ms / 1000:g} s"
            else:
                name, what = names.get(entry.device, f"#{entry.device}"), indicators.get(entry.indicator, "?")
                flags = f" {Flag(entry.flags).name}" if entry.flags else ""
                yield f"  {clock(entry.event_ms)} {name} {what}={entry.value:g} seq {entry.seq}{flags}"


def clock(ms: int) -> str:
    """Time since the start of all stories."""
    past = ms - START_MS
    sign, (seconds, rest) = "-" if past < 0 else "+", divmod(abs(past), 1000)
    fraction = f".{rest:03d}" if rest else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def rule_lines(pack: Pack) -> Iterator[str]:
    hidden = {"id", "title", "source", "cause", "group", "nature"}
    for rule in (*pack.levels, *pack.absences, *pack.parents):
        parts = [f"{f.name}={getattr(rule, f.name)}" for f in fields(rule) if f.name not in hidden]
        yield f"  {rule.id}: {', '.join(parts)}"


def pieces(entries: Iterable[Entry]) -> list[Piece]:
    """Entries with the readings between two ticks together."""
    told: list[Piece] = []
    for is_tick, run in groupby(entries, lambda entry: isinstance(entry, Tick)):
        together = list(run)
        told += together if is_tick else [together]  # type: ignore[arg-type]
    return told


def batch(readings: list[Reading]) -> Batch:
    return batch_of(*(list(column) for column in zip(*readings, strict=True)))


def tell(shard: Shard, told: Iterable[Piece]) -> list[Transition]:
    """What a shard says of pieces of a log."""
    said: list[Transition] = []
    for piece in told:
        said += shard.tick(piece) if isinstance(piece, Tick) else shard.apply(batch(piece))
    return said


def reduced(transition: Transition) -> Said:
    """A transition as the interpreter would put it."""
    t = transition
    seq = t.trigger.seq if t.trigger else None
    return Said(
        t.rule,
        t.subject,
        t.level_from,
        t.level_to,
        t.event_ms,
        t.log_ms,
        t.since_ms,
        t.explained_by,
        t.nature,
        t.value,
        seq,
        t.suspected,
    )


def line(said: Said | Transition) -> str:
    """One transition as people would read it."""
    if isinstance(said, Transition):
        said = reduced(said)
    explained = f", explained by {said.explained_by}" if said.explained_by else ""
    seq = "" if said.seq is None else f", seq {said.seq}"
    times = f"event {clock(said.event_ms)}, log {clock(said.log_ms)}, since {clock(said.since_ms)}"
    change = f"{said.level_from.slug}->{said.level_to.slug}"
    suspected = " suspected" if said.suspected else ""
    return f"{said.rule} {said.subject} {change}{suspected} value {said.value:g}{seq}, {times}{explained}"


def agree(expected: list[Said] | list[Transition], found: list[Said] | list[Transition], what: str) -> None:
    """Fail with the first transition that differs."""
    for i, (one, other) in enumerate(zip(expected, found, strict=False)):
        assert one == other, f"{what}: transition {i}\n  expected {line(one)}\n  found    {line(other)}"
    extra = expected[len(found) :] or found[len(expected) :]
    word = "missing" if len(expected) > len(found) else "too many"
    assert len(expected) == len(found), f"{what}: {word}\n" + "\n".join(f"  {line(one)}" for one in extra)


__all__ = [
    "LEVELS",
    "START_MS",
    "Entry",
    "Piece",
    "Story",
    "agree",
    "batch",
    "clock",
    "line",
    "pieces",
    "reduced",
    "tell",
]
