"""Works bulk cancellations off, piece by piece. Replicas share the pieces; what a killed one had begun comes again.

A job of a draw that is over goes on when one more of its tickets is recorded (`store.go_on`).
"""

import asyncio
from collections.abc import Sequence, Set
from datetime import timedelta
from time import monotonic

from services.tickets.bulk import store
from services.tickets.bulk.domain import Bulk, BulkKind, BulkState, Chunk, TicketRefused
from services.tickets.cancellations.decisions import CancelTicket, Decider, Denied
from services.tickets.cancellations.domain import Cancellation
from services.tickets.cancellations.events import cancellation_requested
from services.tickets.cancellations.store import customers_of_tickets
from services.tickets.customers.store import lock
from shared.db import Connection, is_transient
from shared.messaging import Transaction, UnitOfWork
from shared.setbacks import SetAside, tell
from shared.telemetry.trace import bind_trace, new_trace
from shared.waiting import sweep_until

LOOK_EVERY = timedelta(seconds=1)
# What accounts has in hand of all jobs: enough to keep it busy, and so little that others' orders and cancellations do
# not queue behind a whole draw. What it leaves unanswered for longer than the patience holds no job up.
MOST_UNANSWERED = 2_000
PATIENCE = timedelta(seconds=10)
_BREATH = 0.05
JOB = "bulk cancellations"

Decisions = tuple[list[Cancellation], list[TicketRefused]]


class BulkRunner:
    """Looks for jobs to do again and again; `wake` says that there is one."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        *,
        pause: timedelta = timedelta(seconds=0.5),
        most_unanswered: int = MOST_UNANSWERED,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._pause = pause.total_seconds()
        self._awake = asyncio.Event()
        self._looked: dict[str, float] = {}
        self._aside: SetAside[str] = SetAside(JOB)
        self._most_unanswered = most_unanswered

    def wake(self) -> None:
        """Look at once."""
        self._awake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.step, pause=self._pause, looking_for=JOB, wake=self._awake)

    async def step(self) -> bool:
        """Do the next piece of each job; False when there is nothing to do now."""
        async with self._unit_of_work.database.read() as connection:
            jobs = await store.running(connection)
            has_room = await self._is_room(connection, jobs)
        self._looked = {job.bulk_id: self._looked.get(job.bulk_id, 0.0) for job in jobs}
        aside = self._aside.rows()
        done = [await self._try(job, has_room=has_room) for job in jobs if job.bulk_id not in aside]
        return any(done)

    async def _is_room(self, connection: Connection, jobs: Sequence[Bulk]) -> bool:
        """Whether accounts may be asked for more; when not, the next look is soon."""
        bulk_ids = [job.bulk_id for job in jobs if job.state is BulkState.CANCELLING]
        if not bulk_ids:
            return True
        found = await store.unanswered(connection, bulk_ids, within=PATIENCE, most=self._most_unanswered)
        if found == self._most_unanswered:
            asyncio.get_running_loop().call_later(_BREATH, self.wake)
        return found < self._most_unanswered

    async def _try(self, job: Bulk, *, has_room: bool) -> bool:
        """A job that fails is set aside for a while, and the others go on."""
        try:
            return await self._advance(job, has_room=has_room)
        except Exception as error:
            if is_transient(error):
                raise
            self._aside.add(job.bulk_id, error)
            return False

    async def _advance(self, job: Bulk, *, has_room: bool) -> bool:
        if monotonic() - self._looked[job.bulk_id] >= LOOK_EVERY.total_seconds():
            self._looked[job.bulk_id] = monotonic()
            await self._look(job)
        if job.state is BulkState.COLLECTING:
            return await self._collect(job)
        if job.state is BulkState.CANCELLING and has_room:
            return await self._cancel(job)
        return False

    async def _collect(self, job: Bulk) -> bool:
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            if not await store.hold(connection, job.bulk_id, BulkState.COLLECTING):
                return False
            await store.collect(connection, job, live_only=False)
            await store.set_state(connection, job.bulk_id, BulkState.CANCELLING)
        return True

    async def _cancel(self, job: Bulk) -> bool:
        """One piece; when there is none left, what was recorded meanwhile or since the job was over."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            chunk = await store.take_chunk(connection, job.bulk_id)
            if chunk is not None:
                await cancel_chunk(transaction, job, chunk)
                return True
            # Held first: whoever held the job until now may have added pieces.
            if not await store.hold(connection, job.bulk_id, BulkState.CANCELLING):
                return False
            if await store.has_chunks(connection, job.bulk_id):
                return False
            # Purchases of a cancelled draw may still have been on their way.
            if job.kind is BulkKind.DRAW and await store.collect(connection, job, live_only=True):
                return True
            await store.set_state(connection, job.bulk_id, BulkState.SETTLING)
        return True

    async def _look(self, job: Bulk) -> None:
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            if await store.hold(connection, job.bulk_id, job.state):
                unsettled = await store.look(connection, job.bulk_id)
                if unsettled == 0 and job.state is BulkState.SETTLING:
                    await store.set_state(connection, job.bulk_id, BulkState.COMPLETED)


async def cancel_chunk(transaction: Transaction, job: Bulk, chunk: Chunk) -> None:
    """Decide on the tickets of a piece that this transaction has taken, under the locks of their customers."""
    connection = transaction.connection
    customers = await customers_of_tickets(connection, chunk.tickets)
    await lock(connection, customers)
    granted, refused = await _cancel_tickets(connection, job, chunk.tickets, set(customers))
    await store.finish_chunk(connection, job.bulk_id, chunk.number, accepted=len(granted), refused=refused)
    with bind_trace(new_trace()):
        for cancellation in granted:
            transaction.publish(cancellation_requested(cancellation))


async def _cancel_tickets(connection: Connection, job: Bulk, tickets: Sequence[str], locked: Set[str]) -> Decisions:
    """Decide on tickets of locked customers; when that fails, on halves of them, down to the one that fails."""
    try:
        async with connection.transaction():
            return await _decide(connection, job, tickets, locked)
    except Exception as error:
        if is_transient(error):
            raise
        if len(tickets) > 1:
            middle = len(tickets) // 2
            granted, refused = await _cancel_tickets(connection, job, tickets[:middle], locked)
            more_granted, more_refused = await _cancel_tickets(connection, job, tickets[middle:], locked)
            return granted + more_granted, refused + more_refused
        tell(JOB, error, row=tickets[0])
        customer = (await customers_of_tickets(connection, tickets))[0]
        return [], [TicketRefused(customer, tickets[0], store.FAILED, "An unexpected failure; the log tells which.")]


async def _decide(connection: Connection, job: Bulk, tickets: Sequence[str], locked: Set[str]) -> Decisions:
    decider = await Decider.load(connection, tickets, locked=locked)
    refused = []
    for ticket_id in tickets:
        decision = decider.decide(CancelTicket(ticket_id, job.reason, job.requested_by, job.bulk_id))
        if isinstance(decision, Denied):
            ticket = decider.changes.ticket(ticket_id)
            customer = ticket.order.customer_id if ticket is not None else ""
            refused.append(TicketRefused(customer, ticket_id, decision.code, decision.detail))
    await decider.save(connection)
    return decider.granted, refused
