"""A RuleSource determines which rules are in force: those that were published last, or, before anybody published any,
those in the folder of the settings. Who judges by them or shows them follows it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from alerts.publishing import NOT_KEPT, Publication, RuleVersion
from alerts.store.rules import RuleStore
from city.catalogue import Catalogue
from city.city import City
from city.clock import wall_ms
from city.errors import ConfigError, ConfigErrors, Unavailable
from rules.language.files import load_files, pack_files
from rules.language.load import load_pack
from rules.language.pack import Pack

log = structlog.get_logger()

ASK_EVERY_S = 1.0
UNLOADABLE = (ConfigError, ConfigErrors, ValueError)
TOLD = 500
"""Characters of what is wrong with a version that are told where there is little room."""


@dataclass(frozen=True)
class Refusal:
    """A publication that does not load here."""

    sequence: int
    version: int
    why: str


@dataclass(frozen=True)
class RulesInForce:
    """A pack that is judged by, loaded at `loaded_wall_ms`. `version` and `published_ms` of its publication `sequence`;
    None and 0 where it is the folder of the settings. `refused`: what ought to be in its place."""

    pack: Pack
    loaded_wall_ms: float
    version: int | None = None
    sequence: int = 0
    published_ms: int | None = None
    refused: Refusal | None = None

    @property
    def seen(self) -> int:
        """The newest publication that was looked at."""
        return self.refused.sequence if self.refused else self.sequence

    def status(self) -> dict[str, Any]:
        """What is told of them as plain data."""
        return {
            "pack": self.pack.name,
            "version": self.pack.version,
            "meaning": self.pack.meaning,
            "loaded_wall_ms": self.loaded_wall_ms,
            "number": self.version,
            "sequence": self.sequence,
            "published_ms": self.published_ms,
            "refused": None if self.refused is None else vars(self.refused),
        }


Take = Callable[[RulesInForce], Awaitable[dict[str, Any]]]
"""Go on by these rules; returns what there is to report of it. Raises one of UNLOADABLE, and goes on by the old ones.
Does not where only `refused` differs."""


def version_of(folder: Path, catalogue: Catalogue, by: str, why: str, at_ms: int) -> RuleVersion:
    """The pack in a folder as it is handed in: its files, and what they mean by themselves. Raises ConfigErrors."""
    files = pack_files(folder)
    pack = load_files(files, next(iter(files)).partition("/")[0], catalogue)
    said = {"pack": pack.name, "label": pack.version, "title": pack.title, "meaning": pack.meaning}
    return RuleVersion(number=NOT_KEPT, **said, files=files, by=by, why=why, at_ms=at_ms)


class RuleSource:
    """`folder`: of the pack that is in force while nothing is published. `who`: asks, for reports."""

    def __init__(self, store: RuleStore, city: City, folder: Path, who: str) -> None:
        self._store, self._city, self._folder, self._who = store, city, folder, who

    def begin(self) -> RulesInForce:
        """The newest rules that load, and what newer ones do not. Raises ConfigErrors when none do, and Unavailable."""
        refused: Refusal | None = None
        for publication in reversed(self._store.ledger().publications):
            try:
                return replace(self._load(publication, self._store.version(publication.version)), refused=refused)
            except UNLOADABLE as error:
                refused = refused or self._refuse(publication, error)
        return replace(self._of_folder(), refused=refused)

    def earlier(self, sequence: int) -> RulesInForce | None:
        """The rules of a publication, of the folder for 0; None where they are not there, or do not load."""
        with suppress(*UNLOADABLE):
            if sequence == 0:
                return self._of_folder()
            for publication in self._store.ledger().publications:
                if publication.sequence == sequence:
                    return self._load(publication, self._store.version(publication.version))
        return None

    async def follow(self, rules: RulesInForce, take: Take) -> None:
        """Look once a second, and have `take` told what came into force, until cancelled. Raises what it raises."""
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            news = await asyncio.to_thread(self._news, rules.seen)
            if news is not None:
                rules = await self._change(rules, *news, take)

    def _news(self, seen: int) -> tuple[Publication, RuleVersion] | None:
        """What came into force. None while the store is away, which those say who need it more."""
        with suppress(Unavailable):
            if self._store.sequence() != seen and (publication := self._store.ledger().in_force):
                return publication, self._store.version(publication.version)
        return None

    async def _change(
        self, rules: RulesInForce, publication: Publication, version: RuleVersion, take: Take
    ) -> RulesInForce:
        began_s = time.perf_counter()
        try:
            new = await asyncio.to_thread(self._load, publication, version)
            told = await take(new)
        except UNLOADABLE as error:
            new = replace(rules, refused=self._refuse(publication, error))
            told = await take(new)
        took_s = round(time.perf_counter() - began_s, 3)
        report = {**told, "sequence": publication.sequence, "took_s": took_s}
        report["refused"] = new.refused.why if new.refused else None
        log.info("rules followed", version=version.number, **report)
        await asyncio.to_thread(self._keep, version, report)
        return new

    def _load(self, publication: Publication, version: RuleVersion) -> RulesInForce:
        pack = load_files(version.files, version.pack, self._city.catalogue)
        return RulesInForce(pack, wall_ms(), version.number, publication.sequence, publication.at_ms)

    def _of_folder(self) -> RulesInForce:
        return RulesInForce(load_pack(self._folder, self._city.catalogue), wall_ms())

    def _refuse(self, publication: Publication, error: Exception) -> Refusal:
        log.error("published rules refused", version=publication.version, sequence=publication.sequence, why=str(error))
        return Refusal(publication.sequence, publication.version, str(error)[:TOLD])

    def _keep(self, version: RuleVersion, report: dict[str, Any]) -> None:
        """A report that the store does not take is in the log all the same."""
        with suppress(Unavailable):
            self._store.report("reload", version.number, version.meaning, self._who, int(wall_ms()), report)
