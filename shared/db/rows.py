"""Inserting rows: few of them in one statement, many by COPY."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from shared.db.database import Connection

# COPY takes a round trip more, but asyncpg looks several times at each element of an array that is a parameter.
_MANY = 50


async def insert_rows(
    connection: Connection, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows in their order. `columns` has the type of each column, none of them an array or jsonb.

    Table and columns are constants of the caller, never anybody's input.
    """
    if len(rows) >= _MANY:
        await connection.copy_records_to_table(table, records=rows, columns=list(columns))
    elif rows:
        await connection.execute(_statement(table, tuple(columns.items())), *zip(*rows, strict=True))


@cache
def _statement(table: str, columns: tuple[tuple[str, str], ...]) -> str:
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, start=1))
    return (
        f"insert into {table} ({names}) select {names} "  # noqa: S608 - constants of the caller
        f"from unnest({arrays}) with ordinality as given ({names}, position) order by position"
    )
