"""What an AutoPlay will do next, as far as can be told now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from services.tickets.autoplay.domain import Autoplay, State
from services.tickets.autoplay.run_contexts import RunContexts
from services.tickets.autoplay.run_store import runs_by_key
from services.tickets.autoplay.runs import RunContext
from services.tickets.autoplay.schedule import Draw, month_of, next_draw
from services.tickets.clock import database_time
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class NextRun:
    """The draw that is bought next, when it is or was due, and its cost in minor units while the offer is sold."""

    draw: Draw
    runs_at: datetime
    cost: int | None
    currency: str | None
    exceeds_spending_limit: bool

    @property
    def draw_number(self) -> int:
        return self.draw.number

    @property
    def draw_at(self) -> datetime:
        return self.draw.draw_at

    @property
    def draw_closes_at(self) -> datetime:
        return self.draw.closes_at


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is spent in this calendar month of the zone, and the next run, None when there is none to be seen."""

    zone: ZoneInfo
    spent: int
    next_run: NextRun | None

    def entity_version(self, autoplay: Autoplay) -> int:
        """A number that is another one whenever the detail shows something else."""
        shown = repr((self.zone.key, self.spent, self.next_run)).encode()
        return autoplay.version << 32 | crc32(shown)


async def outlook_of(
    connection: Connection, autoplay: Autoplay, run_contexts: RunContexts, *, lead: timedelta
) -> Outlook:
    """Look ahead. When the next run is due in this calendar month, what is spent in it counts against its limit."""
    now = await database_time(connection)
    context = (await run_contexts.read(connection, [autoplay], now=now, since=now))[autoplay.autoplay_id]
    keys = [(autoplay.customer_id, autoplay.autoplay_id, draw.number) for draw in context.draws]
    runs = await runs_by_key(connection, keys) if keys else {}
    open_again = {draw.number for draw in context.draws if draw.closes_at > now}
    taken = {number: run for (_, _, number), run in runs.items() if not (run.came_too_late and number in open_again)}
    begins = _begins(autoplay, now)
    if begins is None:
        return Outlook(context.zone, context.spent, None)
    schedule = autoplay.terms.schedule
    draw = next_draw(schedule, context.draws, context.zone, after=begins, taken=taken, met=context.met)
    return Outlook(context.zone, context.spent, _next_run(autoplay, draw, context, begins, lead) if draw else None)


def _begins(autoplay: Autoplay, now: datetime) -> datetime | None:
    if autoplay.runs:
        return now
    return autoplay.resume_at if autoplay.state is State.PAUSED else None


def _next_run(autoplay: Autoplay, draw: Draw, context: RunContext, begins: datetime, lead: timedelta) -> NextRun:
    offer = context.offer if context.offer is not None and context.offer.active else None
    cost = offer.price * autoplay.terms.games if offer else None
    limit = autoplay.terms.spending_limit
    # Never the present moment: it would be another one each time somebody looks.
    runs_at = draw.due_at(lead) if autoplay.runs else max(begins, draw.due_at(lead))
    spent = context.spent if runs_at < month_of(context.now, context.zone)[1] else 0
    return NextRun(
        draw=draw,
        runs_at=runs_at,
        cost=cost,
        currency=offer.currency if offer else None,
        exceeds_spending_limit=cost is not None and limit is not None and spent + cost > limit,
    )
