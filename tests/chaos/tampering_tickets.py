"""Wrongs about tickets in limbo and prizes that the model must notice."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from tests.chaos.situations import NeverHappenedError, first

Json = dict[str, Any]


def _entries(observed: Json, event: str) -> Iterator[tuple[Json, Json]]:
    """The entries of timelines about an event, each with what was seen of its customer."""
    for seen in observed["customers"].values():
        for timeline in seen["timelines"].values():
            yield from ((seen, entry) for entry in timeline if entry["event"] == event)


def _resolved_with(event: str, name: str, value: str) -> Callable[[Json], None]:
    def tamper(observed: Json) -> None:
        people = (entry for _, entry in _entries(observed, event) if entry["actor"] != "recourse/tickets")
        first(people, f"no agent's decision led to {event}")[name] = value

    return tamper


def _refused_again(observed: Json) -> tuple[list[Json], int]:
    """The lines of a customer, and where among them a payment was refused that had been asked for again."""
    for seen, entry in _entries(observed, "retried"):
        for position, line in enumerate(seen["transactions"]):
            if (line["cause_id"], line["kind"], line["status"]) == (entry["cause"], "purchase", "refused"):
                return seen["transactions"], position
    raise NeverHappenedError("no payment was refused again")


def _retry_ignored(observed: Json) -> None:
    lines, position = _refused_again(observed)
    del lines[position]
    _number_anew(lines)


def _retry_decided_twice(observed: Json) -> None:
    lines, position = _refused_again(observed)
    lines.insert(position, copy.deepcopy(lines[position]))
    _number_anew(lines)


def _won(observed: Json) -> list[Json]:
    """The timeline of a paid ticket that ends with a prize."""
    for seen in observed["customers"].values():
        for timeline in seen["timelines"].values():
            if (timeline[-1]["event"], timeline[-1]["status"]) == ("prize_paid", "paid"):
                found: list[Json] = timeline
                return found
    raise NeverHappenedError("no paid ticket has a prize")


def _lost_prize(observed: Json) -> None:
    _won(observed).pop()


def _prize_twice(observed: Json) -> None:
    timeline = _won(observed)
    timeline.append(timeline[-1] | {"sequence": len(timeline) + 1})


def _number_anew(lines: list[Json]) -> None:
    for number, line in enumerate(lines, 1):
        line["seq"] = number


TICKETS: dict[str, Callable[[Json], None]] = {
    "an agent's decision was asked for by nobody": _resolved_with("resolved_paid", "reason", "no call"),
    "an agent's decision is another's": _resolved_with("resolved_cancelled", "actor", "somebody"),
    "a payment asked for again was not decided on": _retry_ignored,
    "a payment asked for again was decided on twice": _retry_decided_twice,
    "a prize was lost": _lost_prize,
    "a prize was noted twice": _prize_twice,
}
