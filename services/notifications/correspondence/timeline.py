"""The steps of a message's delivery in order of time, out of attempts and reports."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.notifications.correspondence.store import Attempt, Listed, ProviderReport
from services.notifications.tracking.domain import Status

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


def timeline_of(message: Listed, attempts: Iterable[Attempt], reports: Iterable[ProviderReport]) -> list[TimelineEntry]:
    """All steps that are known; those of one moment in the order in which they follow from each other."""
    steps = [*_begun(message), *_tried(attempts), *_reported(reports)]
    return sorted(steps, key=lambda step: step.occurred_at)


def _begun(message: Listed) -> Sequence[TimelineEntry]:
    if message.withheld_reason:
        return [TimelineEntry(message.created_at, Status.NOT_SENT, OURSELVES, diagnostic=message.withheld_reason)]
    return [TimelineEntry(message.created_at, "queued", OURSELVES)]


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
