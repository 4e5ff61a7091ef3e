"""Taking the indexes of tables away while they are filled, and building them again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

# Each build sorts in memory: two at a time leave enough for everything else on the machine.
_AT_A_TIME = 2
_SESSION = {"maintenance_work_mem": "512MB", "max_parallel_maintenance_workers": "1"}

_INDEXES = """
    select i.indexrelid::regclass::text as index, i.indrelid::regclass::text as on_table, c.conname as constraint,
           pg_get_indexdef(i.indexrelid) as definition, pg_get_constraintdef(c.oid) as constraint_definition
    from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u')
    where i.indrelid = any($1::regclass[])
    order by i.indrelid, i.indexrelid"""


async def drop_indexes(url: str, tables: Sequence[str]) -> list[str]:
    """Drop all indexes of the tables; the statements that build them again."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            indexes = await connection.fetch(_INDEXES, list(tables))
            for each in indexes:
                if each["constraint"]:
                    await connection.execute(f'alter table {each["on_table"]} drop constraint "{each["constraint"]}"')
                else:
                    await connection.execute(f"drop index {each['index']}")
    finally:
        await connection.close()
    return [
        f'alter table {each["on_table"]} add constraint "{each["constraint"]}" {each["constraint_definition"]}'
        if each["constraint"]
        else str(each["definition"])
        for each in indexes
    ]


async def restore_indexes(url: str, statements: Sequence[str]) -> None:
    """Build them."""
    # Adding a constraint locks its table against other builds: those come first, one after the other.
    constraints = [each for each in statements if each.startswith("alter table")]
    await _run_all(url, constraints, at_a_time=1)
    await _run_all(url, [each for each in statements if each not in constraints], at_a_time=_AT_A_TIME)


async def _run_all(url: str, statements: Sequence[str], *, at_a_time: int) -> None:
    pool = await asyncpg.create_pool(url, min_size=0, max_size=at_a_time, server_settings=_SESSION)
    try:
        await asyncio.gather(*(pool.execute(statement, timeout=1200) for statement in statements))
    finally:
        await pool.close()
