"""Erased customers: nothing personal is left in accounts, nothing comes back, and the money stays."""

import json
from typing import Any

import pytest

from shared.contracts import LoginSucceeded, TicketCancellationRequested
from shared.messaging.dead_letters import letter_for_record, store_letters
from shared.messaging.operator import discard_letters
from shared.messaging.records import Record, Undecodable
from shared.web import Role
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase

ADMIN = Role.ADMINISTRATOR
PERSONAL = ("Ada", "Novák", "c1@example.com", "old@example.com", "491 570 156", "203.0.113.7", "Firefox")
NAMED: dict[str, Any] = {"email": "old@example.com", "phone": "+61 491 570 156"}


async def erase(accounts: Accounts, customer_id: str = "c1", *, status: int = 201, **options: Any) -> Any:
    key = options.pop("key", f"erase-{customer_id}")
    options = {"role": ADMIN} | options
    path = f"/v1/customers/{customer_id}/erasures"
    body = {"reason": "Asked for it in writing"}
    return await accounts.call("POST", path, body, status=status, Idempotency_Key=key, **options)


async def everything(accounts: Accounts, *, but: tuple[str, ...] = ()) -> str:
    """All that all tables say of anybody."""
    tables = await accounts.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
    names = [row["tablename"] for row in tables if row["tablename"] not in but]
    rows = " union all ".join(f"select t::text as row from {name} t" for name in names)  # noqa: S608 - as they are
    return str(await accounts.fetch(rows))


async def known(accounts: Accounts) -> None:
    """A customer who bought, was edited, noted in the timeline and paid back."""
    await accounts.apply(purchase("c1", "o1", **NAMED), failed_purchase("c1", "o2", **NAMED))
    await accounts.apply(cancellation("c1", "o1"))
    login = LoginSucceeded.example | {"customer_id": "c1"}
    await accounts.apply(LoginSucceeded.model_validate_json(json.dumps(login)))
    await accounts.call("PATCH", "/v1/customers/c1", {"email": "c1@example.com"}, status=200, If_Match="*")


@pytest.mark.requirement("A4")
async def test_nothing_personal_is_left_and_the_money_stays(accounts: Accounts) -> None:
    await known(accounts)
    lines = await accounts.entries("c1")
    before = await accounts.call("GET", "/v1/customers/c1/profile", status=200)
    there = await everything(accounts)
    assert [word for word in PERSONAL if word not in there] == []
    answer = await erase(accounts)
    assert answer["customer_ids"] == ["c1"]
    # Rows of the outbox are gone when Kafka has them.
    left = await everything(accounts, but=("outbox",))
    assert [word for word in PERSONAL if word in left] == []
    assert await accounts.entries("c1") == lines
    after = await accounts.call("GET", "/v1/customers/c1/profile", status=200)
    assert after["financial_summary"] == before["financial_summary"]
    assert (after["first_name"], after["email"], after["status"]) == ("Erased", None, "closed")
    assert after["erased_at"] is not None
    last = (await accounts.published("customers"))[-1]
    assert (last["event"], last["customer_id"], last["version"]) == ("erased", "c1", 3)
    (entry,) = await accounts.fetch("select * from audit_entries where action = 'customers.erase'")
    assert (entry["customer_id"], entry["reason"]) == ("c1", "Asked for it in writing")


@pytest.mark.requirement("A4")
async def test_what_comes_late_does_not_bring_the_data_back(accounts: Accounts) -> None:
    await known(accounts)
    await erase(accounts)
    told = len(await accounts.published("customers"))
    await accounts.apply(purchase("c1", "o3", **NAMED), failed_purchase("c1", "o4", **NAMED))
    login = LoginSucceeded.example | {"customer_id": "c1", "login_id": "late"}
    await accounts.apply(LoginSucceeded.model_validate_json(json.dumps(login)))
    left = await everything(accounts, but=("outbox",))
    assert [word for word in PERSONAL if word in left] == []
    assert len(await accounts.published("customers")) == told
    summary = (await accounts.call("GET", "/v1/customers/c1/profile", status=200))["financial_summary"]
    assert summary["deposits"] == {"total": 4000, "count": 2}
    for change in ({"first_name": "Ada"}, {"status": "active", "status_reason": "why"}):
        problem = await accounts.call("PATCH", "/v1/customers/c1", change, status=409, If_Match="*")
        assert problem["code"] == "customer_erased"
    assert (await accounts.call("GET", "/v1/customers?email=old@example.com", status=200))["items"] == []


