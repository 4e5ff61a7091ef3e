"""A ticket as it stands, and the application of the status table to many tickets in order."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from services.tickets.lifecycle.table import Decision, Ignored, Refused, State, Status, TicketEvent, decide
from services.tickets.orders.domain import BoughtTicket, Order

# Who acted where no person did: this service by itself.
ACTOR = "recourse/tickets"


@dataclass(frozen=True, slots=True)
class Limbo:
    """Why a ticket needs an agent: `code` is stable, `reason` is for people."""

    code: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as it stands. `paid_out_at` is when the first prize on it was paid out.

    `version` grows with each change of the ticket itself, `shown_revision` with each change of what is shown with it:
    its customer's name, the times of its draw, whether that is cancelled. `draw_closed` is as of when it was read.
    """

    order: Order
    bought: BoughtTicket
    state: State
    version: int
    limbo: Limbo | None
    customer_name: str | None
    shown_revision: int
    paid_out_at: datetime | None = None
    draw_cancelled: bool = False
    draw_closed: bool = False

    @property
    def ticket_id(self) -> str:
        return self.bought.ticket_id

    @property
    def shown_version(self) -> int:
        """A number that changes whenever anything in the ticket's detail does: both parts only grow, so their sum does.

        The advice about limbo changes when the draw closes, too: the last bit. A draw that opens again was changed for
        that, and has a higher revision.
        """
        return 2 * (self.version + self.shown_revision) + (self.limbo is not None and self.draw_closed)

    @property
    def status(self) -> Status:
        """What people are shown of the state: limbo is one status, whatever the ticket waits for."""
        return self.state.status


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened, when, through which event, entry or cancellation (`cause`), and by whom.

    `code` and `reason` are there when something was refused or is overdue; `reason` alone when an agent gave one.
    """

    event: TicketEvent
    at: datetime
    cause: str
    actor: str
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A ticket after a change, and the fact that changed it."""

    ticket: Ticket
    fact: Fact


class Changes:
    """Tickets whose customers are locked, and what becomes of them as facts are applied one after the other."""

    def __init__(self, tickets: Iterable[Ticket]) -> None:
        self._tickets = {ticket.ticket_id: ticket for ticket in tickets}
        self.made: list[Change] = []

    def ticket(self, ticket_id: str) -> Ticket | None:
        """The ticket as it stands now, None when it is not among these."""
        return self._tickets.get(ticket_id)

    def refusal(self, ticket_id: str, event: TicketEvent) -> Refused | None:
        """Why the table refuses an event of one of the tickets, None when it does not."""
        decision = self._decide(ticket_id, event)
        return decision if isinstance(decision, Refused) else None

    def apply(self, ticket_id: str, fact: Fact) -> Change | Ignored | Refused:
        """Apply a fact to one of the tickets by the table."""
        ticket = self._tickets[ticket_id]
        decision = self._decide(ticket_id, fact.event)
        if not isinstance(decision, State):
            return decision
        if fact.event is TicketEvent.PRIZE_PAID:
            after = replace(ticket, paid_out_at=ticket.paid_out_at or fact.at)
        else:
            after = replace(ticket, state=decision, limbo=_limbo(decision, fact))
        changed = replace(after, version=ticket.version + 1)
        self._tickets[ticket_id] = changed
        change = Change(changed, fact)
        self.made.append(change)
        return change

    def apply_to_all(self, ticket_ids: Iterable[str], fact: Fact) -> list[Change]:
        """Apply a fact to several of the tickets and return the changes that it made."""
        results = [self.apply(ticket_id, fact) for ticket_id in ticket_ids]
        return [result for result in results if isinstance(result, Change)]

    def _decide(self, ticket_id: str, event: TicketEvent) -> Decision:
        ticket = self._tickets[ticket_id]
        paid_out = ticket.paid_out_at is not None
        return decide(ticket.state, event, paid_out=paid_out, draw_cancelled=ticket.draw_cancelled)


def _limbo(state: State, fact: Fact) -> Limbo | None:
    if state.status is not Status.LIMBO:
        return None
    if fact.code is None or fact.reason is None:
        raise ValueError(f"{fact.event} leads to limbo and does not say why")
    return Limbo(fact.code, fact.reason, fact.at)
