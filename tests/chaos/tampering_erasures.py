"""Wrongs about erased customers that the model must notice."""

from collections.abc import Callable
from typing import Any

from tests.chaos.situations import first

Json = dict[str, Any]


def _erased(observed: Json, what: str) -> Json:
    """What was seen of an erased customer that has some of it."""
    erased = (seen for seen in observed["customers"].values() if seen["profile"]["erased_at"] is not None)
    return first((seen for seen in erased if seen[what]), f"no erased customer has any {what}")


def _still_there(observed: Json) -> None:
    _erased(observed, "profile")["profile"]["erased_at"] = None


def _details_left(observed: Json) -> None:
    _erased(observed, "profile")["profile"]["email"] = "mail@example.com"


def _address_left(observed: Json) -> None:
    _erased(observed, "correspondence")["correspondence"][0]["recipient_address"] = "mail@example.com"


ERASURES: dict[str, Callable[[Json], None]] = {
    "an erasure was lost": _still_there,
    "an erased customer has an address": _details_left,
    "a mail of an erased customer has its address": _address_left,
}
