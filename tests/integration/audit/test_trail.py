"""The audit trail: what is written down, how it is read, and that nobody can change it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from shared import audit
from shared.audit import Actor, AuditApi, Change
from shared.audit.store import Filters, entries
from shared.db import Database
from shared.messaging import UnitOfWork
from shared.web import operations_of
from tests.support.dead_letters import prepare_with_http
from tests.support.http import ApiClient, serving_operations
from tests.support.reads import rows_read
from tests.support.stack import Infra

ADA = Actor("ada", "supervisor", "req-1")
BOB = Actor("bob", "agent", "req-2")


@dataclass
class Trail:
    """The trail of a database of its own."""

    unit_of_work: UnitOfWork
    api: ApiClient

    async def record(self, *changes: tuple[Actor, Change]) -> None:
        async with self.unit_of_work.begin() as transaction:
            await audit.record_all(transaction.connection, changes)

    async def execute(self, sql: str) -> None:
        async with self.unit_of_work.begin() as transaction:
            await transaction.connection.execute(sql)

    async def items(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.api.get("/v1/audit", **query)
        assert answer.status == 200, answer.body
        return list(answer.body["items"])

    async def actions(self, **query: Any) -> list[str]:
        return [item["action"] for item in await self.items(**query)]


@pytest.fixture
async def trail(infra: Infra, tmp_path: Path) -> AsyncIterator[Trail]:
    async with infra.prepared_database("audit", prepare_with_http) as url:
        database = await Database.connect(url, application="test")
        try:
            async with serving_operations(operations_of(AuditApi(database)), tmp_path) as api:
                yield Trail(UnitOfWork(database), api)
        finally:
            await database.close()


async def test_an_entry_says_who_did_what_when_and_why(trail: Trail) -> None:
    start = datetime.now(UTC)
    await trail.record(
        (
            ADA,
            Change(
                "notes.edit", "note:n:1", customer_id="c1", before={"kind": "query", "text": "a", "done": None},
                after={"kind": "query", "text": "b", "author": "x"}, reason="typo",
            ),
        )
    )  # fmt: skip
    (entry,) = await trail.items()
    assert abs((datetime.fromisoformat(entry.pop("at")) - start).total_seconds()) < 5
    assert entry.pop("id")
    assert entry == {
        "actor": "ada", "role": "supervisor", "action": "notes.edit", "object": "note:n:1", "customer_id": "c1",
        "before": {"text": "a", "done": None}, "after": {"text": "b", "author": "x"}, "erased_fields": [],
        "reason": "typo", "request_id": "req-1",
    }  # fmt: skip


async def test_filters_find_what_they_say(trail: Trail) -> None:
    await trail.record((ADA, Change("notes.add", "note:1", customer_id="c1")))
    await trail.record((BOB, Change("notes.edit", "note:1", customer_id="c1")))
    await trail.record((ADA, Change("rules.edit", "rule:1")), (BOB, Change("notes.remove", "note:2", customer_id="c2")))
    assert set(await trail.actions(actor="ada")) == {"notes.add", "rules.edit"}
    assert await trail.actions(actor="ada", action="rules.edit") == ["rules.edit"]
    assert set(await trail.actions(object="note:1")) == {"notes.edit", "notes.add"}
    assert await trail.actions(customer_id="c2") == ["notes.remove"]
    times = {item["action"]: item["at"] for item in await trail.items()}
    since, until = times["notes.edit"], times["rules.edit"]
    if times["notes.add"] < since < until:
        assert await trail.actions(since=since, until=until) == ["notes.edit"]
    assert await trail.actions(until="1990-01-01T00:00:00Z") == []
    assert len(await trail.actions(since="1990-01-01T00:00:00Z", until="9998-01-01T00:00:00Z")) == 4


async def test_pages_show_every_entry_once(trail: Trail) -> None:
    await trail.record(*((ADA, Change("notes.add", f"note:{n}")) for n in range(60)))
    seen = [item["object"] for item in await trail.api.items("/v1/audit", limit=25, actor="ada")]
    assert len(seen) == len(set(seen)) == 60


async def test_only_those_who_may_read_it(trail: Trail) -> None:
    for role, status in (("viewer", 403), ("agent", 403), ("supervisor", 200), ("administrator", 200)):
        assert (await trail.api.get("/v1/audit", role=role)).status == status
    for query in ({"object": "note"}, {"action": "x"}, {"customer_id": "a b"}, {"since": "today"}):
        assert (await trail.api.get("/v1/audit", **query)).status == 422


@pytest.mark.parametrize(
    "change",
    [
        "update audit_entries set actor = 'x'",
        "delete from audit_entries",
        "truncate audit_entries",
        "update audit_personal set after = '{}'",
        "delete from audit_personal",
        "truncate audit_personal",
        "set local session_replication_role = replica; delete from audit_entries",
    ],
)
async def test_it_cannot_be_changed(trail: Trail, change: str) -> None:
    edit = Change("customers.edit", "customer:c1", "c1", after={"email": "a@b"}, personal=frozenset({"email"}))
    await trail.record((ADA, edit))
    with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
        await trail.execute(change)
    assert len(await trail.items()) == 1


async def test_an_erasure_takes_the_personal_values_of_one_customer(trail: Trail) -> None:
    for customer in ("c1", "c2"):
        values: dict[str, Any] = {"before": {"email": "old@x", "status": "active"}, "after": {"email": "new@x"}}
        change = Change("customers.edit", f"customer:{customer}", customer, **values, personal=frozenset({"email"}))
        await trail.record((BOB, change))
    (entry,) = await trail.items(customer_id="c1")
    assert (entry["before"], entry["after"]) == ({"email": "old@x", "status": "active"}, {"email": "new@x"})
    async with trail.unit_of_work.begin() as transaction:
        await audit.record(transaction.connection, ADA, Change("customers.erase", "customer:c1", "c1"))
        await audit.erase_personal(transaction.connection, "c1")
    (entry,) = await trail.items(customer_id="c1", action="customers.edit")
    assert (entry["before"], entry["after"], entry["erased_fields"]) == ({"status": "active"}, {}, ["email"])
    (entry,) = await trail.items(customer_id="c2")
    assert (entry["after"], entry["erased_fields"]) == ({"email": "new@x"}, [])
    with pytest.raises(asyncpg.RestrictViolationError):
        await trail.execute("delete from audit_personal")


async def test_each_filter_has_an_index(trail: Trail) -> None:
    await trail.record(*((ADA, Change("notes.add", f"note:{n}", f"c{n}")) for n in range(3000)))
    await trail.execute("analyze audit_entries")
    for condition in (
        "actor = 'x'",
        "action = 'x.y'",
        "object_kind = 'note' and object_id = '5'",
        "customer_id = 'c5'",
    ):
        async with trail.unit_of_work.database.read() as connection:
            rows = await connection.fetch(
                f"explain select * from audit_entries where {condition} order by id desc limit 26"  # noqa: S608
            )
        plan = "\n".join(row[0] for row in rows)
        assert "Seq Scan" not in plan, plan
        assert "Index Scan" in plan, plan


async def test_what_a_person_hardly_ever_did_is_found_among_all_that_it_did(trail: Trail) -> None:
    await trail.record(*((ADA, Change("notes.add", f"note:{n}", "c1")) for n in range(3000)))
    await trail.record(*((BOB, Change("notes.edit", f"note:{n}", "c1")) for n in range(3000)))
    await trail.execute("analyze audit_entries")
    async with trail.unit_of_work.begin() as transaction:
        before = await rows_read(transaction.connection, "audit_entries")
        filters = Filters(actor=ADA.subject, action="notes.edit")
        assert await entries(transaction.connection, filters, before=None, limit=25) == []
        assert await rows_read(transaction.connection, "audit_entries") - before < 100
