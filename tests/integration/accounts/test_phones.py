"""Phone numbers: duplicates and the search, whatever way they are written, and keys from before."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from services.accounts.customers.jobs import PhoneKeys
from services.accounts.customers.phones import Phones
from tests.support.accounts import Accounts, purchase, running_accounts, token
from tests.support.stack import Infra

PERSON = {"first_name": "Ada", "last_name": "Novák"}


async def register(accounts: Accounts, phone: str, *, status: int = 201) -> Any:
    body = PERSON | {"email": f"{len(phone)}{abs(hash(phone))}@example.com", "phone": phone}
    return await accounts.call("POST", "/v1/customers", body, status=status, Idempotency_Key=f"k{abs(hash(phone))}")


async def keys(accounts: Accounts) -> list[str | None]:
    return [row["phone_key"] for row in await accounts.fetch("select phone_key from customers order by customer_id")]


async def found(accounts: Accounts, typed: str) -> tuple[list[str], list[str]]:
    box = await accounts.call("GET", f"/v1/search?q={quote(typed)}", status=200)
    form = await accounts.call("GET", f"/v1/customers?phone={quote(typed)}", status=200)
    return tuple([each["customer_id"] for each in answer["items"]] for answer in (box, form))  # type: ignore[return-value]


@pytest.mark.requirement("A3")
@pytest.mark.parametrize("phone", ["0491 570 156", "(0491) 570-156", "0061 491570156", "0011 61 491 570 156"])
async def test_a_number_is_a_duplicate_however_it_is_written(accounts: Accounts, phone: str) -> None:
    created = await register(accounts, "+61 491 570 156")
    problem = await register(accounts, phone, status=409)
    assert (problem["customer_id"], problem["errors"][0]["field"]) == (created["customer_id"], "body.phone")
    await accounts.apply(purchase("c1", "o1"))
    problem = await accounts.call("PATCH", "/v1/customers/c1", {"phone": phone}, status=409, If_Match="*")
    assert problem["customer_id"] == created["customer_id"]


@pytest.mark.requirement("A3")
async def test_numbers_of_two_countries_are_two(accounts: Accounts) -> None:
    await register(accounts, "0491 570 156")
    await register(accounts, "+44 491 570 156")
    await register(accounts, "+49 491 570 156")
    assert sorted(key or "" for key in await keys(accounts)) == ["+44491570156", "+49491570156", "+61491570156"]


@pytest.mark.requirement("A3")
async def test_of_one_number_written_in_many_ways_at_once_one_is_registered(accounts: Accounts) -> None:
    written = ["+61 491 570 156", "0491 570 156", "0061491570156", "61 491 570 156", "(0491) 570.156"]

    async def attempt(n: int) -> int:
        body = PERSON | {"email": f"{n}@example.com", "phone": written[n % len(written)]}
        headers = {"Authorization": f"Bearer {token()}", "Idempotency-Key": f"race-{n}"}
        async with accounts.client.post("/v1/customers", json=body, headers=headers) as response:
            return response.status

    assert sorted(await asyncio.gather(*(attempt(n) for n in range(10)))) == [201] + [409] * 9


async def test_what_is_no_number_is_refused_of_a_person_and_kept_of_a_purchase(accounts: Accounts) -> None:
    for phone in ("+999 1234 5678", "+61 491", "12+34"):
        problem = await register(accounts, phone, status=422)
        assert problem["errors"][0]["field"] == "body.phone"
    await accounts.apply(purchase("c1", "o1", phone="+999 1234 5678"), purchase("c2", "o2", phone="9999 9999"))
    assert await keys(accounts) == ["99912345678", "99999999"]
    changes = {"first_name": "Eve", "phone": "+999 1234 5678"}
    await accounts.call("PATCH", "/v1/customers/c1", changes, status=200, If_Match="*")
    problem = await accounts.call("PATCH", "/v1/customers/c1", {"phone": "+61 49"}, status=422, If_Match="*")
    assert problem["errors"][0]["field"] == "body.phone"
    assert await found(accounts, "99912345678") == (["c1"], ["c1"])


@pytest.mark.requirement("A1")
@pytest.mark.parametrize("typed", ["8 912 345 67 89", "+7 912 345 67 89", "9123456789", "345 67 89"])
async def test_a_number_is_found_by_any_prefix_of_its_country(infra: Infra, tmp_path: Path, typed: str) -> None:
    async with running_accounts(infra, tmp_path, phone_region="RU") as accounts:
        phones = {"c1": "+79123456789", "c2": "8 (912) 345-67-89"}
        await accounts.apply(*[purchase(name, f"o-{name}", phone=phone) for name, phone in phones.items()])
        assert await found(accounts, typed) == (["c1", "c2"], ["c1", "c2"])


@pytest.mark.requirement("A1")
async def test_a_short_number_is_found_with_and_without_its_country(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", phone="131 114"))
    for typed in ("131114", "+61 131 114"):
        assert await found(accounts, typed) == (["c1"], ["c1"])


async def before_the_rule(accounts: Accounts) -> None:
    """Customers whose keys are the digits of what was written."""
    numbers = {
        "c1": "0491 570 156", "c2": "+61 491 570 157", "c3": "9999 9999", "c4": None, "c5": "+61 (0)491 570 158",
        "c6": "491570159",
    }  # fmt: skip
    await accounts.apply(*[purchase(name, f"o-{name}", phone=phone) for name, phone in numbers.items()])
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            "update customers set phone_key = regexp_replace(phone, '[^0-9]', '', 'g') where phone is not null"
        )


@pytest.mark.requirement("A3")
async def test_keys_from_before_are_found_until_they_are_made_anew(accounts: Accounts) -> None:
    await before_the_rule(accounts)
    for phone, owner in (("+61 491 570 156", "c1"), ("0491 570 157", "c2"), ("9999-9999", "c3")):
        assert (await register(accounts, phone, status=409))["customer_id"] == owner
    # The digits of the last are another number in another country.
    await register(accounts, "+49 1570 159")
    assert (await found(accounts, "+61 491 570 156"))[0] == ["c1"]
    # Another way to write it is no new number of its owner.
    await accounts.call("PATCH", "/v1/customers/c1", {"phone": "+61 491 570 156"}, status=200, If_Match="*")


async def test_keys_are_made_anew_once_for_each_region(accounts: Accounts) -> None:
    await before_the_rule(accounts)
    job = PhoneKeys(accounts.unit_of_work, Phones("AU"))
    await asyncio.gather(job.make(), PhoneKeys(accounts.unit_of_work, Phones("AU")).make())
    assert not await job.make()
    made = ["+61491570156", "+61491570157", "99999999", None, "+61491570158", "+61491570159"]
    assert await keys(accounts) == made
    (progress,) = await accounts.fetch("select * from phone_keys")
    assert progress["region"] == "AU"
    assert progress["done_at"] is not None
    while await PhoneKeys(accounts.unit_of_work, Phones("NZ")).make():
        pass
    assert (await keys(accounts))[:2] == ["0491570156", "+61491570157"]


async def test_more_customers_than_one_transaction_takes_are_all_read_anew(accounts: Accounts) -> None:
    phones = [f"0491 570 {number:03}" for number in range(230)]
    await accounts.apply(*[purchase(f"c{n:03}", f"o{n}", phone=phone) for n, phone in enumerate(phones)])
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update customers set phone_key = '1'")
    job = PhoneKeys(accounts.unit_of_work, Phones("AU"))
    assert await job.make()
    assert not await job.make()
    assert await keys(accounts) == [f"+61491570{number:03}" for number in range(230)]
