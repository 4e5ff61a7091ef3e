"""Consumes customer changes: the name to show is the one that accounts has."""

from services.tickets.customers import store
from services.tickets.customers.store import Named
from shared.contracts import CustomerChanged
from shared.messaging import AnyHandler, Batch, Handler


class CustomerEvents:
    """Handlers of the topic `customers`."""

    def handlers(self) -> list[AnyHandler]:
        """Versions tell the order, so a dead letter holds nothing up."""
        return [Handler(CustomerChanged, self.changed, ordered=False)]

    async def changed(self, batch: Batch[CustomerChanged]) -> None:
        """Keep the newest name of each customer."""
        newest: dict[str, CustomerChanged] = {}
        for event in batch.events:
            known = newest.get(event.key)
            if known is None or known.version <= event.data.version:
                newest[event.key] = event.data
        names = [
            Named(key, data.first_name, data.last_name, data.version, data.time_zone, data.status)
            for key, data in newest.items()
        ]
        await store.save_names(batch.connection, names)
