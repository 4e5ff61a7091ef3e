"""Events that the timeline is made of, each made of its example, and what the timeline shows."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from shared.contracts import Event
from tests.support.accounts import Accounts

E = TypeVar("E", bound=Event)

URL = "/v1/customers/c1"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def told(contract: type[E], customer_id: str, minutes: float = 0, *, moment: str = "occurred_at", **changes: Any) -> E:
    """An event of a customer, so many minutes after noon by its field `moment`."""
    place = {"customer_id": customer_id, moment: at(minutes).isoformat()}
    return contract.model_validate_json(json.dumps(contract.example | place | changes, default=str))


async def pages(accounts: Accounts, path: str, query: str = "", *, limit: int = 100) -> list[Any]:
    """All items of a list about c1, page by page."""
    return await accounts.items(f"{URL}/{path}", query, limit=limit)


async def kinds(accounts: Accounts, query: str = "") -> list[str]:
    """The kinds of what the timeline of c1 shows, newest first."""
    return [item["kind"] for item in await pages(accounts, "activities", query)]
