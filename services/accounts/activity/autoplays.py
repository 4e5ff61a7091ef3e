"""What happens to AutoPlays, as rows of the timeline."""

from collections.abc import Callable, Mapping
from typing import Any

from services.accounts.activity.domain import Activity, Kind
from shared.contracts import (
    AutoplayCancelled,
    AutoplayChanged,
    AutoplayCreated,
    AutoplayNotRun,
    AutoplayPaused,
    AutoplayPaymentFailed,
    AutoplayRan,
    AutoplayResumed,
    AutoplaySkipped,
    Event,
)

_KINDS: Mapping[type[Event], Kind] = {
    AutoplayCreated: "autoplay_created",
    AutoplayChanged: "autoplay_changed",
    AutoplayPaused: "autoplay_paused",
    AutoplayResumed: "autoplay_resumed",
    AutoplaySkipped: "autoplay_skipped",
    AutoplayCancelled: "autoplay_cancelled",
    AutoplayRan: "autoplay_ran",
    AutoplayNotRun: "autoplay_not_run",
    AutoplayPaymentFailed: "autoplay_payment_failed",
}
_PLACE = {"customer_id", "occurred_at"}


def _autoplay(event: Any) -> Activity:
    details = event.model_dump(mode="json", exclude=_PLACE, exclude_none=True)
    # Of one AutoPlay several draws may be bought or missed at one moment.
    draw = details.get("draw_number")
    reference = event.autoplay_id if draw is None else f"{event.autoplay_id}/{draw}"
    return Activity(event.customer_id, _KINDS[type(event)], event.occurred_at, reference, details)


AUTOPLAYS: Mapping[type[Event], Callable[[Any], Activity]] = dict.fromkeys(_KINDS, _autoplay)
