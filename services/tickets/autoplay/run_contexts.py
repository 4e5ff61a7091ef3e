"""What decisions about AutoPlays need to know of the rest of the service: draws, offers, customers, money spent."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from services.tickets.autoplay.domain import Autoplay
from services.tickets.autoplay.run_contexts_store import CustomerFacts, customers, draws_met, draws_since
from services.tickets.autoplay.run_store import spent_since
from services.tickets.autoplay.runs import RunContext
from services.tickets.autoplay.schedule import Cadence, month_of
from services.tickets.draws.store import offers_by_id
from shared.db import Connection
from shared.time_zones import zone_named


class RunContexts:
    """Reads the contexts of AutoPlays of one lottery in few statements.

    `default_zone` is the time zone where neither the AutoPlay nor its customer has one.
    """

    def __init__(self, default_zone: str) -> None:
        self._default_zone = default_zone

    def zone(self, autoplay: Autoplay, customer: CustomerFacts | None) -> ZoneInfo:
        """The AutoPlay's own zone, or its customer's, or the default."""
        named = (autoplay.terms.time_zone, customer.time_zone if customer else None, self._default_zone)
        return next((zone for zone in map(zone_named, named) if zone), ZoneInfo("UTC"))

    async def read(
        self, connection: Connection, autoplays: Sequence[Autoplay], *, now: datetime, since: datetime
    ) -> dict[str, RunContext]:
        """By AutoPlay what to decide with at `now`, with the draws since `since`; all are of one lottery."""
        if not autoplays:
            return {}
        lottery = autoplays[0].terms.lottery
        known = await customers(connection, [each.customer_id for each in autoplays])
        monthly = [each for each in autoplays if each.terms.schedule.cadence is Cadence.MONTHLY]
        draws = await draws_since(connection, lottery, since, with_period=bool(monthly))
        met = await draws_met(connection, monthly, since) if monthly else {}
        offers = await offers_by_id(connection, lottery, {each.terms.offer_id for each in autoplays})
        zones = {each.autoplay_id: self.zone(each, known.get(each.customer_id)) for each in autoplays}
        spent = await spent_since(
            connection,
            [(each.customer_id, each.autoplay_id, month_of(now, zones[each.autoplay_id])[0]) for each in autoplays],
        )
        return {
            each.autoplay_id: RunContext(
                now=now,
                zone=zones[each.autoplay_id],
                draws=draws,
                offer=offers.get(each.terms.offer_id),
                spent=spent.get(each.autoplay_id, 0),
                customer_active=each.customer_id in known and known[each.customer_id].active,
                met=met.get(each.autoplay_id, ()),
            )
            for each in autoplays
        }
