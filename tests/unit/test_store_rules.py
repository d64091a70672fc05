"""Versions of rules in the store: on SQLite and on PostgreSQL, and when two people come at once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.publishing import NOT_KEPT, NotAllowed, RuleVersion
from alerts.store.database import Database
from alerts.store.rules import RuleStore


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RuleStore]:
    on_postgres = request.param == "PostgreSQL"
    database = Database(request.getfixturevalue("postgres_url") if on_postgres else f"sqlite:///{tmp_path / 'r.db'}")
    database.migrate()
    yield RuleStore(database)
    database.dispose()


def version(text: str, by: str = "Li") -> RuleVersion:
    said = {"pack": "p", "label": "1", "title": "包", "meaning": text[:32], "by": by, "why": "台风", "at_ms": 7}
    return RuleVersion(number=NOT_KEPT, files={"p/a.yaml": text}, **said)


def test_what_was_handed_in_comes_back_as_it_was_under_the_next_number(store: RuleStore) -> None:
    assert (store.sequence(), store.ledger().in_force, store.heads()) == (0, None, {})
    for number, text in enumerate(("# 注释\r\n", "b: 2\n"), 1):
        store.approve(store.propose(version(text)).id, "Wang", number)
        assert (store.sequence(), store.version(number).files) == (number, {"p/a.yaml": text})
    assert [head.why for head in store.heads().values()] == ["台风", "台风"]
    store.approve(store.roll_back(None, "Li", "too many", 8).id, "Wang", 9)
    in_force = store.ledger().in_force
    assert in_force is not None and (in_force.version, in_force.takes_back, store.sequence()) == (1, 2, 3)


def test_of_many_who_approve_at_once_one_does_and_the_others_are_told(store: RuleStore) -> None:
    proposals = [store.propose(version(f"a: {n}\n")).id for n in range(4)]
    told: list[str] = []
    ready = threading.Barrier(len(proposals))

    def approve(proposal: int) -> None:
        ready.wait()
        try:
            store.approve(proposal, "Wang", 8)
        except NotAllowed as refused:
            told.append(str(refused))

    people = [threading.Thread(target=approve, args=(proposal,)) for proposal in proposals]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert store.sequence() == 1 and len(told) == len(proposals) - 1
    assert len(store.ledger().waiting) == len(proposals) - 1, "what was refused still waits"
    assert all("now it is 1" in words or "at the same moment" in words for words in told), told


def test_a_report_is_kept_of_a_version_and_of_a_pack_that_was_never_published(store: RuleStore) -> None:
    store.propose(version("a: 1\n"))
    first = store.report("reload", 1, "a: 1\n", "detect-1", 9, {"kept": 3})
    assert store.report("backtest", None, "m", "Li", 10, {}) > first
