"""The runner: buys the draws of all AutoPlays when they are due, once each, and what was refused again."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.tickets.autoplay import run_store, store
from services.tickets.autoplay.buying import Purchases
from services.tickets.autoplay.domain import Autoplay, Changes, Entry, Event, Fact
from services.tickets.autoplay.events import announcements
from services.tickets.autoplay.run_contexts import RunContexts
from services.tickets.autoplay.run_contexts_store import customers, draws_by_number, due_draws, states_of_orders
from services.tickets.autoplay.run_store import RunKey
from services.tickets.autoplay.runs import DRAW_CLOSED, NotRun, Run, RunContext, RunEvent, RunState, offer_for
from services.tickets.autoplay.schedule import Draw
from services.tickets.autoplay.store import Key
from services.tickets.autoplay.superseding import supersede
from services.tickets.clock import database_time
from services.tickets.customers.store import lock, lock_free
from services.tickets.lifecycle.domain import ACTOR
from shared.db import Connection
from shared.messaging import UnitOfWork
from shared.setbacks import Piece, Pieces, SetAside
from shared.waiting import sweep_until

# An order whose tickets all stand so has cost nothing: its draw may be bought again.
_REFUSED = {"limbo_payment_refused"}
# And about these somebody has decided since.
_DECIDED = {"paid", "cancelled"}


class AutoplayRunner:
    """Looks for what is due again and again. The database's clock counts, and replicas may all run it.

    A draw is due `lead` before it closes. Each step is one transaction that claims what it works on, under the locks
    of the customers; what a killed process had not committed did not happen, and is found again. An AutoPlay that
    fails by itself is set aside for a while.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        run_contexts: RunContexts,
        *,
        lead: timedelta,
        pause: float,
        batch_size: int = 200,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._run_contexts = run_contexts
        self._lead = lead
        self._pause = pause
        self._pauses: Pieces[Key] = Pieces("ended pauses of AutoPlays", batch_size)
        # Who is set aside on a walk is rechecked, and set aside there as well.
        aside: SetAside[Key] = SetAside("due AutoPlays")
        self._rechecks: Pieces[Key] = Pieces("AutoPlays to recheck", batch_size, aside)
        self._walks: Pieces[Key] = Pieces("due AutoPlays", batch_size, aside)
        self._retries: Pieces[RunKey] = Pieces("AutoPlays to retry", batch_size)

    async def run(self, stop: asyncio.Event) -> None:
        """Do all kinds of steps until `stop` is set; one that fails does not hold up the others."""
        steps = {
            "ended pauses of AutoPlays": self.end_pauses,
            "AutoPlays to recheck": self.recheck,
            "due AutoPlays": self.walk,
            "AutoPlays to retry": self.retry,
        }
        await asyncio.gather(
            *(sweep_until(stop, step, pause=self._pause, looking_for=name) for name, step in steps.items())
        )

    async def end_pauses(self) -> int:
        """Resume AutoPlays whose pause has ended; returns how many."""
        return await self._pauses.work(self._end_pauses)

    async def _end_pauses(self, piece: Piece[Key]) -> int:
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            keys = await store.elapsed_pauses(connection, limit=piece.limit, left_out=piece.left_out)
            piece.taken = await _locked(connection, keys)
            changes = Changes(await store.by_keys(connection, piece.taken))
            retrying = await run_store.retrying_of(connection, piece.taken)
            now = await database_time(connection)
            for autoplay in changes.all():
                if autoplay.resume_at is None or autoplay.resume_at > now:
                    continue
                fact = Fact(Event.PAUSE_ELAPSED, now, ACTOR, retrying=autoplay.autoplay_id in retrying)
                entry = changes.apply(autoplay.autoplay_id, fact)
                if isinstance(entry, Entry):
                    for event in announcements(entry):
                        transaction.publish(event)
            await store.save(connection, changes.made)
        return len(changes.made)

    async def recheck(self) -> int:
        """Take AutoPlays that began to run or changed to the draws that are due already; returns how many."""
        return await self._rechecks.work(self._recheck)

    async def _recheck(self, piece: Piece[Key]) -> int:
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            keys = await store.to_recheck(connection, limit=piece.limit, left_out=piece.left_out)
            piece.taken = await _locked(connection, keys)
            autoplays = await store.by_keys(connection, piece.taken)
            purchases = Purchases(transaction, autoplays)
            now = await database_time(connection)
            for autoplay in autoplays:
                for draw in await due_draws(connection, autoplay, lead=self._lead):
                    contexts = await self._run_contexts.read(connection, [autoplay], now=now, since=draw.draw_at)
                    await purchases.meet(draw, contexts)
            await purchases.save()
            await store.rechecked(connection, piece.taken)
        return len(piece.taken)

    async def walk(self) -> int:
        """Take a due draw to the next AutoPlays of its lottery; 0 when there is none."""
        return await self._walks.work(self._walk)

    async def _walk(self, piece: Piece[Key]) -> int:
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            walk = await run_store.claim_walk(connection, lead=self._lead)
            if walk is None:
                return 0
            keys = await run_store.next_on_walk(connection, walk, limit=piece.limit, left_out=piece.left_out)
            piece.taken = keys
            await lock(connection, sorted({customer_id for customer_id, _ in keys}))
            # Read under the lock: some may have been paused or changed since.
            autoplays = await store.by_keys(connection, keys)
            purchases = Purchases(transaction, autoplays)
            now = await database_time(connection)
            contexts = await self._run_contexts.read(connection, autoplays, now=now, since=walk.draw.draw_at)
            await purchases.meet(walk.draw, contexts)
            await purchases.save()
            await store.recheck_later(connection, piece.left_out)
            await run_store.advance_walk(connection, walk, after=keys[-1] if len(keys) == piece.limit else None)
        return 1

    async def retry(self) -> int:
        """Buy again what was refused and is due; returns how many runs changed."""
        return await self._retries.work(self._retry)

    async def _retry(self, piece: Piece[RunKey]) -> int:
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            due = await run_store.due_retries(connection, limit=piece.limit, left_out=piece.left_out)
            keys = set(await _locked(connection, [key[:2] for key in due]))
            piece.taken = [key for key in due if key[:2] in keys]
            runs = await _still_due(connection, piece.taken)
            purchases = Purchases(transaction, await store.by_keys(connection, sorted(keys)))
            changed = await self._try_again(connection, purchases, runs)
            await run_store.save_runs(connection, changed)
            await _note_settled(connection, purchases.changes, changed)
            await purchases.save()
        return len(changed)

    async def _try_again(self, connection: Connection, purchases: Purchases, runs: Sequence[Run]) -> list[Run]:
        named = await customers(connection, [run.customer_id for run in runs])
        states = await states_of_orders(connection, [(run.customer_id, run.order_id or "") for run in runs])
        draws = await draws_by_number(connection, [(run.draw.lottery, run.draw.number) for run in runs])
        contexts = await self._contexts(connection, purchases.changes.all())
        changed = []
        bought_again = []
        for run in runs:
            context = contexts[run.autoplay_id]
            tickets = states.get(run.order_id or "", set())
            draw = draws.get((run.draw.lottery, run.draw.number))
            after = _next_step(purchases.changes.autoplay(run.autoplay_id), run, draw, context, tickets)
            if after is None:
                continue
            if after.state is RunState.PENDING and context.offer is not None:
                purchases.buy(after, context.offer, named[run.customer_id])
                bought_again.append((run, after))
                # Another run of the same AutoPlay may be due with it.
                contexts[run.autoplay_id] = replace(context, spent=context.spent + after.cost)
            elif after.state is RunState.PAID:
                purchases.confirm(after, context.now)
            else:
                purchases.leave_out(after)
            changed.append(after)
        if bought_again:
            await supersede(connection, bought_again)
        return changed

    async def _contexts(self, connection: Connection, autoplays: Sequence[Autoplay]) -> dict[str, RunContext]:
        now = await database_time(connection)
        of_lottery: dict[str, list[Autoplay]] = defaultdict(list)
        for autoplay in autoplays:
            of_lottery[autoplay.terms.lottery].append(autoplay)
        contexts: dict[str, RunContext] = {}
        for group in of_lottery.values():
            contexts |= await self._run_contexts.read(connection, group, now=now, since=now)
        return contexts


