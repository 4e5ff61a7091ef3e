"""Payments that come too late: the ticket is cancelled, or its draw is. Nobody keeps that money: it is asked back."""

from collections.abc import Iterable, Sequence

from services.tickets.bulk.store import jobs_of_draws
from services.tickets.cancellations.decisions import CancelTicket, new_cancellation, requested
from services.tickets.cancellations.domain import Cancellation
from services.tickets.cancellations.store import not_asked_back
from services.tickets.clock import database_time
from services.tickets.lifecycle.domain import ACTOR, Changes, Ticket
from services.tickets.lifecycle.table import State, TicketEvent
from services.tickets.limbo.domain import NOTHING_CHARGED
from shared.db import Connection

REASON = "The payment was booked after the ticket was cancelled because nothing had been charged"
REASON_IN_LIMBO = "The payment was booked after the reversal was refused because nothing had been charged"


async def refund_late_payments(
    connection: Connection, changes: Changes, before: Iterable[Ticket], paid: Iterable[str]
) -> list[Cancellation]:
    """Cancel those of the tickets `paid` whose money must go back; returns the cancellations, not yet recorded.

    `before` has the tickets as they were before the payments. The money goes back for three kinds of tickets: of a
    cancelled draw and in limbo until now, so that the draw's job passed them over; cancelled by an agent in limbo, when
    nothing seemed to be charged; in limbo because accounts refused their reversal for that reason.
    """
    states = {ticket.ticket_id: ticket.state for ticket in before}
    tickets = [ticket for ticket_id in paid if (ticket := changes.ticket(ticket_id)) is not None]
    commands = [
        *await _of_cancelled_draws(connection, [each for each in tickets if states[each.ticket_id].is_limbo]),
        *await _of_cancelled_tickets(connection, [each for each in tickets if each.state is State.CANCELLED]),
        *_of_refused_reversals(tickets),
    ]
    if not commands:
        return []
    now = await database_time(connection)
    cancellations = []
    for ticket, event, command in commands:
        cancellation = new_cancellation(ticket, command, now)
        if changes.refusal(ticket.ticket_id, event) is None:
            changes.apply(ticket.ticket_id, requested(cancellation, event))
            cancellations.append(cancellation)
    return cancellations


async def _of_cancelled_draws(
    connection: Connection, left_limbo: Sequence[Ticket]
) -> list[tuple[Ticket, TicketEvent, CancelTicket]]:
    tickets = [each for each in left_limbo if each.state is State.PAID and each.draw_cancelled]
    if not tickets:
        return []
    jobs = await jobs_of_draws(connection, {(each.bought.lottery, each.bought.draw_number) for each in tickets})
    return [
        (ticket, TicketEvent.CANCELLATION_REQUESTED, CancelTicket(ticket.ticket_id, *job))
        for ticket in tickets
        if (job := jobs.get((ticket.bought.lottery, ticket.bought.draw_number))) is not None
    ]


async def _of_cancelled_tickets(
    connection: Connection, cancelled: Sequence[Ticket]
) -> list[tuple[Ticket, TicketEvent, CancelTicket]]:
    if not cancelled:
        return []
    ticket_ids = [ticket.ticket_id for ticket in cancelled]
    uncharged = await not_asked_back(connection, ticket_ids, but_for=NOTHING_CHARGED)
    return [
        (ticket, TicketEvent.CHARGED_LATE, CancelTicket(ticket.ticket_id, REASON, ACTOR))
        for ticket in cancelled
        if ticket.ticket_id in uncharged
    ]


def _of_refused_reversals(tickets: Iterable[Ticket]) -> list[tuple[Ticket, TicketEvent, CancelTicket]]:
    return [
        (ticket, TicketEvent.RETRIED, CancelTicket(ticket.ticket_id, REASON_IN_LIMBO, ACTOR))
        for ticket in tickets
        if ticket.state is State.LIMBO_REVERSAL_REFUSED and ticket.limbo and ticket.limbo.code in NOTHING_CHARGED
    ]
