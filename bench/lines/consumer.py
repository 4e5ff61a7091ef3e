"""The accounts consumer, Kafka to committed ledger: against a loop by hand, and hot customers against cold ones."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg

from bench import backlog
from bench.environment import Bench
from bench.figures import Line, Measured, Round, at_least, ratio
from bench.processes import running
from bench.progress import events_written, offsets_moved, rate
from shared.contracts import TicketsPurchased
from shared.messaging import KafkaSettings

EVENTS = 120_000
HOT_ACCOUNTS = 10
# What the first purchase of a customer publishes: customer changed, credited, debited.
EVENTS_EACH = 3


async def drained(
    bench: Bench, kafka: KafkaSettings, *, name: str, side: str, total: int, written: bool = False, **told: object
) -> Round:
    """Events a second that a side drains from the topic `tickets` into an empty database.

    Progress is read off the committed offsets; off the outbox with `written`, for a side that stores no offsets.
    """
    async with bench.accounts_database() as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            async with running(
                side, dsn=dsn, bootstrap_servers=kafka.bootstrap_servers, topic_prefix=kafka.topic_prefix,
                group=f"{kafka.topic_prefix}{secrets.token_hex(4)}", **told,
            ) as process:  # fmt: skip
                done = events_written(connection, each=EVENTS_EACH) if written else offsets_moved(connection)
                return {name: await rate(done, total=total, process=process)}
        finally:
            await connection.close()


async def backlog_of(bench: Bench, total: int, *, customers: int | None = None) -> KafkaSettings:
    """New topics with `total` purchases on `tickets`."""
    kafka = await bench.topics()
    await backlog.publish(kafka, TicketsPurchased, total, customers=customers)
    return kafka


async def _against_bare(bench: Bench) -> Measured:
    total = bench.amount(EVENTS)
    kafka = await backlog_of(bench, total)
    side: Callable[..., Callable[[], Awaitable[Round]]] = partial(partial, drained, bench, kafka, total=total)
    rounds = await bench.in_turn(side(name="ours", side="consumer"), side(name="bare", side="bare_consumer"))
    return Measured(ratio(rounds, "ours", "bare"), rounds)


async def _hot_against_cold(bench: Bench) -> Measured:
    total = bench.amount(EVENTS)
    cold = await backlog_of(bench, total)
    hot = await backlog_of(bench, total, customers=HOT_ACCOUNTS)
    rounds = await bench.in_turn(
        partial(drained, bench, hot, name="hot", side="consumer", total=total),
        partial(drained, bench, cold, name="cold", side="consumer", total=total),
    )
    return Measured(ratio(rounds, "hot", "cold"), rounds)


async def _chained_against_unchained(bench: Bench) -> Measured:
    total = bench.amount(EVENTS)
    kafka = await backlog_of(bench, total)
    rounds = await bench.in_turn(
        partial(drained, bench, kafka, name="on", side="consumer", total=total),
        partial(drained, bench, kafka, name="off", side="consumer", total=total, chain=False),
    )
    return Measured(ratio(rounds, "on", "off"), rounds)


LINES = (
    Line(
        "consumer",
        "accounts consumer, Kafka to committed ledger, events/s: ours / bare loop",
        at_least(0.6),
        _against_bare,
    ),
    Line("hot", "accounts consumer, events/s: ten hot accounts / cold accounts", at_least(0.9), _hot_against_cold),
    Line(
        "hash-chain",
        "accounts consumer, events/s: with the ledger's hash chain / without",
        at_least(0.95),
        _chained_against_unchained,
    ),
)
