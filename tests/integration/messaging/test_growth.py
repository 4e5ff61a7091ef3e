"""What is done to a few dead letters, or events taken in, reads no others of the many that there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from shared.db import Connection
from shared.messaging.deferred import open_key
from shared.messaging.erasure import erase_settled_letters
from shared.messaging.progress import release_events
from tests.support.messaging import Probe
from tests.support.reads import rows_read

_LETTERS = """
    insert into dead_letters (id, consumer, topic, partition, record_offset, ordering_key, code, detail, fingerprint,
                              headers, value, state)
    select lpad(n::text, 32, '0')::uuid, 'probe', 'orders', 0, n, 'c' || n, 'handler_failed', '', 'f', '[]', 'x',
           case n % 2 when 0 then 'dead' else 'discarded' end
    from generate_series(1, 20000) n"""
_KEYS = """
    insert into parked_keys (consumer, ordering_key, dead_letter_id)
    select consumer, ordering_key, id from dead_letters where state = 'dead'"""


@asynccontextmanager
async def _among_many_letters(probe: Probe) -> AsyncIterator[Connection]:
    async with probe.unit_of_work.begin() as transaction:
        for statement in (_LETTERS, _KEYS, "analyze dead_letters, parked_keys"):
            await transaction.connection.execute(statement)
    async with probe.unit_of_work.begin() as transaction:
        before = await rows_read(transaction.connection, "dead_letters", "parked_keys")
        yield transaction.connection
        assert await rows_read(transaction.connection, "dead_letters", "parked_keys") - before < 100


async def test_what_is_parked_behind_a_letter_is_found_among_many(probe: Probe) -> None:
    async with _among_many_letters(probe) as connection:
        assert await open_key(connection, consumer="probe", dead_letter_id=UUID(int=0x18000)) == "c18000"


async def test_the_letters_of_an_erased_customer_are_found_among_many(probe: Probe) -> None:
    async with _among_many_letters(probe) as connection:
        await erase_settled_letters(connection, ["c17999"])
    assert await probe.fetch("select ordering_key from dead_letters where value is null") == [("c17999",)]


async def test_events_are_released_by_their_keys_whatever_the_statistics_say(probe: Probe) -> None:
    async with probe.unit_of_work.begin() as transaction:
        for consumer in ("another", "probe"):
            await transaction.connection.execute(
                """insert into inbox (consumer, source, event_id)
                   select $1, 's', n::text from generate_series(1, 20000) n""",
                consumer,
            )
            if consumer == "another":
                await transaction.connection.execute("analyze inbox")
    events: list[Any] = [SimpleNamespace(source="s", id=str(n)) for n in range(100, 120)]
    async with probe.unit_of_work.begin() as transaction:
        before = await rows_read(transaction.connection, "inbox")
        await release_events(transaction.connection, consumer="probe", events=events)
        assert await rows_read(transaction.connection, "inbox") - before < 100
    assert await probe.count("inbox") == 40000 - 20
