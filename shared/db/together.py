"""Several statements that write, sent to the database as one: a round trip costs more than most of them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from shared.db.arrays import typed_array
from shared.db.database import Connection

_PARAMETER = re.compile(r"\$(\d+)(?:::(\w+)\[\])?")


@dataclass(frozen=True, slots=True)
class Statement:
    """An insert, update or delete without `with` and `returning`, whose parameters are `$1` and on.

    Parameters that are arrays are written with their type, as in `$1::bigint[]`, wherever they are used.
    `check` gets the number of rows that it wrote, and raises when that must not be.
    """

    sql: str
    arguments: Sequence[Any]
    check: Callable[[int], None] | None = None


async def execute_together(connection: Connection, statements: Sequence[Statement]) -> None:
    """Run the statements as one, in no particular order; none of them sees what the others write.

    Raises:
        Exception: what a `check` raises; nothing may be committed then.
    """
    if not statements:
        return
    sql, kinds = _joined(tuple([statement.sql for statement in statements]))
    values = [value for statement in statements for value in statement.arguments]
    arguments = [value if kind is None else typed_array(kind, value) for kind, value in zip(kinds, values, strict=True)]
    row = await connection.fetchrow(sql, *arguments)
    for statement, written in zip(statements, row or (), strict=True):
        if statement.check is not None:
            statement.check(written)


@lru_cache(maxsize=256)
def _joined(parts: tuple[str, ...]) -> tuple[str, tuple[str | None, ...]]:
    """One statement of all parts, which returns how many rows each wrote, and the types of those that are arrays."""
    kinds: list[str | None] = []
    named = []
    for number, sql in enumerate(parts):
        before = len(kinds)
        found = {int(match[1]): match[2] for match in _PARAMETER.finditer(sql)}
        kinds += [found.get(position) for position in range(1, max(found, default=0) + 1)]
        named.append(f"part_{number} as ({_PARAMETER.sub(partial(_moved, by=before), sql)} returning 1)")
    counts = [f"(select count(*) from part_{number})" for number in range(len(parts))]  # noqa: S608 - no input in it
    return f"with {', '.join(named)} select {', '.join(counts)}", tuple(kinds)


def _moved(parameter: re.Match[str], by: int) -> str:
    kind = f"::text::{parameter[2]}[]" if parameter[2] else ""
    return f"${int(parameter[1]) + by}{kind}"
