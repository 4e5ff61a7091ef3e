"""What the facts about a message say of it."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import assert_never


class Status(StrEnum):
    """What people are shown of a message."""

    PENDING = "pending"
    DELIVERED = "delivered"
    SOFT_BOUNCE = "soft_bounce"
    HARD_BOUNCE = "hard_bounce"
    UNCONFIRMED = "unconfirmed"
    NOT_SENT = "not_sent"


class Outcome(StrEnum):
    """How an attempt ended."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    GIVEN_UP = "given_up"
    ABANDONED = "abandoned"
    UNCONFIRMED = "unconfirmed"


class Report(StrEnum):
    """What a provider says of a message it has."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    SOFT_BOUNCE = "soft_bounce"
    HARD_BOUNCE = "hard_bounce"
    COMPLAINT = "complaint"


class Withheld(StrEnum):
    """Why a message was not even tried."""

    NO_ADDRESS = "no_address"
    ERASED = "erased"


Fact = Outcome | Report | Withheld


class Verdict(IntEnum):
    """What a fact says of a message; of several facts the greatest verdict holds, in whatever order they came.

    A bounce after a delivery is the truer word, and a delivery says more than an earlier, passing failure. Anything
    that the provider says settles the doubt of an unconfirmed hand-over.
    """

    UNDER_WAY = 0
    WITHHELD = 1
    DOUBTFUL = 2
    WITH_PROVIDER = 3
    FAILED_FOR_NOW = 4
    DELIVERED = 5
    FAILED = 6


_STATUS = {
    Verdict.UNDER_WAY: Status.PENDING,
    Verdict.WITHHELD: Status.NOT_SENT,
    Verdict.DOUBTFUL: Status.UNCONFIRMED,
    Verdict.WITH_PROVIDER: Status.PENDING,
    Verdict.FAILED_FOR_NOW: Status.SOFT_BOUNCE,
    Verdict.DELIVERED: Status.DELIVERED,
    Verdict.FAILED: Status.HARD_BOUNCE,
}
_OF_OUTCOME = {
    Outcome.ACCEPTED: Verdict.WITH_PROVIDER,
    Outcome.DEFERRED: Verdict.UNDER_WAY,
    Outcome.REFUSED: Verdict.FAILED,
    Outcome.GIVEN_UP: Verdict.FAILED_FOR_NOW,
    Outcome.ABANDONED: Verdict.UNDER_WAY,
    Outcome.UNCONFIRMED: Verdict.DOUBTFUL,
}
_OF_REPORT = {
    Report.ACCEPTED: Verdict.WITH_PROVIDER,
    Report.DEFERRED: Verdict.WITH_PROVIDER,
    Report.DELIVERED: Verdict.DELIVERED,
    Report.SOFT_BOUNCE: Verdict.FAILED_FOR_NOW,
    Report.HARD_BOUNCE: Verdict.FAILED,
    # Only what arrived can be complained about.
    Report.COMPLAINT: Verdict.DELIVERED,
}


def verdict_of(fact: Fact) -> Verdict:
    """What one fact says. Total: every fact has a verdict."""
    match fact:
        case Outcome():
            return _OF_OUTCOME[fact]
        case Report():
            return _OF_REPORT[fact]
        case Withheld():
            return Verdict.WITHHELD
        case _:
            assert_never(fact)


def status_of(facts: Iterable[Fact]) -> Status:
    """The status of a message of which these facts are known; their order and number do not matter."""
    return _STATUS[max(map(verdict_of, facts), default=Verdict.UNDER_WAY)]
