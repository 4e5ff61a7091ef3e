"""Rows that no statement may write: what a job meets that nobody foresaw."""

from collections.abc import Sequence

from shared.messaging import UnitOfWork


async def poison(unit_of_work: UnitOfWork, table: str, column: str, values: Sequence[str]) -> None:
    """Make each write fail that touches a row of the table with one of these values, and not in a way that passes."""
    listed = ", ".join(f"'{value}'" for value in values)
    async with unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            f"""create or replace function poisoned() returns trigger language plpgsql as
                $$ begin raise exception 'poisoned row'; end $$;
                create trigger poisoned before insert or update on {table} for each row
                when (new.{column}::text in ({listed})) execute function poisoned();"""
        )


async def heal(unit_of_work: UnitOfWork, table: str) -> None:
    """Let the rows be written again."""
    async with unit_of_work.begin() as transaction:
        await transaction.connection.execute(f"drop trigger poisoned on {table}")
