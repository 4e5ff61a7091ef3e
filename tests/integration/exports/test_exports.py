"""Exports of all that is held about a customer: complete in every service, in both formats, at any size."""

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.accounts import app as accounts_app
from services.accounts import held as accounts_held
from services.loyalty import app as loyalty
from services.loyalty import held as loyalty_held
from services.notifications import app as notifications
from services.notifications import held as notifications_held
from services.tickets import app as tickets
from services.tickets import held as tickets_held
from shared.contracts import VisitMade
from shared.exports import Section
from shared.exports.sections import PIECE
from shared.service import Service
from shared.web import Role
from tests.support import accounts as of_accounts
from tests.support import notifications as of_notifications
from tests.support import tickets as of_tickets
from tests.support.accounts import Accounts, running_accounts, token
from tests.support.http import serving_operations
from tests.support.partition import partition_of
from tests.support.stack import Infra

SERVICES = [
    (accounts_app.SERVICE, accounts_held.SECTIONS),
    (tickets.SERVICE, tickets_held.SECTIONS),
    (notifications.SERVICE, notifications_held.SECTIONS),
    (loyalty.SERVICE, loyalty_held.SECTIONS),
]
# Tables with a customer in them that say nothing of their own about one, and why.
LEFT_OUT = {
    "identifiers": "finds what is in other sections",
    "customer_names": "finds what is in other sections",
    "reconciliation_differences": "compares what is in other sections",
    "bulk_refusals": "says why a ticket in another section was not cancelled",
    "outgoing": "the queue of messages that are in another section",
}


@pytest.fixture
async def accounts(infra: Infra, tmp_path: Path) -> AsyncIterator[Accounts]:
    async with running_accounts(infra, tmp_path) as running:
        yield running


async def export(accounts: Accounts, customer_id: str, kind: str, *, role: Role = Role.SUPERVISOR) -> str:
    path = f"/v1/customers/{customer_id}/export.{kind}"
    async with accounts.client.get(path, headers={"Authorization": f"Bearer {token(role)}"}) as response:
        assert response.status == 200, await response.text()
        assert f"accounts-{customer_id}.{kind}" in response.headers["Content-Disposition"]
        return await response.text()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(("service", "sections"), SERVICES, ids=lambda value: getattr(value, "name", ""))
async def test_every_table_with_a_customer_is_exported(
    infra: Infra, service: Service[Any], sections: list[Section]
) -> None:
    async with partition_of(infra, service) as partition:
        rows = await partition.fetch(
            """select distinct table_name from information_schema.columns
               where table_schema = 'public' and column_name = 'customer_id'"""
        )
        exported = {word for section in sections for word in section.source.split()}
        assert {name for (name,) in rows} - exported <= LEFT_OUT.keys()
        for section in sections:
            assert [piece async for piece in section.pieces(partition.database, "nobody")] == []


async def test_the_export_of_accounts_has_everything_and_names_the_others(accounts: Accounts) -> None:
    await accounts.apply(of_accounts.purchase("c1", "o1"), of_accounts.cancellation("c1", "o1"))
    await accounts.call("PATCH", "/v1/customers/c1", {"last_name": "=HYPERLINK()"}, status=200, If_Match="*")
    exported = lines(await export(accounts, "c1", "jsonl"))
    about = exported[0]
    assert (about["section"], about["service"], about["customer_ids"]) == ("about", "accounts", ["c1"])
    assert about["continued_at"] == [
        {"service": name, "path": "/v1/customers/c1/export.jsonl"} for name in ("tickets", "notifications", "loyalty")
    ]
    (details,) = [each for each in exported if each["section"] == "customer"]
    assert (details["email"], details["last_name"]) == ("c1@example.com", "=HYPERLINK()")
    booked = [each for each in exported if each["section"] == "transactions"]
    assert [(each["kind"], each["amount_in"], each["amount_out"]) for each in booked] == [
        ("deposit", 2000, 0), ("purchase", 0, 2000), ("reversal", 1000, 0),
    ]  # fmt: skip
    assert {each["section"] for each in exported} >= {"account", "charges", "activities", "audit_trail"}

    rows = list(csv.reader(io.StringIO((await export(accounts, "c1", "csv")).removeprefix("\ufeff"))))
    assert rows[0] == ["section", "customer_id", "row", "field", "value"]
    assert ["customer", "c1", "1", "last_name", "'=HYPERLINK()"] in rows
    assert [row[4] for row in rows if row[0] == "transactions" and row[3] == "kind"] == [
        "deposit", "purchase", "reversal",
    ]  # fmt: skip
    looked = await accounts.fetch(
        "select actor, after from audit_entries where action = 'customers.export' order by id"
    )
    assert [each["after"] for each in looked] == [{"format": "jsonl"}, {"format": "csv"}]


