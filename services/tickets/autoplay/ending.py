"""The end of AutoPlays: what was refused is not tried again, and those of an erased customer buy nothing more."""

from collections.abc import Sequence

from services.tickets.autoplay import run_store, store
from services.tickets.autoplay.domain import RUNNING, Changes, Entry, Event, Fact, State
from services.tickets.autoplay.events import announcements
from services.tickets.autoplay.runs import RunEvent
from services.tickets.autoplay.store import Key
from services.tickets.lifecycle.domain import ACTOR
from shared.contracts import CustomerErased
from shared.db import Connection
from shared.messaging import Batch

_ERASED = "customer_erased"
_REASON = "The customer was erased"
_NOT_CANCELLED = (*RUNNING, State.PAUSED, State.PAYMENT_FAILED)


async def give_up_retries(connection: Connection, keys: Sequence[Key], *, code: str, reason: str | None) -> None:
    """Try nothing again of these AutoPlays, whose customers are locked."""
    retrying = await run_store.retrying_of(connection, keys)
    ended = [run.after(RunEvent.GIVEN_UP, code=code, reason=reason) for runs in retrying.values() for run in runs]
    await run_store.save_runs(connection, [run for run in ended if run is not None])


async def cancel_of_erased(batch: Batch[CustomerErased]) -> None:
    """Cancel the AutoPlays of customers that were erased; their locks, which the batch holds, keep the runner away."""
    events = {event.key: event for event in batch.events}
    found = await store.of_customers(batch.connection, list(events), states=_NOT_CANCELLED)
    if not found:
        return
    changes = Changes(found)
    for autoplay in found:
        cause = events[autoplay.customer_id]
        fact = Fact(Event.CANCELLED, cause.data.erased_at, ACTOR, code=_ERASED, reason=_REASON)
        entry = changes.apply(autoplay.autoplay_id, fact)
        if isinstance(entry, Entry):
            for event in announcements(entry):
                batch.publish(event, cause=cause)
    keys = [(each.customer_id, each.autoplay_id) for each in found]
    await give_up_retries(batch.connection, keys, code=_ERASED, reason=_REASON)
    await store.save(batch.connection, changes.made)
