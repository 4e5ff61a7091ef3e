"""Two customers found to be one, and parted again."""

import asyncio
from typing import Any

import pytest

from shared.web import Role
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase, token

ADMIN = Role.ADMINISTRATOR
WHY = {"reason": "The same person, seen by phone"}
PAYOUT = {"amount": 700, "type": "admin", "customer_visible_description": "Refund"}


async def merge(accounts: Accounts, survivor: str, merged: str, *, status: int = 201, **options: Any) -> Any:
    body = {"merged_id": merged, **WHY}
    key = options.pop("key", f"{survivor}-{merged}")
    options = {"role": ADMIN} | options
    path = f"/v1/customers/{survivor}/merges"
    return await accounts.call("POST", path, body, status=status, Idempotency_Key=key, **options)


async def part(accounts: Accounts, survivor: str, merged: str, *, status: int = 200, role: Role = ADMIN) -> Any:
    path = f"/v1/customers/{survivor}/merges/{merged}?reason=Two+people+after+all"
    return await accounts.call("DELETE", path, status=status, role=role)


async def get(accounts: Accounts, path: str) -> Any:
    return await accounts.call("GET", f"/v1/customers/{path}", status=200)


async def everything(accounts: Accounts) -> Any:
    return (
        await accounts.fetch("select * from ledger_entries order by customer_id, seq"),
        await accounts.fetch("select * from accounts order by customer_id"),
    )