async def test_an_export_is_complete_beyond_one_piece(accounts: Accounts) -> None:
    orders = [of_accounts.purchase("c1", f"o{n}") for n in range(PIECE)]
    await accounts.apply(*orders)
    exported = lines(await export(accounts, "c1", "jsonl"))
    numbers = [each["seq"] for each in exported if each["section"] == "transactions"]
    assert numbers == list(range(1, 2 * PIECE + 1))


async def test_a_merged_customer_is_exported_whole_under_either_id(accounts: Accounts) -> None:
    await accounts.apply(of_accounts.purchase("c1", "o1"), of_accounts.purchase("c2", "o2"))
    body = {"merged_id": "c2", "reason": "The same"}
    path = "/v1/customers/c1/merges"
    await accounts.call("POST", path, body, status=201, role=Role.ADMINISTRATOR, Idempotency_Key="m")
    exported = lines(await export(accounts, "c2", "jsonl"))
    assert exported[0]["customer_ids"] == ["c1", "c2"]
    assert len(exported[0]["continued_at"]) == 6
    assert [each["customer_id"] for each in exported if each["section"] == "account"] == ["c1", "c2"]


async def test_what_is_held_about_a_customer_of_whom_only_activities_came_is_exported(accounts: Accounts) -> None:
    await accounts.apply(VisitMade.model_validate_json(json.dumps(VisitMade.example | {"customer_id": "c1"})))
    exported = lines(await export(accounts, "c1", "jsonl"))
    assert exported[0]["customer_ids"] == ["c1"]
    assert [each["reference"] for each in exported if each["section"] == "activities"] == [
        VisitMade.example["visit_id"]
    ]


async def test_exporting_is_a_right_of_its_own(accounts: Accounts) -> None:
    await accounts.apply(of_accounts.purchase("c1", "o1"))
    await accounts.call("GET", "/v1/customers/c1/export.csv", status=403, role=Role.AGENT)
    problem = await accounts.call("GET", "/v1/customers/nobody/export.jsonl", status=404, role=Role.SUPERVISOR)
    assert problem["code"] == "customer_not_found"


async def test_tickets_and_notifications_export_their_part(infra: Infra, tmp_path: Path) -> None:
    async with (
        partition_of(infra, tickets.SERVICE) as partition,
        serving_operations(partition.parts.operations, tmp_path) as client,
    ):
        await partition.deliver(of_tickets.purchase("c1", "o1", "t1", "t2"), of_tickets.failed_purchase("c1", "o2"))
        exported = await _get(client.url, client.token(), "c1")
        shown = [(each["section"], each.get("ticket_id") or each.get("order_id")) for each in exported]
        assert shown[:5] == [
            ("about", None), ("customer", None), ("tickets", "t1"), ("tickets", "t2"), ("failed_orders", "o2"),
        ]  # fmt: skip
    async with (
        partition_of(infra, notifications.SERVICE) as partition,
        serving_operations(partition.parts.operations, tmp_path) as client,
    ):
        await partition.deliver(of_notifications.customer("c1"), of_notifications.paid("c1"))
        exported = await _get(client.url, client.token(), "c1")
        (message,) = [each for each in exported if each["section"] == "messages"]
        assert message["recipient_address"] == "c1@example.com"
        assert message["html"].startswith("<!")


async def _get(url: str, bearer: str, customer_id: str) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession(url) as session,
        session.get(
            f"/v1/customers/{customer_id}/export.jsonl", headers={"Authorization": f"Bearer {bearer}"}
        ) as response,
    ):
        assert response.status == 200
        return lines(await response.text())
