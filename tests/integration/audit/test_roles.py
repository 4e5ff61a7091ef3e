"""The role of a service works with rows; what is only added to, it cannot change, and no table is its own."""

import secrets

import asyncpg
import pytest

from deploy.local import postgres
from services.accounts.app import SERVICE
from shared.db import migrate
from tests.support.stack import Infra

ADD = """
    insert into audit_entries
        (id, at, actor, role, action, object_kind, object_id, customer_id, before, after, request_id)
    values (gen_random_uuid(), now(), 'ada', 'agent', 'x.y', 'x', '1', 'c1', '{}', '{}', 'r1')
"""
WRITE = """
    insert into customers (customer_id, version, first_name, last_name, status, created_at, changed_at)
    values ('c1', 1, 'Ada', 'Novak', 'active', now(), now());
    update customers set first_name = 'Ava';
    delete from customers;
"""


@pytest.fixture
async def separated(infra: Infra) -> tuple[str, str]:
    """The database of accounts, which its service owned at first, as the role of the service and as the owner."""
    role, password = f"r{secrets.token_hex(4)}", secrets.token_hex(8)
    owner = f"{role}_owner"
    postgres.create_role_and_database(infra.admin_url, role=role, database=role, password=password)
    url = postgres.url_for(infra.admin_url, role=role, database=role, password=password)
    await migrate(url, SERVICE.migration_sources(), role=role)
    postgres.create_role_and_database(infra.admin_url, role=owner, database=role, password=password)
    postgres.separate_owner(infra.admin_url, owner=owner, role=role, database=role, password=password)
    owner_url = postgres.url_for(infra.admin_url, role=owner, database=role, password=password)
    for _ in range(2):
        assert await migrate(owner_url, SERVICE.migration_sources(), role=role) == []
    return url, owner_url


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


CHANGES = [
    "update audit_entries set actor = 'x'",
    "delete from audit_entries",
    "truncate audit_entries",
    "alter table audit_entries disable trigger all",
    "drop trigger audit_entries_append_only on audit_entries",
    "create or replace function refuse_audit_change() returns trigger language plpgsql as 'begin return null; end'",
    "drop table audit_entries",
    "alter table audit_entries rename to other",
    "create table other (id integer)",
    "update audit_personal set after = '{}'",
    "truncate audit_personal",
    "update operator_actions set actor = 'x'",
    "update ledger_entries set amount_in = 1",
    "delete from ledger_entries",
    "truncate ledger_entries",
    "delete from ledger_seals",
    "delete from schema_migrations",
    "set session_replication_role = replica",
]


@pytest.mark.requirement("A4")
async def test_the_role_of_the_service_only_adds(separated: tuple[str, str]) -> None:
    url, owner_url = separated
    await execute(url, ADD)
    await execute(url, WRITE)
    for change in CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(url, change)
    await execute(owner_url, "alter table audit_entries add column later text")
