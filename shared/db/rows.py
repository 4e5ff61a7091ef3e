"""Rows as statements take them: inserted, few in one statement and many by COPY, or as columns for `unnest`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from shared.db.database import Connection
from shared.db.together import Statement, execute_together

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
        await execute_together(connection, [insertion(table, columns, rows)])


def insertion(table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> Statement:
    """The statement that inserts at least one row, in their order. `columns` as for `insert_rows`."""
    return Statement(_statement(table, tuple(columns.items())), list(zip(*rows, strict=True)))


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[Collection[Any]]:
    """Rows of `width` values turned into one column for each; without rows there are as many empty ones."""
    return list(zip(*rows, strict=True)) or [()] * width


@cache
def _statement(table: str, columns: tuple[tuple[str, str], ...]) -> str:
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, start=1))
    return (
        f"insert into {table} ({names}) select {names} "  # noqa: S608 - constants of the caller
        f"from unnest({arrays}) with ordinality as given ({names}, position) order by position"
    )
