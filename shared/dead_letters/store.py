"""What operators did: a table that only grows, written in the transaction of what was done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.db import Connection
from shared.ids import uuid7

_COLUMNS = "id, at, actor, role, action, object, before, after, reason, request_id"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts, and in which request."""

    actor: str
    role: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Action:
    """One action on one object; `before` and `after` are what it changed."""

    id: UUID
    at: datetime
    actor: str
    role: str
    action: str
    object: str
    before: dict[str, Any]
    after: dict[str, Any]
    reason: str
    request_id: str


async def add_action(
    connection: Connection,
    operator: Operator,
    *,
    action: str,
    object_id: str,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str,
) -> None:
    """Write an action down, now."""
    await connection.execute(
        """insert into operator_actions (id, actor, role, action, object, before, after, reason, request_id)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        uuid7(), operator.actor, operator.role, action, object_id, before, after, reason, operator.request_id,
    )  # fmt: skip


async def list_actions(
    connection: Connection, *, object_id: str | None, before: tuple[datetime, UUID] | None, limit: int
) -> list[Action]:
    """Actions, the newest first; `before` is the (at, id) to go on from."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from operator_actions
            where ($1::text is null or object = $1) and ($2::timestamptz is null or (at, id) < ($2, $3::uuid))
            order by at desc, id desc limit $4""",  # noqa: S608 - a constant list of columns
        object_id, *(before or (None, None)), limit,
    )  # fmt: skip
    return [Action(*row) for row in rows]
