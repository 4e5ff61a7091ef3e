"""Customers: learned from purchases, registered, edited and looked up."""

import asyncio
from typing import Any

import pytest

from shared.web import Role
from tests.support.accounts import Accounts, failed_purchase, purchase, token

SUSPENDED = {"status": "suspended", "status_reason": "Asked for a pause"}
ADA = {"first_name": "Ada", "last_name": "Novák", "email": "Ada@Example.com", "phone": "+61 491 570 156"}


async def register(accounts: Accounts, key: str = "k1", *, status: int = 201, **changes: Any) -> Any:
    return await accounts.call("POST", "/v1/customers", ADA | changes, status=status, Idempotency_Key=key)


async def test_a_customer_is_learned_from_the_first_purchase_that_names_it(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c1", "o2"))
    profile = await accounts.call("GET", "/v1/customers/c1", status=200)
    assert (profile["first_name"], profile["email"], profile["version"]) == ("Ada", "c1@example.com", 1)
    assert profile["account"] == {"balance": 0, "currency": "AUD"}
    (changed,) = await accounts.published("customers")
    assert (changed["customer_id"], changed["version"], changed["email"]) == ("c1", 1, "c1@example.com")


async def test_a_failed_purchase_teaches_a_customer_too(accounts: Accounts) -> None:
    await accounts.apply(failed_purchase("c1", "o1"))
    profile = await accounts.call("GET", "/v1/customers/c1", status=200)
    assert profile["account"] == {"balance": 0, "currency": None}


async def test_later_purchases_only_fill_in_what_is_missing(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", email=None))
    await accounts.apply(purchase("c1", "o2", phone="0491 570 156"), purchase("c1", "o3", first_name="Eve"))
    versions = [
        (each["version"], each.get("email"), each.get("phone")) for each in await accounts.published("customers")
    ]
    assert versions == [(1, None, None), (2, "c1@example.com", "0491 570 156")]
    profile = await accounts.call("GET", "/v1/customers/c1", status=200)
    assert (profile["first_name"], profile["email"], profile["phone"]) == ("Ada", "c1@example.com", "0491 570 156")


async def test_purchases_never_bring_back_what_an_agent_changed(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    await accounts.call(
        "PATCH", "/v1/customers/c1", {"last_name": "Lovelace", "email": None}, status=200, If_Match='"1.2"'
    )
    await accounts.apply(purchase("c1", "o2"))
    profile = await accounts.call("GET", "/v1/customers/c1", status=200)
    assert (profile["last_name"], profile["email"], profile["version"]) == ("Lovelace", None, 2)


async def test_registration_answers_with_a_new_id_and_publishes(accounts: Accounts) -> None:
    created = await register(accounts)
    assert created["email"] == "Ada@Example.com"
    assert created["account"] == {"balance": 0, "currency": None}
    assert await register(accounts) == created
    assert await accounts.call("GET", f"/v1/customers/{created['customer_id']}", status=200) == created
    (changed,) = await accounts.published("customers")
    assert changed["customer_id"] == created["customer_id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"email": " ada@EXAMPLE.com", "phone": "0491 000 000"},
        {"email": "other@example.com", "phone": "0061 491-570-156"},
    ],
)
async def test_a_duplicate_is_reported_with_the_customer_that_there_is(
    accounts: Accounts, changes: dict[str, str]
) -> None:
    created = await register(accounts)
    problem = await register(accounts, "k2", status=409, **changes)
    assert (problem["code"], problem["customer_id"]) == ("customer_exists", created["customer_id"])
    assert len(await accounts.published("customers")) == 1


async def test_of_many_registrations_at_once_one_wins(accounts: Accounts) -> None:
    async def attempt(n: int) -> int:
        changes = {"phone": f"0400 000 {n:03d}"} if n % 2 else {"email": f"{n}@example.com"}
        headers = {"Authorization": f"Bearer {token()}", "Idempotency-Key": f"race-{n}"}
        async with accounts.client.post("/v1/customers", json=ADA | changes, headers=headers) as response:
            return response.status

    statuses = await asyncio.gather(*(attempt(n) for n in range(12)))
    # The even ones share a phone number, the odd ones an address: one of each kind can be registered.
    assert sorted(statuses) == [201] * 2 + [409] * 10
    assert len(await accounts.fetch("select from customers")) == 2


@pytest.mark.parametrize("missing", ["first_name", "last_name", "email", "phone"])
async def test_registration_needs_name_email_and_phone(accounts: Accounts, missing: str) -> None:
    body = {name: value for name, value in ADA.items() if name != missing}
    problem = await accounts.call("POST", "/v1/customers", body, status=422, Idempotency_Key="k")
    assert [error["field"] for error in problem["errors"]] == [f"body.{missing}"]
    problem = await register(accounts, status=422, **{missing: " "})
    assert [error["field"] for error in problem["errors"]] == [f"body.{missing}"]


async def test_what_is_wrong_with_a_detail_is_said_in_words(accounts: Accounts) -> None:
    details = {"first_name": "Ada\nX", "email": "ada.example.com", "phone": "0491570156x7", "language": "English"}
    problem = await register(accounts, status=422, time_zone="Sydney (AU)", **details)
    said = {error["field"]: error["message"] for error in problem["errors"]}
    assert said == {
        "body.first_name": "A name is one line of text.",
        "body.email": "Not an e-mail address, such as ada@example.com.",
        "body.phone": "Not a phone number: digits, and + ( ) . / - or blanks between them, without an extension.",
        "body.language": "Not a language tag, such as en or pt-BR.",
        "body.time_zone": "No time zone has this name.",
    }


@pytest.mark.parametrize(
    "phone", ["+61 491 570 156 ext 5", "0491570156x7", "call 0491 570 156", "+ ( )", "0491_570_156"]
)
async def test_what_is_more_than_a_number_is_a_clear_problem(accounts: Accounts, phone: str) -> None:
    problem = await register(accounts, phone=phone, status=422)
    assert [error["field"] for error in problem["errors"]] == ["body.phone"]
    await accounts.apply(purchase("c1", "o1"))
    problem = await accounts.call("PATCH", "/v1/customers/c1", {"phone": phone}, status=422, If_Match="*")
    assert [error["field"] for error in problem["errors"]] == ["body.phone"]


@pytest.mark.parametrize(
    ("email", "phone"),
    [
        ("jose\u0301@müller.example", "+61\u00a0491\u00a0570\u2013156"),
        ("JOSÉ@xn--mller-kva.example", "\u202a+61 491 570 156\u202c"),
        ("\ufeffjosé@müller.exam\u200bple\u200b", "+61\u200b491570156"),
    ],
)
async def test_a_duplicate_is_one_in_whatever_way_it_was_typed_or_copied(
    accounts: Accounts, email: str, phone: str
) -> None:
    created = await register(accounts, email="josé@müller.example")
    problem = await register(accounts, "k2", email="b@example.com", phone=phone, status=409)
    assert problem["customer_id"] == created["customer_id"]
    problem = await register(accounts, "k3", email=email, phone="0400 000 000", status=409)
    assert problem["customer_id"] == created["customer_id"]


async def test_what_cannot_be_seen_in_an_address_is_not_kept(accounts: Accounts) -> None:
    created = await register(accounts, email="\u200bada@example.com\u200b\u2060 ")
    assert created["email"] == "ada@example.com"


async def test_an_edit_needs_the_version_that_was_read_but_not_the_balance(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    first = await accounts.etag("/v1/customers/c1")
    await accounts.apply(purchase("c1", "o2"))
    assert await accounts.etag("/v1/customers/c1") != first
    changed = await accounts.call("PATCH", "/v1/customers/c1", SUSPENDED, status=200, If_Match=first)
    assert (changed["status"], changed["version"]) == ("suspended", 2)
    problem = await accounts.call("PATCH", "/v1/customers/c1", SUSPENDED, status=412, If_Match=first)
    assert problem["code"] == "precondition_failed"
    problem = await accounts.call("PATCH", "/v1/customers/c1", SUSPENDED, status=428)
    assert problem["code"] == "precondition_required"


async def test_an_edit_that_changes_nothing_leaves_the_version(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    same = await accounts.call("PATCH", "/v1/customers/c1", {"first_name": "Ada"}, status=200, If_Match="*")
    assert same["version"] == 1
    assert len(await accounts.published("customers")) == 1


async def test_an_edit_cannot_take_anothers_address(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"))
    problem = await accounts.call("PATCH", "/v1/customers/c2", {"email": "C1@example.com"}, status=409, If_Match="*")
    assert problem["customer_id"] == "c1"
    await accounts.call("PATCH", "/v1/customers/c2", {"email": "C2@example.com"}, status=200, If_Match="*")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"first_name": None}, "first_name"), ({"status": None, "status_reason": None}, "status"),
        ({"status": "closed"}, "status_reason"), ({"status": "closed", "status_reason": " \t"}, "status_reason"),
        ({"status_reason": "Asked"}, "status"), ({"last_name": "\u200b"}, "last_name"),
        ({"last_name": "No\nvák"}, "last_name"), ({"email": "<ada@example.com>"}, "email"),
        ({"email": "ada@example.com."}, "email"), ({"email": "ada@example..com"}, "email"),
        ({"email": "ada.@example.com"}, "email"), ({"email": ".ada@example.com"}, "email"),
        ({"time_zone": "europe/berlin"}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
    ],
)  # fmt: skip
async def test_a_bad_edit_names_its_field(accounts: Accounts, changes: dict[str, Any], field: str) -> None:
    await accounts.apply(purchase("c1", "o1"))
    problem = await accounts.call("PATCH", "/v1/customers/c1", changes, status=422, If_Match="*")
    assert [error["field"] for error in problem["errors"]] == [f"body.{field}"]
    assert not problem["errors"][0]["message"].startswith("Value error")


async def test_names_and_status_cannot_be_taken_away(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    for field in ("first_name", "last_name", "status"):
        problem = await accounts.call("PATCH", "/v1/customers/c1", {field: None}, status=422, If_Match="*")
        assert field in problem["errors"][0]["field"]


async def test_reading_and_changing_are_separate_rights(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    await accounts.call("GET", "/v1/customers/c1", status=200, role=Role.VIEWER)
    await accounts.call("PATCH", "/v1/customers/c1", {}, status=403, role=Role.VIEWER, If_Match="*")
    await accounts.call("POST", "/v1/customers", ADA, status=403, role=Role.VIEWER, Idempotency_Key="k")
    problem = await accounts.call("GET", "/v1/customers/nobody", status=404)
    assert problem["code"] == "customer_not_found"


@pytest.mark.requirement("A18")
async def test_a_viewer_gets_addresses_and_numbers_masked(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", phone="+61 491 570 156"))
    for role, email, phone in (
        (Role.VIEWER, "c•••@example.com", "+61 ••• ••• 156"),
        (Role.AGENT, "c1@example.com", "+61 491 570 156"),
    ):
        profile = await accounts.call("GET", "/v1/customers/c1", status=200, role=role)
        assert (profile["first_name"], profile["email"], profile["phone"]) == ("Ada", email, phone)
        found = await accounts.call("GET", "/v1/customers?email=c1@example.com", status=200, role=role)
        assert [(each["email"], each["phone"]) for each in found["items"]] == [(email, phone)]


async def test_a_masked_answer_is_not_mistaken_for_a_clear_one(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    clear = await accounts.etag("/v1/customers/c1")
    headers = {"Authorization": f"Bearer {token(Role.VIEWER)}", "If-None-Match": clear}
    async with accounts.client.get("/v1/customers/c1", headers=headers) as response:
        assert response.status == 200
        masked = response.headers["ETag"]
    async with accounts.client.get("/v1/customers/c1", headers=headers | {"If-None-Match": masked}) as response:
        assert response.status == 304
