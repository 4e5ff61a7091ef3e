"""What agents do to AutoPlays over HTTP: change, pause, resume, skip, cancel."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from services.tickets.autoplay import run_store, store
from services.tickets.autoplay.checks import (
    AUTOPLAY_NOT_FOUND,
    REFUSALS,
    audited,
    check_terms,
    existing,
)
from services.tickets.autoplay.domain import Autoplay, Changes, Entry, Event, Fact, Refused
from services.tickets.autoplay.ending import give_up_retries
from services.tickets.autoplay.events import announcements
from services.tickets.autoplay.models import (
    ActionRequest,
    AutoplayChanges,
    AutoplayPath,
    CancelRequest,
    PauseRequest,
)
from services.tickets.autoplay.outlook import Outlook, outlook_of
from services.tickets.autoplay.run_contexts import RunContexts
from services.tickets.autoplay.runs import Run, RunState
from services.tickets.autoplay.schedule import local_date, start_of_day
from services.tickets.autoplay.views import AutoplayDetail, detail_of
from services.tickets.clock import database_time
from services.tickets.customers.store import lock
from shared import audit
from shared.messaging import Transaction, UnitOfWork
from shared.web import ProblemType, RenderedReply, Reply, RequestContext, operation, wrong_field

NO_NEXT_DRAW = ProblemType(409, "no_next_draw", "No draw is known that could be skipped")
_PROBLEMS = (AUTOPLAY_NOT_FOUND, *REFUSALS.values())


@dataclass(frozen=True, slots=True)
class _Seen:
    """A locked AutoPlay, and what its detail showed of what comes next."""

    autoplay: Autoplay
    outlook: Outlook
    now: datetime
    actor: str

    def fact(self, event: Event, reason: str | None) -> Fact:
        return Fact(event, self.now, self.actor, reason=reason)


_Act = Callable[[Transaction, _Seen], Awaitable[tuple[Fact, Run | None]]]


class AutoplayCommandsApi:
    """Operations that change an AutoPlay; each needs the ETag of what the agent has seen."""

    def __init__(self, unit_of_work: UnitOfWork, run_contexts: RunContexts, *, lead: timedelta) -> None:
        self._unit_of_work = unit_of_work
        self._run_contexts = run_contexts
        self._lead = lead

    @operation("PATCH", "/v1/autoplays/{autoplay_id}", permission="subscriptions:write", if_match=True,
               summary="Change an AutoPlay", tags=("autoplays",), problems=_PROBLEMS)  # fmt: skip
    async def change_autoplay(
        self, ctx: RequestContext, path: AutoplayPath, body: AutoplayChanges
    ) -> Reply[AutoplayDetail]:
        """Other terms for every draw that is not bought yet; what is bought stays as it is."""

        async def change(transaction: Transaction, seen: _Seen) -> tuple[Fact, Run | None]:
            terms = replace(seen.autoplay.terms, **body.values())
            if terms != seen.autoplay.terms:
                await check_terms(transaction.connection, terms)
            return replace(seen.fact(Event.CHANGED, body.reason), terms=terms), None

        async with self._unit_of_work.begin() as transaction:
            await _lock(transaction, path.autoplay_id)
            return await self._act(transaction, ctx, path.autoplay_id, "autoplays.change", change)

    @operation("POST", "/v1/autoplays/{autoplay_id}/pause", permission="subscriptions:write", if_match=True,
               idempotent=True, summary="Pause an AutoPlay", tags=("autoplays",), problems=_PROBLEMS)  # fmt: skip
    async def pause_autoplay(
        self, ctx: RequestContext, path: AutoplayPath, body: PauseRequest
    ) -> RenderedReply[AutoplayDetail]:
        """Until the beginning of a day, or until it is resumed. Paused already, it gets the new end."""

        async def pause(_: Transaction, seen: _Seen) -> tuple[Fact, Run | None]:
            fact = seen.fact(Event.PAUSED, body.reason)
            return replace(fact, resume_at=_end_of_pause(seen, body.until) if body.until else None), None

        return await self._once(ctx, path.autoplay_id, "autoplays.pause", pause)

    @operation("POST", "/v1/autoplays/{autoplay_id}/resumption", permission="subscriptions:write", if_match=True,
               idempotent=True, summary="Resume an AutoPlay", tags=("autoplays",), problems=_PROBLEMS)  # fmt: skip
    async def resume_autoplay(
        self, ctx: RequestContext, path: AutoplayPath, body: ActionRequest
    ) -> RenderedReply[AutoplayDetail]:
        """One that is paused, or that stopped because its payment failed. Draws closed meanwhile are not missed."""

        async def resume(transaction: Transaction, seen: _Seen) -> tuple[Fact, Run | None]:
            key = (seen.autoplay.customer_id, seen.autoplay.autoplay_id)
            retrying = bool(await run_store.retrying_of(transaction.connection, [key]))
            return replace(seen.fact(Event.RESUMED, body.reason), retrying=retrying), None

        return await self._once(ctx, path.autoplay_id, "autoplays.resume", resume)

    @operation("POST", "/v1/autoplays/{autoplay_id}/skips", permission="subscriptions:write", if_match=True,
               idempotent=True, summary="Skip the next draw", tags=("autoplays",),
               problems=(*_PROBLEMS, NO_NEXT_DRAW))  # fmt: skip
    async def skip_next_draw(
        self, ctx: RequestContext, path: AutoplayPath, body: ActionRequest
    ) -> RenderedReply[AutoplayDetail]:
        """The draw shown as `next_run` is not bought. Skipping again skips the one after it."""

        async def skip(transaction: Transaction, seen: _Seen) -> tuple[Fact, Run | None]:
            upcoming, autoplay = seen.outlook.next_run, seen.autoplay
            fact = seen.fact(Event.SKIPPED, body.reason)
            if not autoplay.runs:
                return fact, None
            if upcoming is None:
                raise NO_NEXT_DRAW(f"No further draw of {autoplay.terms.lottery} is known that it plays.")
            run = Run(autoplay.autoplay_id, autoplay.customer_id, upcoming.draw, RunState.SKIPPED, seen.now)
            await run_store.claim_runs(transaction.connection, [replace(run, code="skipped", reason=body.reason)])
            terms = autoplay.terms.anchored(upcoming.draw)
            return replace(fact, draw_number=upcoming.draw_number, terms=terms), run

        return await self._once(ctx, path.autoplay_id, "autoplays.skip", skip)

    @operation("POST", "/v1/autoplays/{autoplay_id}/cancellation", permission="subscriptions:write", if_match=True,
               idempotent=True, summary="Cancel an AutoPlay", tags=("autoplays",), problems=_PROBLEMS)  # fmt: skip
    async def cancel_autoplay(
        self, ctx: RequestContext, path: AutoplayPath, body: CancelRequest
    ) -> RenderedReply[AutoplayDetail]:
        """For good. Tickets that are bought stay bought; what was refused is not tried again."""

        async def cancel(transaction: Transaction, seen: _Seen) -> tuple[Fact, Run | None]:
            key = (seen.autoplay.customer_id, seen.autoplay.autoplay_id)
            await give_up_retries(transaction.connection, [key], code="autoplay_cancelled", reason=body.reason)
            return seen.fact(Event.CANCELLED, body.reason), None

        return await self._once(ctx, path.autoplay_id, "autoplays.cancel", cancel)

    async def _once(
        self, ctx: RequestContext, autoplay_id: str, action: str, act: _Act
    ) -> RenderedReply[AutoplayDetail]:
        async with self._unit_of_work.begin() as transaction:
            # Before the key is looked for: whoever held the lock may have been answering it in another process.
            await _lock(transaction, autoplay_id)
            return await ctx.once(transaction.connection, lambda: self._act(transaction, ctx, autoplay_id, action, act))

    async def _act(
        self, transaction: Transaction, ctx: RequestContext, autoplay_id: str, action: str, act: _Act
    ) -> Reply[AutoplayDetail]:
        """Let `act` say what happens to the locked AutoPlay, and do it by the table of states."""
        connection = transaction.connection
        autoplay = await existing(connection, autoplay_id)
        outlook = await outlook_of(connection, autoplay, self._run_contexts, lead=self._lead)
        ctx.require_version(outlook.entity_version(autoplay))
        seen = _Seen(autoplay, outlook, await database_time(connection), ctx.principal.subject)
        fact, run = await act(transaction, seen)
        changes = Changes([autoplay])
        entry = changes.apply(autoplay_id, fact)
        if not isinstance(entry, Entry):
            raise REFUSALS[Refused(entry)](f"The status of AutoPlay {autoplay_id} is {autoplay.state}.")
        if fact.event is Event.CHANGED and fact.terms == autoplay.terms:
            return Reply(detail_of(autoplay, outlook), version=outlook.entity_version(autoplay))
        for event in announcements(entry, run):
            transaction.publish(event)
        await store.save(connection, changes.made)
        details = {"skipped_draw": run.draw.number} if run else {}
        change = audited(action, autoplay, entry.autoplay, reason=fact.reason, **details)
        await audit.record(connection, ctx, change)
        after = await outlook_of(connection, entry.autoplay, self._run_contexts, lead=self._lead)
        return Reply(detail_of(entry.autoplay, after), version=after.entity_version(entry.autoplay))


async def _lock(transaction: Transaction, autoplay_id: str) -> None:
    autoplay = await existing(transaction.connection, autoplay_id)
    await lock(transaction.connection, [autoplay.customer_id])


def _end_of_pause(seen: _Seen, until: date) -> datetime:
    zone = seen.outlook.zone
    if not local_date(seen.now, zone) < until or until.year > 9000:
        raise wrong_field("body.until", "Not a day to come.")
    return start_of_day(until, zone)
