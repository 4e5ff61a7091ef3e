"""The steps of a message's delivery in order of time, out of attempts and reports."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from services.notifications.correspondence.store import Attempt, Opened, ProviderReport
from services.notifications.tracking.domain import Status, Withheld

OURSELVES = "notifications"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One step; `state` is what happened then."""

    occurred_at: datetime
    state: str
    source: str
    attempt: int | None = None
    status_code: str | None = None
    diagnostic: str | None = None


def timeline_of(message: Opened, attempts: Iterable[Attempt], reports: Iterable[ProviderReport]) -> list[TimelineEntry]:
    """All steps that are known; those of one moment in the order in which they follow from each other."""
    steps = [*_begun(message), *_tried(attempts), *_reported(reports)]
    return sorted(steps, key=lambda step: step.occurred_at)


def _begun(message: Opened) -> Iterator[TimelineEntry]:
    created_at, reason = message.listed.created_at, message.listed.withheld_reason
    if reason is None:
        yield TimelineEntry(created_at, "queued", OURSELVES)
    elif reason == Withheld.ERASED and message.erased_at is not None:
        # Until then it was to be sent, and may have been tried.
        yield TimelineEntry(created_at, "queued", OURSELVES)
        yield TimelineEntry(message.erased_at, Status.NOT_SENT, OURSELVES, diagnostic=reason)
    else:
        yield TimelineEntry(created_at, Status.NOT_SENT, OURSELVES, diagnostic=reason)


def _tried(attempts: Iterable[Attempt]) -> Iterator[TimelineEntry]:
    for each in attempts:
        yield TimelineEntry(each.started_at, "claimed", OURSELVES, each.attempt)
        if each.handed_over_at is not None:
            yield TimelineEntry(each.handed_over_at, "handing_over", OURSELVES, each.attempt)
        if each.ended_at is not None and each.outcome is not None:
            yield TimelineEntry(each.ended_at, each.outcome, OURSELVES, each.attempt, each.status_code, each.diagnostic)


def _reported(reports: Iterable[ProviderReport]) -> Iterator[TimelineEntry]:
    for each in reports:
        yield TimelineEntry(
            each.occurred_at, each.state, each.provider, status_code=each.status_code, diagnostic=each.diagnostic
        )
