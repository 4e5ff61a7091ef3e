"""The relay, outbox to acknowledged on Kafka, against a producer that has the same bytes in memory."""

from __future__ import annotations

from functools import partial

import asyncpg

from bench.environment import Bench
from bench.figures import Line, Measured, Round, at_least, ratio
from bench.lines.consumer import EVENTS_EACH, backlog_of
from bench.processes import outcome, running
from bench.progress import left_in_outbox, offsets_moved, rate, times
from shared.messaging import KafkaSettings

EVENTS = 50_000


async def _published(bench: Bench, full: str) -> Round:
    """Publish the outbox of a copy of the database `full`, by the bare producer first, which leaves it as it is."""
    async with bench.accounts_database(template=full) as dsn:
        target = await bench.topics()
        told = {"dsn": dsn, "bootstrap_servers": target.bootstrap_servers, "topic_prefix": target.topic_prefix}
        bare = await outcome("bare_produce", **told)
        connection = await asyncpg.connect(dsn)
        try:
            total = await connection.fetchval("select count(*) from outbox")
            async with running("relay", **told) as process:
                done = left_in_outbox(connection, total=total)
                return {"ours": await rate(done, total=total, process=process), **bare}
        finally:
            await connection.close()


async def _against_bare(bench: Bench) -> Measured:
    total = bench.amount(EVENTS)
    kafka = await backlog_of(bench, total)
    async with bench.accounts_database() as dsn:
        await _fill(dsn, kafka, total)
        rounds = await bench.in_turn(partial(_published, bench, dsn.rpartition("/")[2]))
    return Measured(ratio(rounds, "ours", "bare"), rounds)


async def _fill(dsn: str, kafka: KafkaSettings, total: int) -> None:
    """An outbox as the consumer leaves it."""
    connection = await asyncpg.connect(dsn)
    try:
        async with running(
            "consumer", dsn=dsn, bootstrap_servers=kafka.bootstrap_servers, topic_prefix=kafka.topic_prefix,
            group=f"{kafka.topic_prefix}fill",
        ) as process:  # fmt: skip
            await times(offsets_moved(connection), marks=[total], process=process)
        if await connection.fetchval("select count(*) from outbox") != total * EVENTS_EACH:
            raise ValueError("the consumer left another number of events than expected")
    finally:
        await connection.close()


LINES = (
    Line("relay", "outbox to acknowledged on Kafka, records/s: ours / bare aiokafka", at_least(0.5), _against_bare),
)
