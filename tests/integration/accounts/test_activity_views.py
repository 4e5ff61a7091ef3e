"""Views of parts of the timeline: customer events, logins, feedback, checkouts and the cart; and who sees what."""

import pytest

from services.accounts.activity import store
from shared.contracts import (
    CartChanged,
    CheckoutCompleted,
    FeedbackLeft,
    LoginFailed,
    LoginSucceeded,
    VisitMade,
)
from shared.web import Role
from tests.support.accounts import Accounts, failed_purchase, purchase
from tests.support.activity import URL, at, kinds, pages, told


@pytest.mark.requirement("A13")
async def test_customer_events(accounts: Accounts) -> None:
    await accounts.apply(
        told(LoginFailed, "c1", 0),
        told(LoginSucceeded, "c1", 1),
        failed_purchase("c1", "o1", occurred_at=at(2)),
        purchase("c1", "o2", occurred_at=at(3)),
        purchase("c1", "o3", 9000, "balance", occurred_at=at(4)),
        told(VisitMade, "c1", 5),
    )
    shown = [item["kind"] for item in await pages(accounts, "events", limit=2)]
    assert shown == ["purchase_refused", "purchase_completed", "purchase_failed", "login_failed"]
    assert [item["kind"] for item in await pages(accounts, "events", "kind=login_failed")] == ["login_failed"]
    await accounts.call("GET", f"{URL}/events?kind=visit_made", status=422)


@pytest.mark.requirement("A4", "A6", "A13")
async def test_changes_of_details_are_customer_events_with_before_and_after(accounts: Accounts) -> None:
    details = {"first_name": "Ada", "last_name": "Novák", "email": "ada@example.com", "phone": "+61 491 570 156"}
    created = await accounts.call("POST", "/v1/customers", details, status=201, Idempotency_Key="k")
    url = f"/v1/customers/{created['customer_id']}"
    tag = await accounts.etag(url)
    changes = {"email": "lovelace@example.com", "last_name": "Lovelace"}
    await accounts.call("PATCH", url, changes, status=200, If_Match=tag)
    page = await accounts.call("GET", f"{url}/events", status=200)
    changed, registered = page["items"]
    assert (registered["kind"], registered["details"]["after"]["email"]) == ("customer_registered", "ada@example.com")
    assert (changed["kind"], changed["reference"]) == ("details_changed", "2")
    assert changed["details"] == {
        "actor": "agent-7",
        "before": {"email": "ada@example.com", "last_name": "Novák"},
        "after": changes,
    }
    seen = (await accounts.call("GET", f"{url}/events", status=200, role=Role.VIEWER))["items"][0]["details"]
    assert seen["before"] == {"email": "a•••@example.com", "last_name": "Novák"}
    async with accounts.unit_of_work.begin() as transaction:
        await store.erase(transaction.connection, [created["customer_id"]])
    page = await accounts.call("GET", f"{url}/events", status=200)
    assert [item["details"] for item in page["items"]] == [{"actor": "agent-7"}] * 2


@pytest.mark.requirement("A14")
async def test_login_history(accounts: Accounts) -> None:
    await accounts.apply(
        told(LoginSucceeded, "c1", 0, login_id="l0"),
        told(LoginFailed, "c1", 1, login_id="l1"),
        told(LoginSucceeded, "c1", 2, login_id="l2", channel="app", ip_address=None, device=None),
    )
    assert await pages(accounts, "logins") == [
        {
            "login_id": "l2", "occurred_at": "2026-11-22T12:02:00Z", "outcome": "succeeded", "channel": "app",
            "ip_address": None, "device": None, "reason": None,
        },
        {
            "login_id": "l0", "occurred_at": "2026-11-22T12:00:00Z", "outcome": "succeeded", "channel": "website",
            "ip_address": "203.0.113.7", "device": "Firefox on Windows", "reason": None,
        },
    ]  # fmt: skip
    (failed,) = await pages(accounts, "logins", "outcome=failed")
    assert (failed["login_id"], failed["reason"]) == ("l1", "wrong password")
    assert [login["login_id"] for login in await pages(accounts, "logins", "outcome=any", limit=1)] == [
        "l2", "l1", "l0",
    ]  # fmt: skip
    assert [login["login_id"] for login in await pages(accounts, "logins", "channel=app")] == ["l2"]