async def test_a_customer_of_whom_only_activities_came_is_erased_and_stays_so(accounts: Accounts) -> None:
    login = LoginSucceeded.model_validate_json(json.dumps(LoginSucceeded.example | {"customer_id": "c1"}))
    await accounts.apply(login)
    assert "203.0.113.7" in await everything(accounts)
    assert (await erase(accounts))["customer_ids"] == ["c1"]
    assert [(each["event"], each["version"]) for each in await accounts.published("customers")] == [("erased", 1)]
    await accounts.apply(login.model_copy(update={"login_id": "late"}), purchase("c1", "o1", **NAMED))
    left = await everything(accounts, but=("outbox",))
    assert [word for word in PERSONAL if word in left] == []
    assert len(await accounts.items("/v1/customers/c1/logins")) == 2
    assert (await accounts.call("GET", "/v1/customers/c1/profile", status=200))["status"] == "closed"
    await erase(accounts, "nobody", status=404)


async def test_whoever_was_merged_in_is_erased_as_well_and_not_parted(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"))
    body = {"merged_id": "c2", "reason": "The same"}
    await accounts.call("POST", "/v1/customers/c1/merges", body, status=201, role=ADMIN, Idempotency_Key="m")
    assert (await erase(accounts, "c2"))["customer_ids"] == ["c1", "c2"]
    path = "/v1/customers/c1/merges/c2?reason=why"
    problem = await accounts.call("DELETE", path, status=409, role=ADMIN)
    assert problem["code"] == "customer_erased"
    kinds = {each["customer_id"]: each["event"] for each in await accounts.published("customers")}
    assert kinds == {"c1": "erased", "c2": "erased"}


async def test_erasing_is_for_administrators_and_may_be_repeated(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    await erase(accounts, status=403, role=Role.SUPERVISOR)
    assert await erase(accounts) == await erase(accounts)
    await erase(accounts, key="again")
    assert [each["event"] for each in await accounts.published("customers")] == ["changed", "erased"]
    await erase(accounts, "nobody", status=404)


async def test_settled_dead_letters_lose_their_records_and_dead_ones_keep_them(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    async with accounts.unit_of_work.begin() as transaction:
        for n, state in enumerate(("dead", "replayed")):
            await transaction.connection.execute(
                """insert into dead_letters (id, consumer, topic, partition, record_offset, ordering_key, code, detail,
                                             fingerprint, headers, value, state)
                   values (gen_random_uuid(), 'accounts', 't', 0, $1, 'c1', 'x', 'x', 'x', '[]', 'Ada', $2)""",
                n, state,
            )  # fmt: skip
    await erase(accounts)
    rows = await accounts.fetch("select state, value from dead_letters order by state")
    assert rows == [{"state": "dead", "value": b"Ada"}, {"state": "replayed", "value": None}]


async def test_a_dead_letter_that_is_settled_after_the_erasure_loses_its_record_then(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"))
    records = [Record("tests", 1, n, None, (), b'{"name": "Ada"}') for n in range(3)]
    letters = [
        letter_for_record(Undecodable(each, "x", "x", ordering_key=key), parks=False)
        for each, key in zip(records, ("c1", "c2", "c1"), strict=True)
    ]
    async with accounts.unit_of_work.begin() as transaction:
        await store_letters(transaction, consumer="accounts", letters=letters)
    await erase(accounts)
    async with accounts.unit_of_work.begin() as transaction:
        settled = [letter.id for letter in letters[:2]]
        await discard_letters(accounts.processor, transaction, settled, actor="op", note="of no use")
    rows = await accounts.fetch("select state, value is null as is_empty from dead_letters order by record_offset")
    assert [(row["state"], row["is_empty"]) for row in rows] == [
        ("discarded", True), ("discarded", False), ("dead", False),
    ]  # fmt: skip


@pytest.mark.requirement("A6")
async def test_the_timeline_says_that_a_customer_was_erased_and_nothing_personal(accounts: Accounts) -> None:
    await known(accounts)
    answer = await erase(accounts)
    await erase(accounts, key="again")
    page = await accounts.call("GET", "/v1/customers/c1/activities?kind=customer_erased", status=200)
    (line,) = page["items"]
    assert (line["reference"], line["details"]) == ("c1", {"actor": "agent-7"})
    assert line["occurred_at"] == answer["erased_at"]
    recent = (await accounts.call("GET", "/v1/customers/c1/profile", status=200))["recent_activities"]
    assert line in recent


def because(order: str, reason: str) -> TicketCancellationRequested:
    return cancellation("c1", order).model_copy(update={"reason": reason})


@pytest.mark.requirement("A6")
async def test_the_timeline_forgets_what_agents_wrote_and_keeps_what_they_did(accounts: Accounts) -> None:
    await known(accounts)
    await accounts.apply(purchase("c1", "o3"), because("o3", "Ada wrote from c1@example.com"))
    body = {"amount": 10, "type": "card", "customer_visible_description": "For Ada", "internal_note": "Ada called"}
    await accounts.call("POST", "/v1/customers/c1/withdrawals", body, status=201, Idempotency_Key="w1")
    await erase(accounts)
    await accounts.apply(purchase("c1", "o4"), because("o4", "Ada wrote again"))
    told = {
        each["kind"]: each["details"]
        for each in (await accounts.call("GET", "/v1/customers/c1/activities?limit=100", status=200))["items"]
    }
    assert "Ada" not in json.dumps(told)
    assert (told["withdrawal"]["amount"], told["withdrawal"]["actor"]) == (10, "agent-7")
    assert told["reversal"]["ticket_id"] is not None
    assert told["purchase_failed"]["reason"].startswith("card declined")


@pytest.mark.requirement("A6")
async def test_the_timeline_forgets_what_agents_wrote_in_batches_of_any_size(accounts: Accounts) -> None:
    await known(accounts)
    await erase(accounts)
    orders = [f"o{n}" for n in range(3, 63)]
    await accounts.apply(*[purchase("c1", order) for order in orders])
    await accounts.apply(*[because(order, "Ada wrote again") for order in orders])
    told = await accounts.items("/v1/customers/c1/activities", "kind=reversal&kind=cancellation_requested")
    assert len(told) == 2 * len(orders) + 2
    assert "Ada" not in json.dumps(told)


@pytest.mark.requirement("A3", "A7")
async def test_answers_that_were_kept_to_be_repeated_are_erased_and_nothing_happens_again(accounts: Accounts) -> None:
    ada = {"first_name": "Ada", "last_name": "Novák", **NAMED}
    created = await accounts.call("POST", "/v1/customers", ada, status=201, Idempotency_Key="register")
    customer_id = created["customer_id"]
    note = {"kind": "query", "text": "Ada called"}
    path = f"/v1/customers/{customer_id}/notes"
    await accounts.call("POST", path, note, status=201, Idempotency_Key="note")
    bob = {"first_name": "Bob", "last_name": "Stone", "email": "bob@example.com", "phone": "0400 000 000"}
    other = await accounts.call("POST", "/v1/customers", bob, status=201, Idempotency_Key="other")
    answer = await erase(accounts, customer_id)
    left = await accounts.fetch("select convert_from(body, 'UTF8') as body from idempotency_keys")
    assert [row["body"] for row in left if "Ada" in row["body"] or "old@example.com" in row["body"]] == []
    problem = await accounts.call("POST", "/v1/customers", ada, status=409, Idempotency_Key="register")
    assert problem["code"] == "answer_erased"
    await accounts.call("POST", path, note, status=409, Idempotency_Key="note")
    assert await accounts.call("POST", "/v1/customers", bob, status=201, Idempotency_Key="other") == other
    assert await erase(accounts, customer_id) == answer


@pytest.mark.requirement("A4", "A7", "A10")
async def test_an_erased_customer_gets_no_notes_and_no_money_by_hand(accounts: Accounts) -> None:
    await known(accounts)
    note = {"kind": "reminder", "text": "Call Ada", "due_at": "2030-01-01T00:00:00Z"}
    notes = "/v1/customers/c1/notes"
    written = await accounts.call("POST", notes, note, status=201, Idempotency_Key="n1")
    await erase(accounts)
    lines = await accounts.entries("c1")
    one = f"{notes}/{written['note_id']}"
    money = {"amount": 1, "customer_visible_description": "Correction"}
    refused = [
        await accounts.call("POST", notes, note, status=409, Idempotency_Key="n2"),
        await accounts.call("PATCH", one, {"text": "Ada called"}, status=409, If_Match="*"),
        await accounts.call("POST", "/v1/customers/c1/withdrawals", money | {"type": "cheque"}, status=409,
                            Idempotency_Key="w1"),
        await accounts.call("POST", "/v1/customers/c1/adjustments", money | {"direction": "in", "reason": "Wrong"},
                            status=409, role=ADMIN, Idempotency_Key="a1"),
    ]  # fmt: skip
    assert {problem["code"] for problem in refused} == {"customer_erased"}
    assert await accounts.entries("c1") == lines
    # What is to be done about an erased customer can still be done.
    assert (await accounts.call("PATCH", one, {"done": True}, status=200, If_Match="*"))["done_at"] is not None


@pytest.mark.requirement("A4")
async def test_whoever_erases_again_is_told_since_when_nothing_is_kept(accounts: Accounts) -> None:
    await known(accounts)
    first = await erase(accounts)
    assert await erase(accounts, key="again") == first
