"""Whatever is changed in the ledger behind the service is found, and nothing else."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.accounts.app import SERVICE
from services.accounts.evidence.jobs import Sealer
from services.accounts.evidence.verification import Finding, verify, verify_database
from services.accounts.ledger import chain
from services.accounts.ledger.entries import Entry
from shared.db import MigrationSource, migrate
from shared.web import Role
from tests.integration.accounts.test_withdrawals import withdraw
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase, running_accounts, token
from tests.support.stack import Infra

CUSTOMERS = [f"c{number}" for number in range(6)]
KEY = b"only the service knows it"


def sealer(accounts: Accounts) -> Sealer:
    return Sealer(accounts.unit_of_work, interval=timedelta(seconds=1), key=KEY, lag=timedelta())


async def seal_all(accounts: Accounts) -> None:
    while await sealer(accounts).seal():
        pass


async def fill(accounts: Accounts, part: str) -> None:
    """Some lines of every sort for each customer."""
    for customer in CUSTOMERS:
        order = f"{part}-{customer}"
        await accounts.apply(
            purchase(customer, order), cancellation(customer, order, 1), cancellation(customer, order, 2),
            failed_purchase(customer, f"{order}-f"), purchase(customer, f"{order}-b", 100, "balance"),
        )  # fmt: skip


@pytest.fixture
async def filled(infra: Infra, tmp_path: Path) -> AsyncIterator[Accounts]:
    """Sealed once, grown, sealed again, and grown a little more."""
    async with running_accounts(infra, tmp_path) as accounts:
        await fill(accounts, "first")
        await seal_all(accounts)
        await fill(accounts, "second")
        await withdraw(accounts, "c1", "k1")
        await seal_all(accounts)
        await accounts.apply(purchase("c2", "last"))
        yield accounts


async def findings(accounts: Accounts, *tampering: tuple[str, tuple[Any, ...]]) -> list[Finding]:
    """What verifying finds after these statements, which are then undone."""
    connection = await asyncpg.connect(accounts.url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        for sql, values in tampering:
            assert await connection.execute(sql, *values) not in {"UPDATE 0", "DELETE 0", "INSERT 0 0"}
        found = [finding async for finding in verify(connection, key=KEY)]
        await transaction.rollback()
        return found
    finally:
        await connection.close()


async def test_what_the_service_wrote_is_in_order(filled: Accounts) -> None:
    assert await findings(filled) == []
    seals = await filled.fetch("select seal, customer_ids from ledger_seals order by seal")
    assert [seal["seal"] for seal in seals] == list(range(1, len(seals) + 1))
    assert sorted(seals[0]["customer_ids"]) == CUSTOMERS
    other = [finding async for finding in verify_database(filled.url, key=b"another key")]
    assert len(other) == len(seals)


async def test_nothing_new_makes_no_seal(filled: Accounts) -> None:
    await seal_all(filled)
    count = await filled.fetch("select count(*) from ledger_seals")
    await seal_all(filled)
    assert await filled.fetch("select count(*) from ledger_seals") == count


EDITS: dict[str, str] = {
    "entry_id": "gen_random_uuid()",
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "recorded_at": "recorded_at - interval '1 day'",
    "kind": "case kind when 'adjustment' then 'deposit' else 'adjustment' end",
    "status": "case status when 'booked' then 'refused' else 'booked' end",
    "method": "coalesce(method, '') || 'x'",
    "amount_in": "case when amount_out = 0 then amount_in + 1 else 0 end",
    "amount_out": "case when amount_in = 0 then amount_out + 1 else 0 end",
    "currency": "'EUR'",
    "balance": "balance + 1",
    "cause_kind": "case cause_kind when 'order' then 'adjustment' else 'order' end",
    "cause_id": "cause_id || 'x'",
    "order_id": "coalesce(order_id, '') || 'x'",
    "ticket_id": "coalesce(ticket_id, '') || 'x'",
    "actor": "coalesce(actor, '') || 'x'",
    "code": "coalesce(code, '') || 'x'",
    "reason": "case when reason is null then '' end",
    "description": "upper(description)",
    "internal_note": "coalesce(internal_note, '') || 'x'",
    "hash": "sha256(hash)",
}
_UNCHANGED = {"amount_in": "amount_out = 0", "amount_out": "amount_in = 0"}


@pytest.mark.parametrize("column", EDITS)
async def test_an_edit_of_any_column_is_found_where_it_is(filled: Accounts, column: str) -> None:
    lines = await filled.fetch(
        f"""select customer_id, seq from ledger_entries where {_UNCHANGED.get(column, "true")}
            order by customer_id, seq"""  # noqa: S608 - constants
    )
    for line in random.Random(column).sample(lines, 4):
        edit = f"update ledger_entries set {column} = {EDITS[column]} where customer_id = $1 and seq = $2"  # noqa: S608
        found = await findings(filled, (edit, (line["customer_id"], line["seq"])))
        assert {finding.customer_id for finding in found} == {line["customer_id"]}
        assert found[0].seq == line["seq"]


TRUNCATE = "delete from ledger_entries where customer_id = $1 and seq > $2"
# What somebody would do who knows how the account agrees with its last line.
AGREE = """update accounts a set last_seq = e.seq, balance = e.balance, head = e.hash
           from ledger_entries e where a.customer_id = $1 and e.customer_id = $1 and e.seq = $2"""
FORGE_AT = """insert into ledger_entries (customer_id, seq, entry_id, occurred_at, recorded_at, kind, status, amount_in,
                  amount_out, currency, balance, cause_kind, cause_id, description, hash)
              values ($1, $2::bigint, gen_random_uuid(), now(), now(), 'deposit', 'booked', 100000, 0, 'AUD', 100000,
                      'adjustment', 'forged', 'x', sha256('x'))"""
SHIFT = "update ledger_entries set seq = seq + $3 where customer_id = $1 and seq > $2"


def _deletion(customer: str, seq: int, _: int) -> list[tuple[str, tuple[Any, ...]]]:
    return [("delete from ledger_entries where customer_id = $1 and seq = $2", (customer, seq))]


def _gapless_deletion(customer: str, seq: int, last: int) -> list[tuple[str, tuple[Any, ...]]]:
    moved = [(SHIFT, (customer, seq, 1000)), (SHIFT, (customer, 1000, -1001))] if seq < last else []
    return [*_deletion(customer, seq, last), *moved]


def _insertion(customer: str, seq: int, _: int) -> list[tuple[str, tuple[Any, ...]]]:
    return [(SHIFT, (customer, seq - 1, 1000)), (SHIFT, (customer, 1000, -999)), (FORGE_AT, (customer, seq))]


def _addition(customer: str, _: int, last: int) -> list[tuple[str, tuple[Any, ...]]]:
    return [(FORGE_AT, (customer, last + 1)), (AGREE, (customer, last + 1))]


def _swap(customer: str, seq: int, last: int) -> list[tuple[str, tuple[Any, ...]]]:
    other, move = (seq % last) + 1, "update ledger_entries set seq = $3 where customer_id = $1 and seq = $2"
    return [(move, (customer, seq, 5000)), (move, (customer, other, seq)), (move, (customer, 5000, other))]


def _truncation(customer: str, seq: int, last: int) -> list[tuple[str, tuple[Any, ...]]]:
    kept = min(seq, last - 1)
    return [(TRUNCATE, (customer, kept)), (AGREE, (customer, kept))]


def _disappearance(customer: str, _: int, __: int) -> list[tuple[str, tuple[Any, ...]]]:
    return [(TRUNCATE, (customer, 0)), ("delete from accounts where customer_id = $1", (customer,))]


def _other_owner(customer: str, seq: int, _: int) -> list[tuple[str, tuple[Any, ...]]]:
    return [("update ledger_entries set customer_id = 'c99' where customer_id = $1 and seq = $2", (customer, seq))]


@pytest.mark.parametrize(
    "tamper",
    [_deletion, _gapless_deletion, _insertion, _addition, _swap, _truncation, _disappearance, _other_owner],
)
async def test_every_other_tampering_is_found(
    filled: Accounts, tamper: Callable[[str, int, int], list[tuple[str, tuple[Any, ...]]]]
) -> None:
    dice = random.Random(tamper.__name__)
    # What is not sealed yet is only guarded by the account's own row.
    for customer in [name for name in CUSTOMERS if name != "c2"]:
        last = len(await filled.entries(customer))
        found = await findings(filled, *tamper(customer, dice.randint(1, last), last))
        assert customer in {finding.customer_id for finding in found}
        assert all(finding.seq is not None for finding in found)


async def test_lines_whose_hashes_were_made_anew_are_not_the_sealed_ones(filled: Accounts) -> None:
    """Somebody who knows the code changes a line and makes every hash after it fit."""
    lines = [Entry(*(row[name] for name in Entry._fields)) for row in await filled.entries("c3")]
    lines[2] = lines[2]._replace(description="Nothing to see here")
    tampering: list[tuple[str, tuple[Any, ...]]] = []
    head = chain.NOTHING
    for line in lines:
        head = chain.hash_of(head, line)
        rewrite = "update ledger_entries set description = $3, hash = $4 where customer_id = $1 and seq = $2"
        tampering.append((rewrite, (line.customer_id, line.seq, line.description, head)))
    found = await findings(filled, *tampering, (AGREE, ("c3", len(lines))))
    assert {finding.customer_id for finding in found} == {"c3"}


@pytest.mark.parametrize(
    "sql",
    [
        "update ledger_seals set root = sha256(root) where seal = 1",
        "update ledger_seals set hash = sha256(hash) where seal = 1",
        "update ledger_seals set seqs[1] = seqs[1] - 1 where seal = 1",
        "update ledger_seals set sealed_at = sealed_at - interval '1 hour' where seal = 2",
        "delete from ledger_seals where seal = 1",
        "update accounts set balance = balance + 1 where customer_id = 'c1'",
        "update accounts set head = '' where customer_id = 'c1'",
        "update accounts set last_seq = last_seq - 1 where customer_id = 'c1'",
        "update accounts set held = held + 1 where customer_id = 'c1'",
        "update accounts set currency = 'EUR' where customer_id = 'c1'",
        "update accounts set deposits = deposits + 1 where customer_id = 'c1'",
        "update accounts set reversal_count = reversal_count - 1 where customer_id = 'c1'",
        "update ledger_entries set recorded_at = '10000-01-01' where customer_id = 'c1' and seq = 2",
        "update ledger_entries set occurred_at = '0044-03-15 BC' where customer_id = 'c1' and seq = 2",
        "update ledger_entries set recorded_at = 'infinity' where customer_id = 'c1' and seq = 2",
        "update ledger_seals set sealed_at = '-infinity' where seal = 1",
    ],
)
async def test_seals_and_accounts_are_guarded_too(filled: Accounts, sql: str) -> None:
    assert await findings(filled, (sql, ()))


@pytest.mark.parametrize(
    "sql",
    [
        "update held_withdrawals set amount = amount - 1 where state = 'pending'",
        "update held_withdrawals set requested_by = 'eve' where state = 'pending'",
        "update held_withdrawals set state = 'rejected' where state = 'pending'",
        "update held_withdrawals set state = 'pending' where state = 'approved'",
        "update held_withdrawals set state = 'rejected' where state = 'approved'",
        "update held_withdrawals set settled_seq = settled_seq - 1 where state = 'approved'",
        "delete from held_withdrawals where state = 'pending'",
    ],
)
async def test_held_withdrawals_are_guarded_too(infra: Infra, tmp_path: Path, sql: str) -> None:
    async with running_accounts(infra, tmp_path, withdrawal_approval_threshold=100) as accounts:
        for customer in ("c1", "c2", "c3"):
            await accounts.apply(purchase(customer, f"o-{customer}"), cancellation(customer, f"o-{customer}", 1))
            pending = await withdraw(accounts, customer, customer, amount=101)
            path = f"/v1/customers/{customer}/withdrawals/{pending['withdrawal_id']}"
            if customer != "c3":
                verdict = "approval" if customer == "c1" else "rejection"
                headers = {"Authorization": f"Bearer {token(Role.SUPERVISOR, 'boss')}", "Idempotency-Key": customer}
                url = f"{path}/{verdict}"
                async with accounts.client.post(url, json={"reason": "Seen"}, headers=headers) as answer:
                    assert answer.status == 200
        assert await findings(accounts) == []
        assert await findings(accounts, (sql, ()))


async def test_seals_that_were_noted_elsewhere_must_still_be_there(filled: Accounts) -> None:
    *_, last = await filled.fetch("select seal, hash from ledger_seals order by seal")
    noted = {last["seal"]: last["hash"]}
    assert [finding async for finding in verify_database(filled.url, key=KEY, noted=noted)] == []
    for wrong in ({last["seal"]: b"x" * 32}, {last["seal"] + 1: last["hash"]}):
        assert len([finding async for finding in verify_database(filled.url, key=KEY, noted=wrong)]) == 1


async def test_lines_from_before_the_chain_are_chained_by_the_migration(infra: Infra, tmp_path: Path) -> None:
    """Whatever a text holds, PostgreSQL and this code hash the same bytes."""
    early = tmp_path / "early"
    early.mkdir()
    sources = SERVICE.migration_sources()
    for path in sources[-1].files()[:2]:
        (early / path.name).write_text(path.read_text())
    url = await infra.create_database("early")
    await migrate(url, [*sources[:-1], MigrationSource(sources[-1].name, early)])
    connection = await asyncpg.connect(url)
    texts = ['"quoted" \\ and / \b\f\n\r\t \x01\x1f\x7f', "ěščř € 😀 \u2028", "", "{}[]<>&'"]
    for customer in ("a", "B", "č"):
        await connection.execute("insert into accounts (customer_id, last_seq) values ($1, 4)", customer)
        for number, text in enumerate(texts, start=1):
            await connection.execute(
                """insert into ledger_entries (customer_id, seq, entry_id, occurred_at, recorded_at, kind, status,
                       amount_in, amount_out, currency, balance, cause_kind, cause_id, reason, description)
                   values ($1, $2, gen_random_uuid(), '1999-12-31 23:59:59.000001+02', now(), 'deposit', 'failed', 1, 0,
                           'AUD', 0, 'order', $3, $4, $4)""",
                customer, number, f"o{number}", text,
            )  # fmt: skip
    await connection.close()
    await migrate(url, sources)
    assert [finding async for finding in verify_database(url)] == []


async def test_the_command_says_what_was_changed_and_ends_with_status_1(filled: Accounts) -> None:
    async def run() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.cli.main", "ledger", "verify",
            env={**os.environ, "RECOURSE_DATABASE_URL": filled.url, "RECOURSE_LEDGER_SEAL_KEY": KEY.decode()},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    assert await run() == (0, "")
    async with filled.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            "update ledger_entries set amount_in = amount_in + 1 where customer_id = 'c4' and seq = 3"
        )
    status, output = await run()
    assert status == 1
    assert "customer c4, line 3: the line was changed" in output
