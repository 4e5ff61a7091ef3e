"""The relay: publishes what committed transactions left in the outbox, in order, and deletes it."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg

from shared.db import Connection, is_transient
from shared.db.database import SESSION_SETTINGS, prepare_session
from shared.messaging.batches import Batches
from shared.messaging.cloudevents import binary_headers
from shared.messaging.kafka import KafkaSettings, is_connection_fault, make_producer, stop_client
from shared.messaging.outbox import OutboxRow, PendingRow, delete_outbox, read_outbox
from shared.messaging.records import Headers, headers_from_json
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import counter, gauge
from shared.waiting import until

log = get_logger(__name__)

LOCK = int.from_bytes(hashlib.sha256(b"recourse outbox relay").digest()[:8], "big", signed=True)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
_published = counter("recourse_outbox_published_total", "Events published from the outbox", ("topic",))
_holder = gauge("recourse_outbox_relay_holder", "1 while this process publishes the outbox of its service")


class Relay:
    """One of these runs in each process of a service; the one that holds the advisory lock publishes.

    A process that dies between Kafka's acknowledgement and the delete publishes again: consumers know the
    event by its id. Order per customer holds because writers take a customer's lock before an outbox number,
    so two rows of one customer are never visible in the wrong order.
    """

    def __init__(
        self,
        *,
        dsn: str,
        kafka: KafkaSettings,
        source: str,
        batch_size: int = 1000,
        poll_seconds: float = 0.1,
        pace_seconds: float = 0.02,
        exclusive: bool = True,
    ) -> None:
        self._dsn = dsn
        self._kafka = kafka
        self._source = source
        self._batch_size = batch_size
        self._poll_seconds = poll_seconds
        self._pace_seconds = pace_seconds
        self._exclusive = exclusive
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._published = False

    def wake(self) -> None:
        """Something was committed to the outbox."""
        self._wake.set()

    def stop(self) -> None:
        """Let `run` return after the rows that are under way."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Publish until stopped; faults of the database or the broker are waited out."""
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                await self._session()
            except Exception as error:
                if not (is_transient(error) or is_connection_fault(error) or isinstance(error, asyncpg.InterfaceError)):
                    raise
                log.warning("relay interrupted", error=type(error).__name__)
                pause = _FIRST_PAUSE if self._published else min(pause * 2, _LONGEST_PAUSE)
                self._published = False
                await until(self._stopping, pause)

    async def _session(self) -> None:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=10,
            command_timeout=30,
            # A paused process loses its session, and with it the lock, instead of holding up all replicas.
            server_settings=SESSION_SETTINGS
            | {"application_name": f"{self._source}-relay", "idle_session_timeout": "15s"},
        )
        try:
            await prepare_session(connection)
            await _require_writable(connection)
            await self._lead(connection)
        finally:
            _holder.set(0)
            connection.terminate()

    async def _lead(self, connection: Connection) -> None:
        while self._exclusive and not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
            # Not for the event of new rows: nobody but the leader clears it, and this would spin.
            await until(self._stopping, 0.5)
            if self._stopping.is_set():
                return
        producer = make_producer(self._kafka, client_id=f"{self._source}-relay")
        try:
            async with asyncio.timeout(15):
                await producer.start()
            _holder.set(1)
            while not self._stopping.is_set():
                self._wake.clear()
                if await self._publish_all(connection, producer):
                    await until(self._stopping, self._pace_seconds)
                else:
                    await until(self._wake, self._poll_seconds)
            # What was committed since the last look.
            await self._publish_all(connection, producer)
        finally:
            await stop_client(producer)

    async def _publish_all(self, connection: Connection, producer: Any) -> bool:
        """Publish what is in the outbox; the next rows are read while Kafka acknowledges the last ones.

        Whether there was anything. What is committed meanwhile is left for the next time: a few rows cost as much
        as many, here, in the database and in Kafka.
        """
        under_way, found = _UnderWay([], []), False
        while True:
            rows = await read_outbox(connection, under_way=under_way.sequences, limit=self._batch_size)
            await self._finish(connection, under_way)
            if not rows:
                return found
            under_way, found = await self._send(producer, rows), True
            if len(rows) < self._batch_size or self._stopping.is_set():
                await self._finish(connection, under_way)
                return True

    async def _send(self, producer: Any, rows: Sequence[PendingRow]) -> "_UnderWay":
        batches = Batches(producer)
        async with asyncio.timeout(30):
            for pending in rows:
                row = pending.row
                await batches.add(
                    self._kafka.full_name(row.topic),
                    key=row.key.encode() if row.key is not None else None,
                    value=row.payload,
                    headers=self._headers(row),
                )
            futures = await batches.send()
        return _UnderWay(rows, futures)

    async def _finish(self, connection: Connection, under_way: "_UnderWay") -> None:
        if not under_way.sequences:
            return
        waiting = set(under_way.futures)
        async with asyncio.timeout(30):
            while waiting:
                done, waiting = await asyncio.wait(waiting, timeout=2)
                for future in done:
                    future.result()
                if waiting:
                    await connection.execute("select 1")
        for topic, count in Counter(under_way.topics).items():
            _published.labels(topic).inc(count)
        await delete_outbox(connection, under_way.sequences)
        self._published = True

    def _headers(self, row: OutboxRow) -> Headers:
        if row.headers is not None:
            return headers_from_json(row.headers)
        return binary_headers(
            event_id=str(row.id),
            source=self._source,
            event_type=row.type,
            time=row.occurred_at,
            subject=row.key,
            traceparent=row.traceparent,
        )


async def _require_writable(connection: Connection) -> None:
    """What cannot be deleted would be published again with each new session.

    Raises ReadOnlySQLTransactionError, which passes, where nothing can be written now.
    """
    if await connection.fetchval("show transaction_read_only") == "on":
        raise asyncpg.ReadOnlySQLTransactionError("the outbox cannot be written")


class _UnderWay:
    """Rows that were handed to the producer and are not all acknowledged yet."""

    __slots__ = ("futures", "sequences", "topics")

    def __init__(self, rows: Sequence[PendingRow], futures: list[asyncio.Future[Any]]) -> None:
        self.sequences = [pending.sequence for pending in rows]
        self.topics = [pending.row.topic for pending in rows]
        self.futures = futures
