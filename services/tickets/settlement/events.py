"""Consumes balances: payments make tickets paid, reversals make them cancelled, refusals send them to limbo."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from services.tickets.autoplay.outcomes import Outcome as AutoplayOutcome
from services.tickets.autoplay.outcomes import Outcomes as AutoplayOutcomes
from services.tickets.cancellations.domain import Cancellation, CancellationState
from services.tickets.cancellations.events import cancellation_requested, ticket_cancelled
from services.tickets.cancellations.store import cancellations_by_id, insert_cancellations, settle_cancellations
from services.tickets.lifecycle.domain import Change, Changes, Fact
from services.tickets.lifecycle.events import announce
from services.tickets.lifecycle.store import save_changes, tickets_by_id, tickets_of_orders
from services.tickets.lifecycle.table import State, TicketEvent
from services.tickets.orders.domain import Outcome
from services.tickets.orders.events import cause_of
from services.tickets.orders.store import Recorded, orders_on_record
from services.tickets.settlement.refunds import refund_late_payments
from shared.contracts import BalanceCredited, BalanceDebited, BalanceRefused
from shared.messaging import AnyHandler, Batch, Handler, Received

# An order that stays unknown for longer is a fault that somebody has to look at.
ORDER_WAIT = timedelta(days=1)

Balance = BalanceCredited | BalanceDebited | BalanceRefused


@dataclass(frozen=True, slots=True)
class Result:
    """What accounts made of one order or one cancellation, as an event says it."""

    event: Received[Any]
    data: Balance
    fact: Fact


class BalanceEvents:
    """Handlers of the topic `balances`. What becomes of the orders of AutoPlays, `autoplays` wants to know as well."""

    def __init__(self, autoplays: AutoplayOutcomes) -> None:
        self._autoplays = autoplays

    def handlers(self) -> list[AnyHandler]:
        """The status table bears any order, so a dead letter holds nothing up."""
        return [
            Handler(BalanceDebited, self.debited, ordered=False),
            Handler(BalanceCredited, self.credited, ordered=False),
            Handler(BalanceRefused, self.refused, ordered=False),
        ]

    async def debited(self, batch: Batch[BalanceDebited]) -> None:
        """The purchase of an order is booked: its tickets are paid."""
        purchases = [event for event in batch.events if event.data.kind == "purchase"]
        results = _results(purchases, "order", TicketEvent.PAYMENT_CONFIRMED)
        await _settle_payments(batch, results)
        await self._autoplays.settle(batch, [_autoplay_outcome(result) for result in results])

    async def credited(self, batch: Batch[BalanceCredited]) -> None:
        """The price of a ticket is credited back: it is cancelled."""
        reversals = [event for event in batch.events if event.data.kind == "reversal"]
        await _settle_reversals(batch, _results(reversals, "cancellation", TicketEvent.REVERSAL_CREDITED))

    async def refused(self, batch: Batch[BalanceRefused]) -> None:
        """Accounts did not book an order or a reversal: the tickets need an agent."""
        results = _results(batch.events, "order", TicketEvent.PAYMENT_REFUSED)
        await _settle_payments(batch, results)
        await self._autoplays.settle(batch, [_autoplay_outcome(result) for result in results])
        await _settle_reversals(batch, _results(batch.events, "cancellation", TicketEvent.REVERSAL_REFUSED))


def _autoplay_outcome(result: Result) -> AutoplayOutcome:
    fact = result.fact
    return AutoplayOutcome(
        cause=result.event,
        customer_id=result.event.key,
        order_id=_order_of(result),
        paid=fact.event is TicketEvent.PAYMENT_CONFIRMED,
        at=fact.at,
        code=fact.code,
        reason=fact.reason,
    )


def _results(events: Sequence[Received[Any]], cause_kind: str, happened: TicketEvent) -> list[Result]:
    return [
        Result(event, event.data, _fact(event, happened)) for event in events if event.data.cause.kind == cause_kind
    ]


def _fact(event: Received[Any], happened: TicketEvent) -> Fact:
    data: Balance = event.data
    if isinstance(data, BalanceRefused):
        return Fact(happened, data.occurred_at, event.id, event.source, code=data.code, reason=data.reason)
    return Fact(happened, data.occurred_at, data.entry_id, event.source)


async def _settle_payments(batch: Batch[Any], results: Sequence[Result]) -> None:
    if not results:
        return
    orders = {(result.event.key, _order_of(result)) for result in results}
    tickets = await tickets_of_orders(batch.connection, sorted(orders))
    of_order: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ticket in tickets:
        of_order[ticket.order.customer_id, ticket.order.order_id].append(ticket.ticket_id)
    changes = Changes(tickets)
    unknown = []
    paid: dict[str, Received[Any]] = {}
    for result in results:
        ticket_ids = of_order.get((result.event.key, _order_of(result)))
        if ticket_ids is None:
            unknown.append(result)
            continue
        announce(batch.transaction, changes.apply_to_all(ticket_ids, result.fact), cause=result.event)
        if result.fact.event is TicketEvent.PAYMENT_CONFIRMED:
            paid |= dict.fromkeys(ticket_ids, result.event)
    refunds = await refund_late_payments(batch.connection, changes, tickets, paid)
    await save_changes(batch.connection, changes.made)
    await insert_cancellations(batch.connection, refunds)
    for refund in refunds:
        batch.publish(cancellation_requested(refund), cause=paid[refund.ticket_id])
    await _set_aside(batch, [(result, _order_of(result)) for result in unknown])


def _order_of(result: Result) -> str:
    """The order that was paid or not: a payment that was asked for again has an id of its own."""
    return result.data.cause.order_id or result.data.cause.id


async def _settle_reversals(batch: Batch[Any], results: Sequence[Result]) -> None:
    if not results:
        return
    found = await cancellations_by_id(
        batch.connection, [(result.event.key, result.data.cause.id) for result in results]
    )
    changes = Changes(
        await tickets_by_id(batch.connection, [cancellation.ticket_id for cancellation in found.values()])
    )
    settled: dict[str, Cancellation] = {}
    unknown = []
    for result in results:
        cancellation = found.get(result.data.cause.id)
        if cancellation is None or cancellation.customer_id != result.event.key:
            unknown.append((result, result.data.cause.order_id))
            continue
        # Told again when another cancellation of the ticket may be under way.
        if result.fact.event is TicketEvent.REVERSAL_REFUSED and cancellation.state is CancellationState.REFUSED:
            continue
        change = changes.apply(cancellation.ticket_id, result.fact)
        if isinstance(change, Change):
            settled[cancellation.cancellation_id] = _settled(cancellation, change)
            _announce_reversal(batch, result, cancellation, change)
    await save_changes(batch.connection, changes.made)
    await settle_cancellations(batch.connection, list(settled.values()))
    await _set_aside(batch, unknown)


def _settled(cancellation: Cancellation, change: Change) -> Cancellation:
    fact = change.fact
    if change.ticket.state is State.CANCELLED:
        return replace(
            cancellation, state=CancellationState.COMPLETED, settled_at=fact.at, entry_id=fact.cause,
            refusal_code=None, refusal_reason=None,
        )  # fmt: skip
    return replace(
        cancellation, state=CancellationState.REFUSED, settled_at=fact.at,
        refusal_code=fact.code, refusal_reason=fact.reason,
    )  # fmt: skip


def _announce_reversal(batch: Batch[Any], result: Result, cancellation: Cancellation, change: Change) -> None:
    if change.ticket.state is State.CANCELLED:
        batch.publish(ticket_cancelled(cancellation, change), cause=result.event)
    announce(batch.transaction, [change], cause=result.event)


async def _set_aside(batch: Batch[Any], unknown: Sequence[tuple[Result, str | None]]) -> None:
    """Let results of orders not yet known wait for them; reject those that no order to come can explain."""
    if not unknown:
        return
    known = await orders_on_record(batch.connection, [order_id for _, order_id in unknown if order_id])
    for result, order_id in unknown:
        order = known.get(order_id or "")
        if order_id and order is None and not result.event.overdue:
            batch.wait(result.event, cause_of(order_id), timeout=ORDER_WAIT)
        else:
            batch.reject(result.event, *_explain(result, order))


def _explain(result: Result, order: Recorded | None) -> tuple[str, str]:
    cause = result.data.cause
    if order is not None and order.customer_id != result.event.key:
        return "order_of_another_customer", f"the order of {cause.kind} {cause.id} is another customer's"
    if cause.kind == "cancellation":
        return "cancellation_unknown", f"no cancellation {cause.id} was requested"
    if order is not None and order.outcome is Outcome.FAILED:
        return "order_failed", f"order {cause.id} failed and has no tickets to pay"
    return "order_unknown", f"order {cause.id} did not come within {ORDER_WAIT}"
