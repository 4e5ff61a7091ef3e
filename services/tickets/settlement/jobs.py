"""Payments that are neither confirmed nor refused in time: their tickets go to limbo."""

import asyncio
from datetime import datetime, timedelta
from itertools import groupby

from services.tickets.clock import database_time
from services.tickets.customers.store import lock_free
from services.tickets.lifecycle.domain import ACTOR, Change, Changes, Fact
from services.tickets.lifecycle.events import announce
from services.tickets.lifecycle.store import save_changes, tickets_by_id
from services.tickets.lifecycle.table import TicketEvent
from services.tickets.settlement.store import overdue_tickets
from shared.db import Connection
from shared.messaging import UnitOfWork
from shared.setbacks import Piece, Pieces
from shared.waiting import sweep_until

CODE = "payment_overdue"
JOB = "overdue payments"
LONGEST_PAUSE = 5.0


class OverduePayments:
    """Looks for overdue tickets again and again. The database's clock counts, and replicas may all run it.

    `timeout` is counted from when the ticket was recorded or its payment asked for again, not from when it was bought:
    after an outage, tickets that come late still get their time.
    """

    def __init__(self, unit_of_work: UnitOfWork, *, timeout: timedelta, batch_size: int = 500) -> None:
        self._unit_of_work = unit_of_work
        self._timeout = timeout
        self._pieces: Pieces[str] = Pieces(JOB, batch_size)
        self._pause = min(timeout.total_seconds() / 10, LONGEST_PAUSE)

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.sweep, pause=self._pause, looking_for=JOB)

    async def sweep(self) -> int:
        """Send one batch of overdue tickets to limbo; returns how many.

        Customers whose lock is held are passed over: somebody is writing about them, and they come again.
        """
        return await self._pieces.work(self._sweep)

    async def _sweep(self, piece: Piece[str]) -> int:
        async with self._unit_of_work.begin() as transaction:
            changes = await self._changes(transaction.connection, piece)
            await save_changes(transaction.connection, changes)
            for _, of_order in groupby(changes, key=lambda change: change.ticket.order.order_id):
                announce(transaction, list(of_order))
        return len(changes)

    async def _changes(self, connection: Connection, piece: Piece[str]) -> list[Change]:
        overdue = await overdue_tickets(connection, timeout=self._timeout, limit=piece.limit, left_out=piece.left_out)
        if not overdue:
            return []
        locked = await lock_free(connection, sorted({customer_id for customer_id, _ in overdue}))
        piece.taken = [ticket_id for customer_id, ticket_id in overdue if customer_id in locked]
        # Read again: what was overdue before the lock may have been paid since. The status table sees to that.
        tickets = await tickets_by_id(connection, piece.taken)
        tickets.sort(key=lambda ticket: (ticket.order.order_id, ticket.bought.position))
        fact = self._fact(await database_time(connection))
        return Changes(tickets).apply_to_all([ticket.ticket_id for ticket in tickets], fact)

    def _fact(self, now: datetime) -> Fact:
        return Fact(
            TicketEvent.PAYMENT_OVERDUE,
            at=now,
            cause=CODE,
            actor=ACTOR,
            code=CODE,
            reason=f"The payment was neither confirmed nor refused within {self._timeout.total_seconds():g} s",
        )