@pytest.mark.requirement("A15")
async def test_feedback(accounts: Accounts) -> None:
    await accounts.apply(
        told(FeedbackLeft, "c1", 0, feedback_id="f0", rating=1, channel="website"),
        told(FeedbackLeft, "c1", 1, feedback_id="f1", rating=5, text=None),
        told(FeedbackLeft, "c1", 2, feedback_id="f2", rating=None, text="Thank you"),
    )
    feedback = await pages(accounts, "feedback")
    assert [(each["feedback_id"], each["channel"], each["rating"], each["text"]) for each in feedback] == [
        ("f2", "app", None, "Thank you"),
        ("f1", "app", 5, None),
        ("f0", "website", 1, FeedbackLeft.example["text"]),
    ]

    async def ids(query: str) -> list[str]:
        return [each["feedback_id"] for each in await pages(accounts, "feedback", query, limit=1)]

    assert await ids("channel=app") == ["f2", "f1"]
    assert await ids("rating=1") == ["f0"]
    assert await ids("rating=1&rating=5") == ["f1", "f0"]
    assert await ids("rating=5&channel=website") == []
    await accounts.call("GET", f"{URL}/feedback?rating=6", status=422)


@pytest.mark.requirement("A16")
async def test_checkout_history(accounts: Accounts) -> None:
    await accounts.apply(*(told(CheckoutCompleted, "c1", n, checkout_id=f"k{n}") for n in range(3)))
    checkouts = await pages(accounts, "checkouts", limit=2)
    assert [checkout["checkout_id"] for checkout in checkouts] == ["k2", "k1", "k0"]
    assert (checkouts[0]["amount"], checkouts[0]["currency"], checkouts[0]["purchase_id"]) == (
        2000, "AUD", "pur-20261122-0001",
    )  # fmt: skip
    assert checkouts[0]["items"] == CheckoutCompleted.example["items"]


@pytest.mark.requirement("A17")
async def test_the_cart_is_the_change_with_the_latest_time_in_whatever_order_they_come(accounts: Accounts) -> None:
    def change(minutes: int, name: str, *prices: int) -> CartChanged:
        ticket = CartChanged.example["tickets"][0]
        tickets = [ticket | {"price": price, "quantity": 1} for price in prices]
        return told(CartChanged, "c1", minutes, change_id=name, tickets=tickets)

    async def prices() -> list[int]:
        return [ticket["price"] for ticket in (await accounts.call("GET", f"{URL}/cart", status=200))["tickets"]]

    await accounts.call("GET", f"{URL}/cart", status=404)
    await accounts.apply(change(1, "a", 100))
    await accounts.apply(change(3, "a3", 300), change(2, "z", 200, 201))
    assert await prices() == [300]
    await accounts.apply(change(3, "a1", 400), change(0, "zz", 500))
    assert await prices() == [300]
    await accounts.apply(change(3, "a4", 600, 601), change(3, "a2", 700))
    cart = await accounts.call("GET", f"{URL}/cart", status=200)
    assert (cart["amount"], cart["currency"], cart["changed_at"]) == (1201, "AUD", "2026-11-22T12:03:00Z")
    assert cart["tickets"][0] == CartChanged.example["tickets"][0] | {"price": 600, "quantity": 1}
    await accounts.apply(change(4, "b"))
    assert await prices() == []
    assert len(await kinds(accounts, "kind=cart_changed")) == 8


@pytest.mark.requirement("A17")
async def test_the_cart_of_a_known_customer_of_whom_nothing_was_heard_is_empty(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    cart = await accounts.call("GET", f"{URL}/cart", status=200)
    assert cart == {"changed_at": None, "channel": None, "currency": None, "amount": 0, "tickets": []}


async def test_a_viewer_may_read_and_nobody_without_a_token(accounts: Accounts) -> None:
    await accounts.apply(told(LoginSucceeded, "c1"), purchase("c1", "o1"))
    for path in ("activities", "events", "logins", "feedback", "checkouts", "cart"):
        await accounts.call("GET", f"{URL}/{path}", status=200, role=Role.VIEWER)
        async with accounts.client.get(f"{URL}/{path}") as response:
            assert response.status == 401


@pytest.mark.requirement("A6", "A18")
async def test_a_viewer_sees_personal_parts_masked(accounts: Accounts) -> None:
    await accounts.apply(told(LoginSucceeded, "c1"), told(FeedbackLeft, "c1", text="Write to ada@example.com"))
    viewed = await accounts.call("GET", f"{URL}/logins", status=200, role=Role.VIEWER)
    assert viewed["items"][0]["ip_address"] == "2•••"
    viewed = await accounts.call("GET", f"{URL}/feedback", status=200, role=Role.VIEWER)
    assert viewed["items"][0]["text"] == "Write to a•••@example.com"
    viewed = await accounts.call("GET", f"{URL}/activities", status=200, role=Role.VIEWER)
    assert "203.0.113.7" not in str(viewed)
