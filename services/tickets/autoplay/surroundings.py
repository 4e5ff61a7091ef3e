"""What decisions about AutoPlays need to know of the rest of the service: draws, offers, customers, money spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.tickets.autoplay.domain import Autoplay
from services.tickets.autoplay.run_store import HORIZON, MISSED, spent_since
from services.tickets.autoplay.runs import Circumstances
from services.tickets.autoplay.schedule import PERIOD, Cadence, Draw, month_of
from services.tickets.draws.store import offers
from shared.db import Connection, columns
from shared.time_zones import zone_named

# As far as anybody looks ahead.
FUTURE_DRAWS = 500
MOST_OFFERS = 1000


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """A customer as AutoPlay needs it; no name as long as nobody has named the customer, and after an erasure."""

    first_name: str | None
    last_name: str | None
    time_zone: str | None
    status: str | None

    @property
    def named(self) -> bool:
        return bool(self.first_name and self.last_name)

    @property
    def active(self) -> bool:
        return self.named and self.status in {None, "active"}


async def customers(connection: Connection, customer_ids: Sequence[str]) -> dict[str, CustomerFacts]:
    """The customers that are known among these."""
    rows = await connection.fetch(
        """select customer_id, first_name, last_name, time_zone, status from customers
           where customer_id = any($1::text[])""",
        customer_ids,
    )
    return {row[0]: CustomerFacts(*row[1:]) for row in rows}


async def draws_since(connection: Connection, lottery: str, since: datetime, *, with_period: bool) -> list[Draw]:
    """The next draws of a lottery from `since` on, `with_period` those too that a monthly schedule looks back at."""
    rows = await connection.fetch(
        """(select lottery, draw_number, draw_at, closes_at, opens_at from draws
            where lottery = $1 and draw_at >= $2 and outcome is distinct from 'cancelled'
            order by draw_at, draw_number limit $4)
           union all
           select lottery, draw_number, draw_at, closes_at, opens_at from draws
           where lottery = $1 and draw_at >= $3 and draw_at < $2 and outcome is distinct from 'cancelled'""",
        lottery, since, since - PERIOD if with_period else since, FUTURE_DRAWS,
    )  # fmt: skip
    return [Draw(*row) for row in rows]


async def due_draws(connection: Connection, autoplay: Autoplay, *, lead: timedelta) -> list[Draw]:
    """Draws of the AutoPlay's lottery that are due and that it has not met in time; one long closed is history."""
    rows = await connection.fetch(
        f"""select d.lottery, d.draw_number, d.draw_at, d.closes_at, d.opens_at from draws d
           where d.lottery = $1 and d.outcome is distinct from 'cancelled'
             and d.closes_at > greatest($2, now() - $3::interval) and d.closes_at - $4::interval <= now()
             and (d.opens_at is null or d.opens_at <= now())
             and not exists (select 1 from autoplay_runs r where r.customer_id = $5 and r.autoplay_id = $6
                                 and r.draw_number = d.draw_number and not ({MISSED} and d.closes_at > now()))
           order by d.closes_at, d.draw_number""",  # noqa: S608 - a constant
        autoplay.terms.lottery, autoplay.running_since, HORIZON, lead, autoplay.customer_id, autoplay.autoplay_id,
    )  # fmt: skip
    return [Draw(*row) for row in rows]


async def states_of_orders(connection: Connection, orders: Sequence[tuple[str, str]]) -> dict[str, set[str]]:
    """By order, given as (customer id, order id), the states of its tickets."""
    rows = await connection.fetch(
        """select o.order_id, array_agg(distinct t.state)
           from unnest($1::text[], $2::text[]) as asked (customer_id, order_id)
               join orders o on o.order_id = asked.order_id and o.customer_id = asked.customer_id
               join tickets t on t.customer_id = o.customer_id and t.ordered_at = o.ordered_at
                   and t.order_id = o.order_id
           group by o.order_id""",
        *columns(orders, 2),
    )
    return {row[0]: set(row[1]) for row in rows}


class Surroundings:
    """Circumstances of AutoPlays of one lottery, read in few statements. `default_zone` is where nobody says."""

    def __init__(self, default_zone: str) -> None:
        self._default_zone = default_zone

    def zone(self, autoplay: Autoplay, customer: CustomerFacts | None) -> ZoneInfo:
        """The AutoPlay's own zone, or its customer's, or the default."""
        named = (autoplay.terms.time_zone, customer.time_zone if customer else None, self._default_zone)
        return next((zone for zone in map(zone_named, named) if zone), ZoneInfo("UTC"))

    async def of(
        self, connection: Connection, autoplays: Sequence[Autoplay], *, now: datetime, since: datetime
    ) -> dict[str, Circumstances]:
        """By AutoPlay what to decide with at `now`, with the draws since `since`; all are of one lottery."""
        if not autoplays:
            return {}
        lottery = autoplays[0].terms.lottery
        known = await customers(connection, [each.customer_id for each in autoplays])
        monthly = any(each.terms.schedule.cadence is Cadence.MONTHLY for each in autoplays)
        draws = await draws_since(connection, lottery, since, with_period=monthly)
        sold = await offers(connection, lottery, active=None, after=None, limit=MOST_OFFERS)
        offer_of_id = {offer.offer_id: offer for offer in sold}
        zones = {each.autoplay_id: self.zone(each, known.get(each.customer_id)) for each in autoplays}
        spent = await spent_since(
            connection,
            [(each.customer_id, each.autoplay_id, month_of(now, zones[each.autoplay_id])[0]) for each in autoplays],
        )
        return {
            each.autoplay_id: Circumstances(
                now=now,
                zone=zones[each.autoplay_id],
                draws=draws,
                offer=offer_of_id.get(each.terms.offer_id),
                spent=spent.get(each.autoplay_id, 0),
                customer_active=each.customer_id in known and known[each.customer_id].active,
            )
            for each in autoplays
        }
