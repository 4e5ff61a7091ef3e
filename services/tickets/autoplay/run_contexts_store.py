"""What AutoPlay reads of customers, draws and orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.tickets.autoplay.domain import Autoplay
from services.tickets.autoplay.run_store import HORIZON, MISSED
from services.tickets.autoplay.schedule import PERIOD, Draw
from shared.db import Connection, columns

# As far as anybody looks ahead.
FUTURE_DRAWS = 500


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """A customer as AutoPlay needs it; no name as long as nobody has named the customer, and after an erasure."""

    first_name: str | None
    last_name: str | None
    time_zone: str | None
    status: str | None

    @property
    def named(self) -> bool:
        """Whether an order can name the customer."""
        return bool(self.first_name and self.last_name)

    @property
    def active(self) -> bool:
        """Whether the customer may buy: neither suspended nor closed."""
        return self.named and self.status in {None, "active"}


async def customers(connection: Connection, customer_ids: Sequence[str]) -> dict[str, CustomerFacts]:
    """The customers that are known among these. Of one who was merged the survivor's status counts."""
    rows = await connection.fetch(
        """select c.customer_id, c.first_name, c.last_name, c.time_zone, coalesce(s.status, c.status)
           from customers c left join customer_merges m on m.customer_id = c.customer_id
               left join customers s on s.customer_id = m.survivor_id
           where c.customer_id = any($1::text[])""",
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


async def draws_met(connection: Connection, autoplays: Sequence[Autoplay], around: datetime) -> dict[str, list[Draw]]:
    """By AutoPlay the draws that had their turn and are held, as they stand now, within the `PERIOD` before or after.

    A draw that closed before anybody bought it had none.
    """
    rows = await connection.fetch(
        f"""select r.autoplay_id, d.lottery, d.draw_number, d.draw_at, d.closes_at, d.opens_at
            from unnest($1::text[], $2::text[]) as asked (customer_id, autoplay_id)
                join autoplay_runs r using (customer_id, autoplay_id)
                join draws d on d.lottery = r.lottery and d.draw_number = r.draw_number
            where d.draw_at between $3 and $4 and d.outcome is distinct from 'cancelled' and not {MISSED}""",  # noqa: S608 - a constant
        *columns([(each.customer_id, each.autoplay_id) for each in autoplays], 2),
        around - PERIOD, around + PERIOD,
    )  # fmt: skip
    met: dict[str, list[Draw]] = {}
    for autoplay_id, *draw in rows:
        met.setdefault(autoplay_id, []).append(Draw(*draw))
    return met


async def draws_by_number(connection: Connection, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Draw]:
    """Those of the draws, given as (lottery, number), that are not cancelled."""
    rows = await connection.fetch(
        """select lottery, draw_number, draw_at, closes_at, opens_at
           from draws join unnest($1::text[], $2::bigint[]) as asked (lottery, draw_number) using (lottery, draw_number)
           where outcome is distinct from 'cancelled'""",
        *columns(wanted, 2),
    )
    return {(row[0], row[1]): Draw(*row) for row in rows}


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
