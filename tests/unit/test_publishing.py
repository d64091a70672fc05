"""Who may bring which rules into force."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.publishing import Decision, Ledger, NotAllowed, Proposal, Publication, identity

PEOPLE = ("Wang Fang", " wang  fang ", "ＷＡＮＧ　ＦＡＮＧ", "Wang\u200b.Fang", "李娜", "李 娜", "Zhao")
"""Three people, and how they may be written."""
moves = st.lists(
    st.tuples(
        st.sampled_from(["propose", "approve", "reject", "roll back"]),
        st.integers(0, 8),
        st.sampled_from(PEOPLE),
    ),
    max_size=40,
)


def kept(ledger: Ledger, proposal: Proposal) -> Ledger:
    others = tuple(p for p in ledger.proposals if p.id != proposal.id)
    return replace(ledger, proposals=(*others, proposal))


def published(ledger: Ledger, decided: tuple[Proposal, Publication]) -> Ledger:
    proposal, publication = decided
    return replace(kept(ledger, proposal), publications=(*ledger.publications, publication))


def moved(ledger: Ledger, move: str, number: int, who: str, at_ms: int) -> Ledger:
    """After a move, if it is allowed."""
    try:
        if move == "propose":
            return kept(ledger, ledger.propose(at_ms, who, "storm", at_ms))
        if move == "approve":
            return published(ledger, ledger.approve(number, who, at_ms))
        if move == "reject":
            return kept(ledger, ledger.reject(number, who, "too early", at_ms))
        return kept(ledger, ledger.roll_back(number or None, who, "false alarms", at_ms))
    except NotAllowed:
        return ledger


@given(moves)
def test_whatever_people_try_two_of_them_brought_each_version_into_force_knowing_what_was(tried) -> None:
    ledger = Ledger()
    for at_ms, (move, number, who) in enumerate(tried, 1):
        after = moved(ledger, move, number, who, at_ms)
        assert after.publications[: len(ledger.publications)] == ledger.publications, "nothing published is changed"
        ledger = after
    by_version = {p.version: p for p in ledger.proposals if p.takes_back is None}
    approved = [p for p in ledger.proposals if p.decision is Decision.APPROVED]
    assert [p.sequence for p in ledger.publications] == list(range(1, len(approved) + 1))
    assert sorted(p.based_on for p in approved) == list(range(len(approved)))
    for before, publication in enumerate(ledger.publications):
        assert publication.approved_by is not None
        assert identity(publication.approved_by) != identity(publication.proposed_by)
        if publication.takes_back is None:
            assert identity(by_version[publication.version].by) == identity(publication.proposed_by)
        else:
            assert publication.takes_back == before
            assert publication.version in {p.version for p in ledger.publications[: before - 1]}


@pytest.mark.parametrize("again", PEOPLE[:4])
def test_nobody_approves_his_own_proposal_however_he_writes_his_name(again: str) -> None:
    ledger = kept(Ledger(), Ledger().propose(1, "Wang Fang", "storm", 0))
    with pytest.raises(NotAllowed, match=r"Wang Fang made proposal 1 \(have another person approve it\)"):
        ledger.approve(1, again, 1)
    assert published(ledger, ledger.approve(1, "李娜", 1)).sequence == 1


def two_versions() -> Ledger:
    ledger = Ledger()
    for version in (1, 2):
        ledger = kept(ledger, ledger.propose(version, "Wang", "storm", version))
        ledger = published(ledger, ledger.approve(version, "Li", version))
    return ledger


def test_a_proposal_that_others_overtook_is_refused_and_can_be_made_again() -> None:
    ledger = kept(Ledger(), Ledger().propose(1, "Wang", "storm", 0))
    ledger = kept(ledger, ledger.propose(2, "Zhao", "tide", 0))
    ledger = published(ledger, ledger.approve(2, "Li", 1))
    assert ledger.is_stale(ledger.waiting[0])
    with pytest.raises(NotAllowed, match="made when publication 0 was in force, now it is 1"):
        ledger.approve(1, "Li", 2)
    ledger = kept(ledger, ledger.propose(1, "Wang", "storm", 3))
    assert published(ledger, ledger.approve(3, "Li", 4)).in_force == Publication(
        sequence=2, version=1, proposed_by="Wang", approved_by="Li", why="storm", at_ms=4
    )


def test_a_rollback_is_the_publication_of_the_version_before_and_says_what_it_takes_back() -> None:
    ledger = two_versions()
    ledger = kept(ledger, ledger.roll_back(None, "Wang", "false alarms", 3))
    ledger = published(ledger, ledger.approve(3, "Li", 4))
    assert ledger.in_force is not None
    assert (ledger.in_force.version, ledger.in_force.takes_back, ledger.sequence) == (1, 2, 3)
    ledger = kept(ledger, ledger.roll_back(None, "Wang", "they were none", 5))
    assert ledger.proposals[-1].version == 2


@pytest.mark.parametrize(("version", "told"), [(2, "version 2 is in force"), (3, "version 3 was never in force")])
def test_what_cannot_be_rolled_back_to_is_told(version: int, told: str) -> None:
    with pytest.raises(NotAllowed, match=told):
        two_versions().roll_back(version, "Wang", "why not", 3)


def test_where_nothing_else_was_in_force_nothing_is_rolled_back() -> None:
    with pytest.raises(NotAllowed, match="nothing was ever published"):
        Ledger().roll_back(None, "Wang", "why not", 0)
    first = kept(Ledger(), Ledger().propose(1, "Wang", "storm", 0))
    first = published(first, first.approve(1, "Li", 1))
    with pytest.raises(NotAllowed, match="no version was in force before 1"):
        first.roll_back(None, "Wang", "why not", 2)


def test_what_was_decided_is_not_decided_again() -> None:
    ledger = kept(Ledger(), Ledger().propose(1, "Wang", "storm", 0))
    rejected = kept(ledger, ledger.reject(1, "Wang", "I was wrong", 1))
    assert (rejected.proposals[0].decision, rejected.waiting) == (Decision.REJECTED, ())
    for try_again in (lambda: rejected.approve(1, "Li", 2), lambda: rejected.reject(1, "Li", "why", 2)):
        with pytest.raises(NotAllowed, match="proposal 1 was rejected already"):
            try_again()
    with pytest.raises(NotAllowed, match="there is no proposal 7"):
        rejected.approve(7, "Li", 2)


@pytest.mark.parametrize("nobody", ["", "  ", "\u200b", "--", "x" * 81])
def test_who_and_why_must_be_said(nobody: str) -> None:
    with pytest.raises(NotAllowed, match="--by"):
        Ledger().propose(1, nobody, "storm", 0)
    ledger = kept(Ledger(), Ledger().propose(1, "Wang", "storm", 0))
    with pytest.raises(NotAllowed, match="--by"):
        ledger.approve(1, nobody, 0)
    with pytest.raises(NotAllowed, match="--why"):
        ledger.reject(1, "Li", " ", 0)


def test_one_person_is_enough_where_it_is_said_to_be() -> None:
    ledger = kept(Ledger(), Ledger().propose(1, "Wang", "storm", 0))
    _, publication = ledger.approve(1, None, 1)
    assert (publication.proposed_by, publication.approved_by) == ("Wang", None)
