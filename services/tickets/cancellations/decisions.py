"""What becomes of requests to cancel tickets, one by one or many at once: by the status table and the draw's terms."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from services.tickets.cancellations import store
from services.tickets.cancellations.domain import Cancellation, Terms, TooLate
from services.tickets.lifecycle.domain import Change, Changes, Fact, Ticket
from services.tickets.lifecycle.store import save_changes, tickets_by_id
from services.tickets.lifecycle.table import Refused, Status, TicketEvent
from shared.db import Connection
from shared.ids import uuid7

NOT_FOUND = "ticket_not_found"


@dataclass(frozen=True, slots=True)
class CancelTicket:
    """The command to cancel a ticket: why, by whom, and as part of which bulk cancellation."""

    ticket_id: str
    reason: str
    by: str
    bulk_id: str | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """A request that is granted, and the ticket's status before it."""

    cancellation: Cancellation
    was: Status
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Denied:
    """A request that is refused: `code` is stable, `detail` is for people."""

    code: str
    detail: str
    cancellable_until: datetime | None = None


@dataclass(slots=True)
class Decider:
    """Decides requests for tickets whose customers are locked, in order: of several for one ticket the first wins."""

    changes: Changes
    terms: Mapping[str, Terms]
    now: datetime
    granted: list[Cancellation] = field(default_factory=list)

    @classmethod
    async def load(cls, connection: Connection, ticket_ids: Sequence[str], *, locked: Set[str] | None = None) -> Self:
        """What decides about these tickets. Without `locked`, the customers that are, nothing may be saved.

        A ticket that was recorded after its customer was to be locked is not there yet.
        """
        found = await tickets_by_id(connection, ticket_ids)
        tickets = [ticket for ticket in found if locked is None or ticket.order.customer_id in locked]
        now, terms = await store.terms_of(connection, tickets)
        return cls(Changes(tickets), terms, now)

    def decide(self, command: CancelTicket) -> Granted | Denied:
        """Grant or refuse one request."""
        ticket = self.changes.ticket(command.ticket_id)
        if ticket is None:
            return Denied(NOT_FOUND, f"No ticket has the id {command.ticket_id}.")
        if (refused := self.changes.refusal(ticket.ticket_id, TicketEvent.CANCELLATION_REQUESTED)) is not None:
            return Denied(refused, _why(ticket, refused))
        if (late := self.too_late(ticket)) is not None:
            return late
        cancellation = new_cancellation(ticket, command, self.now)
        result = self.changes.apply(ticket.ticket_id, requested(cancellation))
        if not isinstance(result, Change):
            raise TypeError(f"the status table did not cancel: {result}")
        self.granted.append(cancellation)
        return Granted(cancellation, ticket.status, result.ticket)

    def too_late(self, ticket: Ticket) -> Denied | None:
        """The refusal of a ticket whose draw does not let it be cancelled any more."""
        terms = self.terms[ticket.ticket_id]
        late = terms.too_late(self.now)
        if late is None:
            return None
        draw = f"Draw {ticket.bought.draw_number} of {ticket.bought.lottery}"
        details = {
            TooLate.DRAWN: f"{draw} was drawn.",
            TooLate.CLOSED: f"{draw} closed at {terms.closes_at.isoformat()}.",
            TooLate.WINDOW_OVER: f"Tickets of {draw} could be cancelled until {terms.until.isoformat()}.",
        }
        return Denied(late, details[late], terms.until)

    async def save(self, connection: Connection) -> None:
        """Write what was granted."""
        await save_changes(connection, self.changes.made)
        await store.insert_cancellations(connection, self.granted)


def _why(ticket: Ticket, refused: Refused) -> str:
    if refused is Refused.PAID_OUT and ticket.paid_out_at is not None:
        return f"A prize on ticket {ticket.ticket_id} was paid out at {ticket.paid_out_at.isoformat()}."
    return f"The status of ticket {ticket.ticket_id} is {ticket.status}."


def new_cancellation(ticket: Ticket, command: CancelTicket, now: datetime) -> Cancellation:
    """The cancellation that a granted request makes."""
    return Cancellation(
        cancellation_id=str(uuid7()),
        customer_id=ticket.order.customer_id,
        ticket_id=ticket.ticket_id,
        order_id=ticket.order.order_id,
        amount=ticket.bought.price,
        currency=ticket.order.currency,
        reason=command.reason,
        requested_by=command.by,
        requested_at=now,
        bulk_id=command.bulk_id,
        ticket_was=ticket.state,
    )


def requested(cancellation: Cancellation, event: TicketEvent = TicketEvent.CANCELLATION_REQUESTED) -> Fact:
    """What a cancellation means for its ticket."""
    return Fact(
        event,
        at=cancellation.requested_at,
        cause=cancellation.cancellation_id,
        actor=cancellation.requested_by,
        reason=cancellation.reason,
    )
