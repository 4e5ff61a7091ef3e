"""The accounts consumer against FastStream with one transaction a message, by its defaults and at its best."""

from __future__ import annotations

from functools import partial

from bench.environment import Bench
from bench.figures import Line, Measured, at_least, ratio
from bench.lines.consumer import EVENTS, backlog_of, drained
from shared.messaging import KafkaSettings

# Fewer for FastStream, or a round would take minutes; a rate does not depend on it.
FEWER = 15
WORKERS = (8, 16, 32)


async def _rival(bench: Bench, kafka: KafkaSettings, name: str, total: int, workers: int | None) -> dict[str, float]:
    return await drained(
        bench, kafka, name=name, side="faststream_consumer", total=total, written=True, workers=workers
    )


async def _against_defaults(bench: Bench) -> Measured:
    total = bench.amount(EVENTS)
    many, few = await backlog_of(bench, total), await backlog_of(bench, total // FEWER)
    rounds = await bench.in_turn(
        partial(drained, bench, many, name="ours", side="consumer", total=total),
        partial(_rival, bench, few, "faststream", total // FEWER, None),
    )
    return Measured(ratio(rounds, "ours", "faststream"), rounds)


async def _against_best(bench: Bench) -> Measured:
    """Each round tries all worker settings; the best median of them is the rival's figure."""
    total = bench.amount(EVENTS)
    many, few = await backlog_of(bench, total), await backlog_of(bench, total // FEWER)
    rounds = await bench.in_turn(
        partial(drained, bench, many, name="ours", side="consumer", total=total),
        *(partial(_rival, bench, few, f"workers-{count}", total // FEWER, count) for count in WORKERS),
    )
    return Measured(min(ratio(rounds, "ours", f"workers-{count}") for count in WORKERS), rounds)


LINES = (
    Line(
        "faststream-default",
        "accounts consumer, events/s: ours / FastStream as it comes",
        at_least(25),
        _against_defaults,
    ),
    Line(
        "faststream-best",
        "accounts consumer, events/s: ours / FastStream with its best number of workers",
        at_least(10),
        _against_best,
    ),
)
