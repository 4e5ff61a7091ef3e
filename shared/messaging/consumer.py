"""The consumer of a service: a member of its group that applies the partitions it is given."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import ConsumerRebalanceListener

from shared.db import is_transient
from shared.messaging.assignment import Assignment
from shared.messaging.batch import AnyHandler, Lock
from shared.messaging.breaker import Breaker
from shared.messaging.kafka import KafkaSettings, is_connection_fault, make_consumer, stop_client
from shared.messaging.lag import Lag
from shared.messaging.processor import Processor
from shared.messaging.progress import forget_old_events
from shared.messaging.unit_of_work import UnitOfWork
from shared.setbacks import tell
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import gauge
from shared.waiting import until

log = get_logger(__name__)

DRAIN_SECONDS = 4.0
INBOX_DAYS = 30
FORGET_EVERY_SECONDS = 60
FORGET_AT_A_TIME = 10_000
_silence = gauge("recourse_consumer_silence_seconds", "Since Kafka last acknowledged how far the consumer is")


class Consumer:
    """Applies the events that a service handles, effectively once and in order per customer.

    `name` is the consumer group and the name under which progress is kept. `lock` takes the locks of a batch's
    customers, in the order in which it is given their ids, before any handler runs.
    """

    def __init__(
        self,
        *,
        name: str,
        kafka: KafkaSettings,
        unit_of_work: UnitOfWork,
        handlers: Sequence[AnyHandler],
        lock: Lock,
        batch_size: int = 1000,
        concurrency: int = 4,
        breaker: Breaker | None = None,
    ) -> None:
        self.name = name
        self.breaker = breaker or Breaker()
        self.processor = Processor(
            consumer=name, unit_of_work=unit_of_work, handlers=handlers, lock=lock, breaker=self.breaker
        )
        self._kafka = kafka
        self._topics = sorted({handler.contract.topic for handler in handlers})
        self._batch_size = batch_size
        self._concurrency = concurrency
        self._assignment: Assignment | None = None
        self._lag = Lag(kafka.short_name)
        self._stopping = asyncio.Event()
        self._joined = False
        self._heard_at = time.monotonic()

    async def run(self) -> None:
        """Consume until stopped; faults of the broker are waited out."""
        self._heard_at = time.monotonic()
        # What the consumer would see of a broker that is gone, such as its lag, stays as it was.
        _silence.set_function(lambda: time.monotonic() - self._heard_at)
        upkeep = asyncio.create_task(self._upkeep(), name=f"{self.name}-upkeep")
        try:
            while not self._stopping.is_set():
                try:
                    await self._session()
                except Exception as error:
                    if not is_connection_fault(error):
                        raise
                    log.warning("consumer interrupted", error=repr(error)[:300])
                await until(self._stopping, 0.5)
        finally:
            upkeep.cancel()
            await asyncio.wait([upkeep])

    def stop(self) -> None:
        """Let `run` drain, commit, leave the group and return."""
        self._stopping.set()

    async def check(self) -> None:
        """Raises RuntimeError unless this process takes part in its group and the breaker is closed."""
        if not self._joined:
            raise RuntimeError("not a member of the consumer group yet")
        if broken := self.breaker.open_for():
            raise RuntimeError(f"the breaker is open for {', '.join(broken)}")

    async def _session(self) -> None:
        client = make_consumer(self._kafka, group=self.name, client_id=self.name)
        client.subscribe([self._kafka.full_name(topic) for topic in self._topics], listener=_Listener(self, client))
        try:
            async with asyncio.timeout(30):
                await client.start()
            while not self._stopping.is_set():
                await until(self._stopping, 1.0)
                if self._assignment is not None:
                    self._assignment.raise_failure()
                    offsets = self._assignment.offsets()
                    self._lag.show(client, offsets)
                    if await self._commit_to_kafka(client, offsets):
                        self._heard_at = time.monotonic()
        finally:
            self._joined = False
            await self._commit_to_kafka(client, await self.release())
            await stop_client(client)
            # The group may have given it partitions while it was on its way out.
            await self.release()

    def assign(self, client: Any, partitions: Iterable[Any]) -> None:
        """Start to apply the partitions that the group gave to this process."""
        self._joined = True
        self._assignment = Assignment(
            client=client,
            partitions=partitions,
            topic_of=self._kafka.short_name,
            processor=self.processor,
            batch=self._batch_size,
            concurrency=self._concurrency,
        )

    async def release(self) -> Mapping[Any, int]:
        """What is under way commits, nothing new begins. Returns how far each partition came."""
        assignment, self._assignment = self._assignment, None
        self._lag.forget()
        if assignment is None:
            return {}
        await assignment.stop(timeout=DRAIN_SECONDS)
        return assignment.offsets()

    async def _commit_to_kafka(self, client: Any, offsets: Mapping[Any, int]) -> bool:
        """Tell Kafka how far we are, for tools that show lag. What counts is in the database.

        Returns whether it answered, also when there was nothing to tell.
        """
        assigned = {partition: offset for partition, offset in offsets.items() if partition in client.assignment()}
        if not assigned:
            return True
        try:
            async with asyncio.timeout(5):
                await client.commit(assigned)
        except Exception as error:
            if not is_connection_fault(error):
                raise
            log.debug("offsets were not committed to Kafka", error=repr(error)[:200])
            return False
        return True

    async def _upkeep(self) -> None:
        """Hand over what waited in vain, second by second, and forget old events now and then."""
        while True:
            for _ in range(FORGET_EVERY_SECONDS):
                await asyncio.sleep(1)
                await self._try(self.processor.apply_overdue)
            await self._try(self._forget_old_events)

    async def _forget_old_events(self) -> None:
        forgotten = FORGET_AT_A_TIME
        while forgotten == FORGET_AT_A_TIME:
            async with self.processor.unit_of_work.begin() as transaction:
                forgotten = await forget_old_events(transaction.connection, days=INBOX_DAYS, limit=FORGET_AT_A_TIME)

    async def _try(self, task: Callable[[], Awaitable[object]]) -> None:
        try:
            await task()
        except Exception as error:  # noqa: BLE001 - it is tried again, and must not end all other upkeep
            if not is_transient(error):
                tell("upkeep of the consumer", error)
                await asyncio.sleep(1)
                return
            log.warning("upkeep will be tried again", error=repr(error)[:200])


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    def __init__(self, consumer: Consumer, client: Any) -> None:
        self._consumer = consumer
        self._client = client

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:  # noqa: ARG002 - all are, each time
        await self._consumer.release()

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._consumer.assign(self._client, assigned)
