"""All lines of the table, in its order. A new module of `bench/lines` is added here."""

from bench.figures import Line
from bench.lines import (
    consumer,
    draw_cancel,
    faststream,
    histories,
    latency,
    linear,
    memory,
    pages,
    relay,
    search,
    withdrawals,
)

LINES: tuple[Line, ...] = (
    *consumer.LINES,
    *faststream.LINES,
    *relay.LINES,
    *latency.LINES,
    *withdrawals.LINES,
    *pages.LINES,
    *histories.LINES,
    *draw_cancel.LINES,
    *search.LINES,
    *memory.LINES,
    *linear.LINES,
)


class UnknownLineError(Exception):
    """There is no line of that id."""


def chosen(only: str | None) -> list[Line]:
    """The lines with the ids in `only`, separated by commas; all without it. Raises UnknownLineError."""
    if not only:
        return list(LINES)
    by_id = {line.id: line for line in LINES}
    ids = [part.strip() for part in only.split(",") if part.strip()]
    if unknown := [each for each in ids if each not in by_id]:
        raise UnknownLineError(f"no line is called {', '.join(unknown)}; there are {', '.join(by_id)}")
    return [by_id[each] for each in ids]
