"""Wrongs about merged customers that the model must notice."""

from collections.abc import Callable
from typing import Any

from tests.chaos.situations import first

Json = dict[str, Any]


def _merge(observed: Json) -> Json:
    return first(observed["merges"], "nobody was merged")


def _lost_merge(observed: Json) -> None:
    observed["merges"].remove(_merge(observed))


def _asked_by_nobody(observed: Json) -> None:
    _merge(observed)["reason"] = "no call"


def _lost_ticket(observed: Json) -> None:
    next(iter(observed["customers"].values()))["united"]["tickets"].pop()


MERGES: dict[str, Callable[[Json], None]] = {
    "a merge or a parting is not on record": _lost_merge,
    "a merge was asked for by nobody": _asked_by_nobody,
    "a ticket is not among those of all ids": _lost_ticket,
}
