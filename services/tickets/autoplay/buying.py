"""Buying draws for AutoPlays, in the transaction that claims the run: what is claimed is bought, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.tickets.autoplay import store
from services.tickets.autoplay.attempt_store import Attempt, insert_attempts
from services.tickets.autoplay.domain import Autoplay, Changes, Entry, Event, Fact
from services.tickets.autoplay.events import announcements, purchase
from services.tickets.autoplay.run_contexts_store import CustomerFacts, customers
from services.tickets.autoplay.run_store import claim_runs
from services.tickets.autoplay.runs import NotRun, Run, RunContext, RunState, offer_for, plays
from services.tickets.autoplay.schedule import Draw
from services.tickets.draws.domain import Offer
from services.tickets.lifecycle.domain import ACTOR
from shared.messaging import Transaction
from shared.telemetry.metrics import counter

_runs = counter(
    "recourse_autoplay_runs_total", "Draws that AutoPlays bought or did not, by what came of it", ("result",)
)


class Purchases:
    """What is bought in one transaction for AutoPlays whose customers are locked; `save` writes and publishes it."""

    def __init__(self, transaction: Transaction, autoplays: Sequence[Autoplay]) -> None:
        self.changes = Changes(autoplays)
        self._transaction = transaction
        self._attempts: list[Attempt] = []

    async def meet(self, draw: Draw, contexts: Mapping[str, RunContext]) -> int:
        """Buy the draw for those AutoPlays, given by their contexts, that play it; returns how many runs began."""
        wanted: list[Run] = []
        for autoplay_id, context in contexts.items():
            autoplay = self.changes.autoplay(autoplay_id)
            if plays(autoplay, draw, context):
                wanted.append(_new_run(autoplay, draw, context))
        claimed = await claim_runs(self._transaction.connection, wanted)
        named = await customers(self._transaction.connection, [run.customer_id for run in claimed])
        for run in claimed:
            offer = contexts[run.autoplay_id].offer
            if run.state is RunState.PENDING and offer is not None:
                self.buy(run, offer, named[run.customer_id])
            else:
                self.leave_out(run)
        return len(claimed)

    def buy(self, run: Run, offer: Offer, customer: CustomerFacts) -> None:
        """Publish the purchase of a run that has got its order id."""
        autoplay = self.changes.autoplay(run.autoplay_id)
        self._attempts.append(
            Attempt(run.customer_id, run.order_id or "", run.autoplay_id, run.draw.number, run.attempts, run.at)
        )
        self._enter(run, Fact(Event.RAN, run.at, ACTOR, draw_number=run.draw.number, order_id=run.order_id))
        self._transaction.publish(purchase(autoplay, run, offer, customer))
        self._transaction.on_commit(_runs.labels("bought").inc)

    def confirm(self, run: Run, now: datetime) -> None:
        """Note that an order that was refused is paid after all."""
        draw_number = run.draw.number
        self._enter(run, Fact(Event.PAYMENT_CONFIRMED, now, ACTOR, draw_number=draw_number, order_id=run.order_id))

    def leave_out(self, run: Run) -> None:
        """Tell why a run is not bought, or not bought again."""
        self._enter(
            run, Fact(Event.NOT_RUN, run.at, ACTOR, code=run.code, reason=run.reason, draw_number=run.draw.number)
        )
        self._transaction.on_commit(_runs.labels(run.code).inc)

    async def save(self) -> None:
        """Write attempts, states and timelines."""
        await insert_attempts(self._transaction.connection, self._attempts)
        await store.save(self._transaction.connection, self.changes.made)

    def _enter(self, run: Run, fact: Fact) -> None:
        terms = self.changes.autoplay(run.autoplay_id).terms.anchored(run.draw)
        entry = self.changes.apply(run.autoplay_id, replace(fact, terms=terms))
        if isinstance(entry, Entry):
            for event in announcements(entry, run):
                self._transaction.publish(event)


def _new_run(autoplay: Autoplay, draw: Draw, context: RunContext) -> Run:
    run = Run(autoplay.autoplay_id, autoplay.customer_id, draw, RunState.MISSED, context.now)
    offer = offer_for(autoplay, draw, context)
    if isinstance(offer, NotRun):
        return replace(run, code=offer.code, reason=offer.reason)
    return run.bought(context.now, offer.price * autoplay.terms.games, offer.currency)