def _next_step(autoplay: Autoplay, run: Run, draw: Draw | None, context: RunContext, tickets: set[str]) -> Run | None:
    """The run bought again, or given up; None when it has to wait.

    `draw` is as it stands now, None when it is cancelled. `tickets` are the states of those of the refused order:
    somebody may have decided on them since.
    """
    if tickets & _DECIDED:
        return _decided(run, tickets, context.now)
    if draw is None:
        return _given_up(run, RunEvent.GIVEN_UP, NotRun("draw_cancelled", "The draw is cancelled"), context.now)
    offer = offer_for(autoplay, draw, context)
    if isinstance(offer, NotRun):
        event = RunEvent.DRAW_CLOSED if offer.code == DRAW_CLOSED else RunEvent.GIVEN_UP
        return _given_up(run, event, offer, context.now)
    if not autoplay.runs or tickets != _REFUSED:
        return None
    return replace(run, draw=draw).bought(context.now, offer.price * autoplay.terms.games, offer.currency)


def _decided(run: Run, tickets: set[str], now: datetime) -> Run | None:
    if "paid" in tickets:
        return run.after(RunEvent.CONFIRMED)
    why = NotRun("tickets_cancelled", "Somebody cancelled tickets whose payment was refused")
    return _given_up(run, RunEvent.GIVEN_UP, why, now)


def _given_up(run: Run, event: RunEvent, why: NotRun, now: datetime) -> Run | None:
    after = run.after(event, code=why.code, reason=why.reason)
    return None if after is None else replace(after, at=now)


async def _locked(connection: Connection, keys: Sequence[Key]) -> list[Key]:
    """Those of the AutoPlays whose customers nobody else holds, their customers locked."""
    free = await lock_free(connection, sorted({customer_id for customer_id, _ in keys}))
    return [key for key in keys if key[0] in free]


async def _still_due(connection: Connection, keys: Sequence[RunKey]) -> list[Run]:
    runs = await run_store.runs_by_key(connection, keys)
    now = await database_time(connection)
    return [run for run in runs.values() if run.next_attempt_at is not None and run.next_attempt_at <= now]


async def _note_settled(connection: Connection, changes: Changes, changed: Sequence[Run]) -> None:
    """Let AutoPlays be active again that have nothing left to try again."""
    given_up: dict[str, list[Run]] = defaultdict(list)
    for run in changed:
        if run.state is not RunState.PENDING:
            given_up[run.autoplay_id].append(run)
    waiting = await run_store.retrying_of(
        connection, [(runs[0].customer_id, autoplay_id) for autoplay_id, runs in given_up.items()]
    )
    for autoplay_id, runs in given_up.items():
        if autoplay_id not in waiting:
            changes.apply(autoplay_id, Fact(Event.PAYMENTS_SETTLED, runs[-1].at, ACTOR))
