"""What is done again and again, and what is shown page by page, reads no more the longer the history is."""

from datetime import timedelta
from uuid import UUID

from services.accounts.evidence.store import heads_booked
from services.accounts.notes.store import notes
from services.accounts.reconciliation.jobs import Reconciliation
from tests.support.accounts import Accounts, purchase
from tests.support.reads import rows_read


async def test_sealing_reads_what_was_booked_just_now(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """insert into ledger_entries
               select (jsonb_populate_record(e, jsonb_build_object(
                   'seq', n, 'entry_id', gen_random_uuid(), 'cause_id', n,
                   'recorded_at', now() - n * interval '1 s'))).*
               from ledger_entries e, generate_series(1000, 20000) n where e.seq = 1"""
        )
        await transaction.connection.execute("analyze ledger_entries")
    async with accounts.unit_of_work.begin() as transaction:
        connection = transaction.connection
        now = await connection.fetchval("select now()")
        before = await rows_read(connection, "ledger_entries")
        heads = await heads_booked(connection, now - timedelta(minutes=10), now)
        assert heads.customer_ids == ["c1"]
        assert await rows_read(connection, "ledger_entries") - before < 100


async def test_a_page_of_notes_reads_that_page_alone(accounts: Accounts) -> None:
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """insert into notes (customer_id, note_id, author, kind, text, version, created_at, changed_at)
               select 'c' || n % 2, lpad(to_hex(n), 32, '0')::uuid, 'ada', 'query', 'text', 1, now(), now()
               from generate_series(1, 20000) n"""
        )
        await transaction.connection.execute("analyze notes")
    async with accounts.unit_of_work.begin() as transaction:
        connection = transaction.connection
        start = await rows_read(connection, "notes")
        before = None
        for page in range(8):
            found = await notes(connection, ["c0", "c1"], kinds=["query"], author="ada", before=before, limit=25)
            before = UUID(int=20000 - 25 * (page + 1) + 1)
            assert found[-1].note_id == before
        assert await rows_read(connection, "notes") - start < 1_000


_OTHER_SIDES_WORD = """
    with cancelled as (
        insert into cancelled_tickets
        select id, 'x', 'x', 'x', 5, 'AUD', now(), '-infinity' from unnest($1::text[]) id)
    insert into ledger_entries (customer_id, seq, entry_id, occurred_at, recorded_at, kind, status, amount_in,
                                amount_out, currency, balance, cause_kind, cause_id, order_id, ticket_id,
                                description, hash)
    select id, 1, gen_random_uuid(), now(), '-infinity', 'reversal', 'booked', 5, 0, 'AUD', 5, 'cancellation', 'x',
           'x', 'x', '', '' from unnest($1::text[]) id"""


async def test_of_many_open_differences_some_are_looked_at_each_time(accounts: Accounts) -> None:
    """All of them in turn, again and again: the other side's word may come at any time."""
    keys = ["c1", "c2", "c3", "c4", "c5"]
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """insert into reconciliation_differences (customer_id, cancellation_id, ticket_id, order_id)
               select id, 'x', 'x', 'x' from unnest($1::text[]) id""",
            keys,
        )
    reconciliation = Reconciliation(accounts.unit_of_work, grace=timedelta(), at_a_time=2)
    await reconciliation.compare()
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute(_OTHER_SIDES_WORD, keys)
    found = []
    for _ in range(4):
        await reconciliation.compare()
        rows = await accounts.fetch("select customer_id from reconciliation_differences where resolved_at is not null")
        found.append(len(rows))
    assert found == [2, 3, 5, 5]
