"""The cost of twice the work: a million events, and two million, through the accounts consumer."""

from __future__ import annotations

import secrets
from functools import partial

import asyncpg

from bench.environment import Bench
from bench.figures import Line, Measured, Round, at_most, ratio
from bench.lines.consumer import backlog_of
from bench.processes import running
from bench.progress import offsets_moved, times
from shared.messaging import KafkaSettings

EVENTS = 1_000_000


async def _twice(bench: Bench, kafka: KafkaSettings, total: int) -> Round:
    """One drain of twice `total` events: seconds to the middle, and to the end, from its first commit on."""
    async with bench.accounts_database() as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            async with running(
                "consumer", dsn=dsn, bootstrap_servers=kafka.bootstrap_servers, topic_prefix=kafka.topic_prefix,
                group=f"{kafka.topic_prefix}{secrets.token_hex(4)}",
            ) as process:  # fmt: skip
                marks = [1, total, 2 * total]
                (_, start), (_, middle), (_, end) = await times(offsets_moved(connection), marks=marks, process=process)
        finally:
            await connection.close()
    return {"once": middle - start, "twice": end - start}


async def _linear(bench: Bench) -> Measured:
    total = bench.amount(EVENTS)
    kafka = await backlog_of(bench, 2 * total)
    rounds = await bench.in_turn(partial(_twice, bench, kafka, total))
    return Measured(ratio(rounds, "twice", "once"), rounds)


LINES = (Line("linear", "accounts consumer, seconds: 2 M events / 1 M events", at_most(2.1), _linear),)
