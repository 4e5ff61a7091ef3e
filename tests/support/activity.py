"""Events of the topic `activity`, each made of its example."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from shared.contracts import Event

E = TypeVar("E", bound=Event)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def told(contract: type[E], customer_id: str, minutes: float = 0, *, moment: str = "occurred_at", **changes: Any) -> E:
    """An event of a customer, so many minutes after noon by its field `moment`."""
    place = {"customer_id": customer_id, moment: at(minutes).isoformat()}
    return contract.model_validate_json(json.dumps(contract.example | place | changes, default=str))
