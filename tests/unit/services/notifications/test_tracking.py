"""The status of a message: a function of the set of facts, whatever their order and number."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.delivery.domain import retry_delay
from services.notifications.tracking.domain import (
    Fact,
    Outcome,
    Report,
    Status,
    Verdict,
    Withheld,
    status_of,
    verdict_of,
)

FACTS: list[Fact] = [*Outcome, *Report, *Withheld]


@given(st.lists(st.sampled_from(FACTS)), st.randoms())
def test_order_and_copies_do_not_matter(facts: list[Fact], random: object) -> None:
    shuffled = facts * 3
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert status_of(shuffled) is status_of(facts)


@given(st.lists(st.sampled_from(FACTS)), st.lists(st.sampled_from(FACTS)))
def test_learning_more_never_takes_a_verdict_back(earlier: list[Fact], later: list[Fact]) -> None:
    def verdict(facts: list[Fact]) -> Verdict:
        return max(map(verdict_of, facts), default=Verdict.UNDER_WAY)

    assert verdict(earlier + later) == max(verdict(earlier), verdict(later))


def test_every_fact_and_every_verdict_has_a_meaning() -> None:
    assert {verdict_of(fact) for fact in FACTS} == set(Verdict)
    assert {status_of([fact]) for fact in FACTS} == set(Status)


def test_nothing_known_is_pending() -> None:
    assert status_of([]) is Status.PENDING


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([Outcome.ACCEPTED, Report.DELIVERED, Report.HARD_BOUNCE], Status.HARD_BOUNCE),
        ([Report.SOFT_BOUNCE, Report.DELIVERED], Status.DELIVERED),
        ([Report.DEFERRED, Report.DELIVERED, Report.COMPLAINT], Status.DELIVERED),
        ([Outcome.UNCONFIRMED], Status.UNCONFIRMED),
        ([Outcome.UNCONFIRMED, Report.ACCEPTED], Status.PENDING),
        ([Outcome.UNCONFIRMED, Report.DELIVERED], Status.DELIVERED),
        ([Outcome.DEFERRED, Outcome.UNCONFIRMED], Status.UNCONFIRMED),
        ([Outcome.DEFERRED, Outcome.ABANDONED], Status.PENDING),
        ([Outcome.DEFERRED, Outcome.GIVEN_UP], Status.SOFT_BOUNCE),
        ([Outcome.REFUSED], Status.HARD_BOUNCE),
        ([Withheld.NO_ADDRESS], Status.NOT_SENT),
    ],
)
def test_the_truer_word_holds(facts: list[Fact], status: Status) -> None:
    assert status_of(facts) is status


def test_pauses_grow_up_to_a_limit() -> None:
    for answered in (True, False):
        pauses = [retry_delay(attempt, answered=answered).total_seconds() for attempt in range(1, 200)]
        assert all(before <= after for before, after in pairwise(pauses))
        assert pauses[-1] == (1800 if answered else 60)
    assert retry_delay(1, answered=False).total_seconds() == 1
    assert retry_delay(2, answered=True).total_seconds() == 20
