"""`python -m tests.chaos.probe_process SETTINGS`: the probe service as a process of its own, to freeze and to kill.

It applies the topic `loyalty` to the probe's tables until SIGTERM. SETTINGS is the JSON of `ProbeSettings`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared.contracts import Event, PointsAwarded, PointsClawedBack
from shared.db import Connection, Database
from shared.messaging import AnyHandler, Consumer, Handler, KafkaSettings, Received, Relay, UnitOfWork, processor
from shared.messaging.breaker import Breaker
from shared.messaging.processor import Processor, Slice
from shared.messaging.progress import Move
from shared.telemetry import configure_logging
from shared.web import stop_on_signals
from tests.support.messaging import lock_customers, write_effects


class ProbeSettings(BaseModel):
    """How the process differs from the product, for the sake of a test.

    It stops itself with SIGSTOP, once, between fetching a batch and its transaction, when the batch has the record
    `freeze_at_offset`. `inbox` and `compare_and_set` switch these mechanisms off.
    """

    name: str
    database_url: str
    bootstrap_servers: str
    topic_prefix: str
    freeze_at_offset: int | None = None
    inbox: bool = True
    compare_and_set: bool = True
    relay: bool = False


class FreezingProcessor(Processor):
    """A processor that stops its process before it applies a certain record."""

    freeze_at_offset: int | None = None

    async def apply_together(self, slices: Sequence[Slice]) -> list[int]:
        """As usual, but after the stop."""
        reached = max(each.decoded[-1].record.offset for each in slices)
        if self.freeze_at_offset is not None and reached >= self.freeze_at_offset:
            self.freeze_at_offset = None
            os.kill(os.getpid(), signal.SIGSTOP)
        return await super().apply_together(slices)


async def _claim_all(
    _connection: Connection, *, consumer: str, events: Sequence[Received[Event]]
) -> list[Received[Event]]:
    del consumer
    return list(events)


async def _set_offsets(connection: Connection, *, consumer: str, moves: Sequence[Move]) -> None:
    await connection.executemany(
        "update consumer_offsets set next_offset = $4 where consumer = $1 and topic = $2 and partition = $3",
        [(consumer, move.topic, move.partition, move.target) for move in moves],
    )


def _switch_off(settings: ProbeSettings) -> None:
    replacements: dict[str, Any] = {}
    if not settings.inbox:
        replacements["claim_events"] = _claim_all
    if not settings.compare_and_set:
        replacements["move_offsets"] = _set_offsets
    for name, replacement in replacements.items():
        setattr(processor, name, replacement)


async def serve(settings: ProbeSettings) -> None:
    """Consume, and relay if wanted, until a signal."""
    stop = stop_on_signals()
    kafka = KafkaSettings(settings.bootstrap_servers, settings.topic_prefix)
    database = await Database.connect(settings.database_url, application=settings.name)
    unit_of_work = UnitOfWork(database)
    handlers: list[AnyHandler] = [Handler(PointsAwarded, write_effects), Handler(PointsClawedBack, write_effects)]
    name = f"{settings.topic_prefix}probe"
    consumer = Consumer(name=name, kafka=kafka, unit_of_work=unit_of_work, handlers=handlers, lock=lock_customers)
    freezing = FreezingProcessor(
        consumer=name, unit_of_work=unit_of_work, handlers=handlers, lock=lock_customers, breaker=Breaker()
    )
    freezing.freeze_at_offset = settings.freeze_at_offset
    consumer.processor = freezing
    tasks = [asyncio.create_task(consumer.run())]
    relay = Relay(dsn=settings.database_url, kafka=kafka, source="tests/probe")
    if settings.relay:
        tasks.append(asyncio.create_task(relay.run()))
    await stop.wait()
    consumer.stop()
    relay.stop()
    await asyncio.gather(*tasks)
    await database.close()


if __name__ == "__main__":
    given = ProbeSettings.model_validate_json(Path(sys.argv[1]).read_text())
    configure_logging(given.name, level="info", log_format="text")
    _switch_off(given)
    asyncio.run(serve(given))
