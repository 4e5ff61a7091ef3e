"""What moves points: tickets paid, and tickets cancelled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.loyalty.points import store
from services.loyalty.points.domain import MAX_POINTS, Kind, Movement, points_for
from shared.contracts import Event, PointsAwarded, PointsClawedBack, TicketCancelled, TicketsPaid
from shared.ids import uuid7
from shared.messaging import AnyHandler, Batch, Handler, Received

# A cancellation that comes before its award waits as long as the topic keeps the award.
AWARD_PATIENCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Caused:
    movement: Movement
    cause: Received[Any]


class PointsEvents:
    """Handlers of the topic `tickets`; `points_per_major_unit` is the rate at which tickets earn."""

    def __init__(self, *, points_per_major_unit: int) -> None:
        self._rate = points_per_major_unit

    def handlers(self) -> list[AnyHandler]:
        """What this feature consumes."""
        return [Handler(TicketsPaid, self.award), Handler(TicketCancelled, self.claw_back)]

    async def award(self, batch: Batch[TicketsPaid]) -> None:
        """Award what each paid ticket earns; tickets too cheap for a point make no entry."""
        caused = []
        for event in batch.events:
            movements = list(self._earned(event.data))
            if any(movement.points > MAX_POINTS for movement in movements):
                batch.reject(event, "points_out_of_range", f"a ticket cannot earn more than {MAX_POINTS} points")
                continue
            caused += [_Caused(movement, event) for movement in movements]
            batch.arrived(*(_award_of(event.key, ticket.id) for ticket in event.data.tickets))
        await _post(batch, caused, PointsAwarded)

    async def claw_back(self, batch: Batch[TicketCancelled]) -> None:
        """Take back exactly what each cancelled ticket had earned."""
        tickets = [(event.key, event.data.ticket.id) for event in batch.events]
        awards = await store.awards(batch.connection, tickets)
        caused = []
        for event, ticket in zip(batch.events, tickets, strict=True):
            if award := awards.get(ticket):
                caused.append(_Caused(_clawed_back(event.data, award), event))
            elif self._may_be_awarded_yet(event):
                batch.wait(event, _award_of(*ticket), timeout=AWARD_PATIENCE)
        await _post(batch, caused, PointsClawedBack)

    def _may_be_awarded_yet(self, event: Received[TicketCancelled]) -> bool:
        if event.overdue or event.data.was_paid is False:
            return False
        return self._points(event.data.ticket.price, event.data.currency) > 0

    def _points(self, price: int, currency: str) -> int:
        return points_for(price, currency, points_per_major_unit=self._rate)

    def _earned(self, paid: TicketsPaid) -> Iterator[Movement]:
        for ticket in paid.tickets:
            if points := self._points(ticket.price, paid.currency):
                yield Movement(
                    id=uuid7(),
                    customer_id=paid.customer_id,
                    kind=Kind.EARNED,
                    points=points,
                    occurred_at=paid.paid_at,
                    order_id=paid.order_id,
                    ticket_id=ticket.id,
                    store_id=paid.store_id,
                    terminal_id=paid.terminal_id,
                    payment_transaction_id=paid.payment_transaction_id,
                )


def _clawed_back(cancelled: TicketCancelled, award: store.Award) -> Movement:
    return Movement(
        id=uuid7(),
        customer_id=cancelled.customer_id,
        kind=Kind.CLAWED_BACK,
        points=-award.points,
        occurred_at=cancelled.cancelled_at,
        order_id=cancelled.order_id,
        ticket_id=cancelled.ticket.id,
        store_id=award.store_id,
        terminal_id=award.terminal_id,
        payment_transaction_id=award.payment_transaction_id,
    )


def _award_of(customer_id: str, ticket_id: str) -> str:
    # No identifier has a slash, so no two tickets share a cause.
    return f"ticket/{customer_id}/{ticket_id}"


async def _post(
    batch: Batch[Any], caused: Sequence[_Caused], contract: type[PointsAwarded] | type[PointsClawedBack]
) -> None:
    if not caused:
        return
    balances = await store.post(batch.connection, [each.movement for each in caused])
    for each in caused:
        if (balance := balances.get(each.movement.id)) is not None:
            batch.publish(_event(contract, each.movement, balance), cause=each.cause)


def _event(contract: type[PointsAwarded] | type[PointsClawedBack], movement: Movement, balance: int) -> Event:
    return contract(
        customer_id=movement.customer_id,
        entry_id=str(movement.id),
        occurred_at=movement.occurred_at,
        points=abs(movement.points),
        balance=balance,
        order_id=movement.order_id,
        ticket_id=movement.ticket_id,
    )