@pytest.mark.requirement("A4", "A5")
async def test_both_ids_show_one_customer_and_the_ledgers_stay_as_they_are(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2", amount=4000))
    await accounts.apply(cancellation("c1", "o1"), cancellation("c2", "o2", price=2000))
    before = await everything(accounts)
    merged = await merge(accounts, "c1", "c2")
    assert await everything(accounts) == before
    assert (merged["customer_id"], merged["merged_ids"], merged["account"]["balance"]) == ("c1", ["c2"], 3000)
    for asked in ("c1", "c2"):
        assert await get(accounts, asked) == merged
        profile = await get(accounts, f"{asked}/profile")
        assert profile["customer_id"] == "c1"
        summary = profile["financial_summary"]
        assert (summary["balance"], summary["deposits"]) == (3000, {"total": 6000, "count": 2})
        assert [(each["customer_id"], each["balance"]) for each in summary["accounts"]] == [("c1", 1000), ("c2", 2000)]
    found = await accounts.call("GET", "/v1/customers?email=c2@example.com", status=200)
    assert [each["customer_id"] for each in found["items"]] == ["c1"]


@pytest.mark.requirement("A4")
async def test_the_changes_of_both_are_shown_as_those_of_one(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"))
    for customer_id in ("c1", "c2"):
        changes = {"last_name": f"Of {customer_id}"}
        await accounts.call("PATCH", f"/v1/customers/{customer_id}", changes, status=200, If_Match="*")
    await merge(accounts, "c1", "c2")
    for customer_id in ("c1", "c2"):
        trail = (await get(accounts, f"{customer_id}/changes"))["items"]
        told = [(each["customer_id"], each["action"]) for each in trail]
        assert told == [("c2", "customers.merge"), ("c2", "customers.edit"), ("c1", "customers.edit")]


@pytest.mark.requirement("A4")
async def test_the_survivor_may_get_the_address_of_a_merged_one_and_not_that_of_another(accounts: Accounts) -> None:
    await accounts.apply(*(purchase(f"c{n}", f"o{n}") for n in range(1, 5)))
    for merged in ("c2", "c3"):
        await merge(accounts, "c1", merged)
    path = "/v1/customers/c1"
    for email in ("c2@example.com", "c3@example.com"):
        edited = await accounts.call("PATCH", path, {"email": email}, status=200, If_Match="*")
        assert edited["email"] == email
    # Another who has it too is found behind those that were merged.
    async with accounts.unit_of_work.begin() as transaction:
        taken = "update customers set email = 'x@example.com', email_key = 'x@example.com' where customer_id <> 'c1'"
        await transaction.connection.execute(taken)
    refused = await accounts.call("PATCH", path, {"email": "x@example.com"}, status=409, If_Match="*")
    assert (refused["code"], refused["customer_id"]) == ("customer_exists", "c4")


@pytest.mark.requirement("A5", "A8")
async def test_the_united_history_has_every_line_once_newest_first(accounts: Accounts) -> None:
    for n in range(5):
        await accounts.apply(purchase(f"c{n % 3}", f"o{n}"))
    await merge(accounts, "c0", "c1")
    await merge(accounts, "c0", "c2")
    seen: list[Any] = []
    cursor = ""
    while True:
        page = await get(accounts, f"c2/united-transactions?limit=3{cursor}")
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len({(each["customer_id"], each["seq"]) for each in seen}) == len(seen) == 10
    moments = [each["recorded_at"] for each in seen]
    assert moments == sorted(moments, reverse=True)
    await accounts.call("GET", "/v1/customers/nobody/united-transactions", status=404)


@pytest.mark.requirement("A8")
async def test_the_united_history_of_many_ids_has_all_its_pages(accounts: Accounts) -> None:
    ids = [f"0199a1f0-0000-7000-8000-0000000000{n:02}" for n in range(30)]
    await accounts.apply(*[purchase(each, f"o-{each}", amount=0) for each in ids])
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update customers set merged_into = $1 where customer_id <> $1", ids[0])
    lines = await accounts.items(f"/v1/customers/{ids[0]}/united-transactions", limit=7)
    assert len({(each["customer_id"], each["seq"]) for each in lines}) == len(lines) == 60


@pytest.mark.requirement("A4")
async def test_the_tag_of_a_merged_customer_does_not_come_again_after_the_parting(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"))
    await merge(accounts, "c1", "c2")
    tags = [await accounts.etag("/v1/customers/c1")]
    assert await accounts.etag("/v1/customers/c2") == tags[0]
    await part(accounts, "c1", "c2")
    for n in range(3, 9):
        tags.append(await accounts.etag("/v1/customers/c1"))
        await accounts.apply(failed_purchase("c1", f"o{n}"))
    assert len(set(tags)) == len(tags)


async def test_events_of_the_merged_id_go_on_being_accepted(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"))
    await merge(accounts, "c1", "c2")
    await accounts.apply(purchase("c2", "o3"), cancellation("c2", "o3"))
    assert (await get(accounts, "c1"))["account"]["balance"] == 1000
    assert await accounts.dead_letters() == []


async def test_a_withdrawal_is_paid_from_the_account_of_the_id_it_names(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"), cancellation("c2", "o2"))
    await merge(accounts, "c1", "c2")
    path = "/v1/customers/{}/withdrawals"
    problem = await accounts.call("POST", path.format("c1"), PAYOUT, status=422, Idempotency_Key="w1")
    assert problem["code"] == "insufficient_balance"
    await accounts.call("POST", path.format("c2"), PAYOUT, status=201, Idempotency_Key="w2")
    assert (await get(accounts, "c1"))["account"]["balance"] == 300
    suspended = {"status": "suspended", "status_reason": "A court order"}
    await accounts.call("PATCH", "/v1/customers/c1", suspended, status=200, If_Match="*")
    problem = await accounts.call("POST", path.format("c2"), PAYOUT, status=422, Idempotency_Key="w3")
    assert problem["code"] == "customer_suspended"


async def test_parting_restores_both(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"))
    own = [await get(accounts, name) for name in ("c1", "c2")]
    await merge(accounts, "c1", "c2")
    problem = await accounts.call("PATCH", "/v1/customers/c2", {"first_name": "Eve"}, status=409, If_Match="*")
    assert (problem["code"], problem["survivor_id"]) == ("customer_merged", "c1")
    parted = await part(accounts, "c1", "c2")
    for was in own:
        now = await get(accounts, was["customer_id"])
        changing = {"version", "changed_at"}
        assert {k: v for k, v in now.items() if k not in changing} == {
            k: v for k, v in was.items() if k not in changing
        }
    assert parted["version"] == 3
    assert (await part(accounts, "c1", "c2", status=404))["code"] == "merge_not_found"
    events = [(each["event"], each["customer_id"], each["version"]) for each in await accounts.published("customers")]
    assert events[2:] == [("merged", "c2", 2), ("changed", "c2", 2), ("unmerged", "c2", 3), ("changed", "c2", 3)]
    trail = await accounts.call("GET", "/v1/customers/c2/changes", status=200)
    assert [(each["action"], each["after"]) for each in trail["items"]] == [
        ("customers.unmerge", {"merged_into": None}),
        ("customers.merge", {"merged_into": "c1"}),
    ]


async def test_what_cannot_be_merged(accounts: Accounts) -> None:
    await accounts.apply(*(purchase(f"c{n}", f"o{n}") for n in range(1, 5)), purchase("e1", "oe", currency="EUR"))
    await merge(accounts, "c1", "c2")
    assert (await merge(accounts, "c3", "c1", status=409))["code"] == "merge_chain"
    assert (await merge(accounts, "c2", "c3", status=409))["code"] == "customer_merged"
    assert (await merge(accounts, "c3", "c2", status=409))["code"] == "customer_merged"
    assert (await merge(accounts, "c3", "e1", status=409))["code"] == "currency_mismatch"
    assert (await merge(accounts, "c3", "c3", status=422))["code"] == "validation_failed"
    assert (await merge(accounts, "c3", "nobody", status=404))["customer_id"] == "nobody"
    await merge(accounts, "c3", "c4", status=403, role=Role.SUPERVISOR)
    await part(accounts, "c1", "c2", status=403, role=Role.SUPERVISOR)


async def test_of_merges_that_race_into_a_ring_one_wins(accounts: Accounts) -> None:
    await accounts.apply(*(purchase(f"c{n}", f"o{n}") for n in range(3)))

    async def attempt(n: int) -> int:
        body = {"merged_id": f"c{(n + 1) % 3}", **WHY}
        headers = {"Authorization": f"Bearer {token(ADMIN)}", "Idempotency-Key": f"ring-{n}"}
        async with accounts.client.post(f"/v1/customers/c{n}/merges", json=body, headers=headers) as response:
            return response.status

    assert sorted(await asyncio.gather(*(attempt(n) for n in range(3)))) == [201, 409, 409]


@pytest.mark.requirement("A6")
async def test_the_timeline_says_that_customers_were_merged_and_parted(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"))
    kinds = "activities?kind=customer_merged&kind=customer_unmerged"
    await merge(accounts, "c1", "c2")
    both = {"actor": "agent-7", "merged_id": "c2", "survivor_id": "c1"}
    for asked in ("c1", "c2"):
        (line,) = (await get(accounts, f"{asked}/{kinds}"))["items"]
        assert (line["kind"], line["origin"], line["reference"]) == ("customer_merged", "accounts", "c2")
        assert line["details"] == both
        assert line in (await get(accounts, f"{asked}/profile"))["recent_activities"]
    # The same request again is answered, and nothing is told twice.
    await merge(accounts, "c1", "c2")
    await part(accounts, "c1", "c2")
    shown = {asked: (await get(accounts, f"{asked}/{kinds}"))["items"] for asked in ("c1", "c2")}
    assert [line["kind"] for line in shown["c1"]] == ["customer_unmerged", "customer_merged"]
    assert [line["kind"] for line in shown["c2"]] == ["customer_unmerged"]
    assert shown["c2"][0]["details"] == both
