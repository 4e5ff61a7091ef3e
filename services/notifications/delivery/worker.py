"""The worker: sends what is due over a few connections at once.

For each message: claim it under a lease, offer it to the server up to DATA, commit that it is being handed over, send
the content, commit what the server said. Until the hand-over is committed the message may be sent by anybody later;
from then on only an answer of the server allows that.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from services.notifications.delivery.claims import Claims
from services.notifications.delivery.domain import gives_up, retry_delay
from services.notifications.delivery.mail import Sender, UnsendableError, compose
from services.notifications.delivery.smtp import ConnectError, Connection, Result, Server
from services.notifications.delivery.store import Claim, Ended
from services.notifications.tracking.domain import Outcome
from shared.db import is_transient
from shared.messaging import UnitOfWork
from shared.setbacks import tell
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import counter, histogram
from shared.waiting import until

log = get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0
_CLAIMS_PER_CONNECTION = 4
_attempts = counter("recourse_mail_attempts_total", "Attempts to send a mail, by how they ended", ("outcome",))
_seconds = histogram("recourse_mail_accepted_seconds", "From a message on record to the server's acceptance")


class DeliveryWorker:
    """Sends mail until it is stopped. Any number of these may run, in any number of processes."""

    def __init__(
        self, unit_of_work: UnitOfWork, *, server: Server, sender: Sender, lease: timedelta, connections: int
    ) -> None:
        self._server = server
        self._sender = sender
        self._connections = connections
        self._claims = Claims(unit_of_work, lease=lease, batch=connections * _CLAIMS_PER_CONNECTION)
        self._settling: set[asyncio.Task[None]] = set()
        self._reachable = True

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`, then finish what was begun and give back the rest."""
        done = asyncio.Event()
        async with asyncio.TaskGroup() as upkeep:
            upkeep.create_task(self._claims.renew_until(done))
            upkeep.create_task(self._claims.sweep_until(done))
            upkeep.create_task(self._claims.release_at(stop))
            async with asyncio.TaskGroup() as lanes:
                for _ in range(self._connections):
                    lanes.create_task(self._lane(stop))
            await asyncio.gather(*self._settling, return_exceptions=True)
            await self._claims.release()
            done.set()

    async def _lane(self, stop: asyncio.Event) -> None:
        """One connection after the other. Only a lane that has one takes messages."""
        pause = _FIRST_PAUSE
        while not stop.is_set():
            connection = await self._connect()
            if connection is None:
                await until(stop, pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            try:
                await self._serve(connection, stop)
            finally:
                await connection.close()

    async def _connect(self) -> Connection | None:
        try:
            connection = await Connection.open(self._server)
        except ConnectError as error:
            if self._reachable:
                log.warning("the mail server cannot be reached", reason=str(error))
            self._reachable = False
            return None
        if not self._reachable:
            log.info("the mail server can be reached again")
        self._reachable = True
        return connection

    async def _serve(self, connection: Connection, stop: asyncio.Event) -> None:
        while connection.is_usable():
            claim = await self._claims.next(stop)
            if claim is None:
                return
            if not connection.is_usable():
                self._claims.put_back(claim)
                return
            await self._send(connection, claim)

    async def _send(self, connection: Connection, claim: Claim) -> None:
        marked: datetime | None = None

        async def commit() -> bool:
            nonlocal marked
            marked = await self._claims.mark_handing_over(claim)
            return marked is not None

        try:
            result = await connection.hand_over(compose(claim.letter, self._sender), commit)
        except UnsendableError as error:
            result = Result(Outcome.REFUSED, None, f"{error.code} {error}")
        except Exception as error:  # noqa: BLE001 - one bad message must not keep the others
            # What stands of the conversation with the server is not known.
            await connection.close()
            result = _failed(claim, error, handed_over=marked is not None)
        if result is None:
            result = Result(Outcome.DEFERRED, None, "The lease ran out before the hand-over.")
        self._settle(_ended(claim, marked, result))

    def _settle(self, ended: Ended) -> None:
        """Commit the result while the connection goes on to the next message."""
        _attempts.labels(ended.outcome).inc()
        task = asyncio.create_task(self._claims.settle(ended), name=f"settle-{ended.key.message_id}")
        self._settling.add(task)
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._settling.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a result could not be recorded", task=task.get_name(), exc_info=error)


def _failed(claim: Claim, error: Exception, *, handed_over: bool) -> Result:
    if is_transient(error):
        return Result(Outcome.DEFERRED, None, "The database did not answer before the hand-over.")
    tell("mail", error, row=str(claim.key.message_id))
    outcome = Outcome.UNCONFIRMED if handed_over else Outcome.DEFERRED
    return Result(outcome, None, f"An unexpected failure here: {type(error).__name__}.")


def _ended(claim: Claim, handed_over_at: datetime | None, result: Result) -> Ended:
    now = datetime.now(UTC)
    age = now - claim.letter.created_at
    outcome, retry_in = result.outcome, None
    if outcome is Outcome.ACCEPTED:
        _seconds.observe(age.total_seconds())
    if outcome is Outcome.DEFERRED:
        retry_in = retry_delay(claim.attempt, answered=result.code is not None)
        if gives_up(claim.attempt, age=age):
            outcome, retry_in = Outcome.GIVEN_UP, None
    return Ended(
        key=claim.key,
        attempt=claim.attempt,
        started_at=claim.started_at,
        handed_over_at=handed_over_at,
        ended_at=now,
        outcome=outcome,
        status_code=result.status_code,
        diagnostic=result.detail,
        retry_in=retry_in,
    )
