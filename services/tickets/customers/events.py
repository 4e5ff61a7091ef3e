"""Consumes customer changes: the name to show is the one that accounts has."""

from collections.abc import Awaitable, Callable

from services.tickets.autoplay.store import recheck_in_zones
from services.tickets.customers import store
from services.tickets.customers.store import Merge, Named
from shared.contracts import CustomerChanged, CustomerErased
from shared.messaging import AnyHandler, Batch, Handler
from shared.messaging.erasure import erase_settled_letters


class CustomerEvents:
    """Handlers of the topic `customers`; `forget` ends what goes on for customers that were erased."""

    def __init__(self, forget: Callable[[Batch[CustomerErased]], Awaitable[None]]) -> None:
        self._forget = forget

    def handlers(self) -> list[AnyHandler]:
        """Versions tell the order, so a dead letter holds nothing up."""
        return [
            Handler(CustomerChanged, self.changed, ordered=False),
            Handler(CustomerErased, self.erased, ordered=False),
        ]

    async def changed(self, batch: Batch[CustomerChanged]) -> None:
        """Keep the newest name of each customer, and whom it was merged into."""
        newest: dict[str, CustomerChanged] = {}
        for event in batch.events:
            known = newest.get(event.key)
            if known is None or known.version <= event.data.version:
                newest[event.key] = event.data
        names = [
            Named(key, data.first_name, data.last_name, data.version, data.time_zone, data.status)
            for key, data in newest.items()
        ]
        await recheck_in_zones(batch.connection, [(each.customer_id, each.time_zone, each.version) for each in names])
        await store.save_names(batch.connection, names)
        # A customer is not merged before it was recorded.
        merges = [Merge(key, data.merged_into, data.version) for key, data in newest.items() if data.version > 1]
        await store.save_merges(batch.connection, merges)

    async def erased(self, batch: Batch[CustomerErased]) -> None:
        """Forget the names of customers, who are closed; the version sees to it that nothing older brings them back."""
        names = {event.key: Named(event.key, None, None, event.data.version, status="closed") for event in batch.events}
        await store.save_names(batch.connection, list(names.values()))
        await self._forget(batch)
        await erase_settled_letters(batch.connection, list(names))
