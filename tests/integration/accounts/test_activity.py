"""The timeline of a customer over all services, and the views of parts of it."""

from typing import Any

import pytest

from services.accounts.activity import store
from shared.contracts import (
    AutoplayCreated,
    AutoplayPaused,
    AutoplayRan,
    CartChanged,
    CheckoutCompleted,
    CorrespondenceRequested,
    DeliveryReported,
    FeedbackLeft,
    LoginFailed,
    LoginSucceeded,
    PointsAwarded,
    PointsClawedBack,
    PrizePaid,
    TicketCancelled,
    TicketsInLimbo,
    TicketsPaid,
    VisitMade,
)
from shared.web import Role
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase
from tests.support.activity import at, told

URL = "/v1/customers/c1"


async def pages(accounts: Accounts, path: str, query: str = "", *, limit: int = 100) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    cursor = ""
    while True:
        page = await accounts.call("GET", f"{URL}/{path}?limit={limit}{query}{cursor}", status=200)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


async def kinds(accounts: Accounts, query: str = "") -> list[str]:
    return [item["kind"] for item in await pages(accounts, "activities", query)]


@pytest.mark.requirement("A6")
async def test_one_timeline_over_all_services(accounts: Accounts) -> None:
    await accounts.apply(
        purchase("c1", "o1", occurred_at=at(0)),
        failed_purchase("c1", "o2", occurred_at=at(1)),
        purchase("c1", "o3", 9000, "balance", occurred_at=at(2)),
        told(VisitMade, "c1", 3),
        told(LoginFailed, "c1", 4),
        told(LoginSucceeded, "c1", 5),
        told(CartChanged, "c1", 6),
        told(CheckoutCompleted, "c1", 7),
        told(FeedbackLeft, "c1", 8),
        told(TicketsPaid, "c1", 9, moment="paid_at", order_id="o1"),
        cancellation("c1", "o1", requested_at=at(10)),
        told(TicketCancelled, "c1", 11, moment="cancelled_at"),
        told(TicketsInLimbo, "c1", 12, moment="since"),
        told(PrizePaid, "c1", 12.5, moment="paid_at"),
        told(PointsAwarded, "c1", 13),
        told(PointsClawedBack, "c1", 14),
        told(CorrespondenceRequested, "c1", 15, moment="requested_at"),
        *(
            told(DeliveryReported, "c1", 16 + n, state=state)
            for n, state in enumerate(("accepted", "deferred", "delivered", "soft_bounce", "hard_bounce", "complaint"))
        ),
    )
    body = {"amount": 100, "type": "card", "customer_visible_description": "Paid out"}
    await accounts.call("POST", f"{URL}/withdrawals", body, status=201, Idempotency_Key="k")
    items = await pages(accounts, "activities")
    booked_now = {"withdrawal", "reversal"}
    assert [item["kind"] for item in items if item["kind"] not in booked_now] == [
        "correspondence_complained", "correspondence_bounced", "correspondence_bounced", "correspondence_delivered",
        "correspondence_deferred", "correspondence_sent", "correspondence_requested", "points_clawed_back",
        "points_awarded", "prize_paid", "tickets_limbo", "ticket_cancelled", "cancellation_requested", "tickets_paid",
        "feedback_left", "checkout_completed", "cart_changed", "login_succeeded", "login_failed", "visit_made",
        "purchase_refused", "purchase_failed", "purchase_completed",
    ]  # fmt: skip
    by_kind = {item["kind"]: item for item in items}
    assert {item["origin"] for item in items} == {"outside", "accounts", "tickets", "notifications", "loyalty"}
    assert by_kind["purchase_completed"]["reference"] == "o1"
    assert by_kind["purchase_completed"]["details"] == {
        "amount": 2000, "currency": "AUD", "description": "Purchase of 2 tickets", "method": "card",
    }  # fmt: skip
    assert by_kind["purchase_refused"]["details"]["code"] == "insufficient_balance"
    assert by_kind["purchase_failed"]["details"]["reason"] == "card declined: insufficient funds"
    assert (by_kind["prize_paid"]["origin"], by_kind["prize_paid"]["details"]["amount"]) == ("outside", 250000)
    assert by_kind["withdrawal"]["details"]["actor"] == "agent-7"
    assert by_kind["reversal"]["details"]["order_id"] == "o1"
    assert "items" not in by_kind["checkout_completed"]["details"]


@pytest.mark.requirement("A6")
async def test_the_last_seven_are_a_page_of_seven(accounts: Accounts) -> None:
    await accounts.apply(*(told(VisitMade, "c1", n, visit_id=f"v{n:02d}") for n in range(20)))
    page = await accounts.call("GET", f"{URL}/activities?limit=7", status=200)
    assert [item["reference"] for item in page["items"]] == [f"v{n:02d}" for n in range(19, 12, -1)]


@pytest.mark.requirement("A6")
async def test_pages_of_any_size_show_each_row_once(accounts: Accounts) -> None:
    """Also where many things happened at one moment."""
    moments = [0, 1, 1, 1, 2, 2, 3]
    events = [
        told(contract, "c1", minutes, **{name: f"{name}-{n}"})
        for contract, name in ((VisitMade, "visit_id"), (LoginFailed, "login_id"), (PointsAwarded, "entry_id"))
        for n, minutes in enumerate(moments)
    ]
    await accounts.apply(*events)
    whole = await pages(accounts, "activities")
    keys = [(item["occurred_at"], item["kind"], item["reference"]) for item in whole]
    assert keys == sorted(keys, reverse=True)
    assert len(set(keys)) == 21
    for limit in (1, 2, 5):
        assert await pages(accounts, "activities", limit=limit) == whole


@pytest.mark.requirement("A6")
async def test_filters_by_kind_and_period(accounts: Accounts) -> None:
    await accounts.apply(
        *(told(VisitMade, "c1", n, visit_id=f"v{n}") for n in range(4)),
        *(told(LoginSucceeded, "c1", n, login_id=f"l{n}") for n in range(4)),
    )
    assert await kinds(accounts, "&kind=visit_made") == ["visit_made"] * 4
    assert len(await pages(accounts, "activities", "&kind=visit_made&kind=login_succeeded", limit=3)) == 8
    period = f"&since={at(1):%Y-%m-%dT%H:%M:%SZ}&until={at(3):%Y-%m-%dT%H:%M:%SZ}"
    shown = [item["reference"] for item in await pages(accounts, "activities", period, limit=1)]
    assert shown == ["v2", "l2", "v1", "l1"]
    assert await kinds(accounts, "&kind=points_awarded") == []
    await accounts.call("GET", f"{URL}/activities?kind=gift", status=422)
    await accounts.call("GET", f"{URL}/activities?since=yesterday", status=422)
    backwards = "since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z"
    problem = await accounts.call("GET", f"{URL}/activities?{backwards}", status=422)
    assert problem["errors"] == [{"field": "query.until", "message": "It is before since."}]
    first = await accounts.call("GET", f"{URL}/activities?limit=1", status=200)
    await accounts.call("GET", f"{URL}/activities?kind=visit_made&cursor={first['next_cursor']}", status=400)


@pytest.mark.requirement("A6")
async def test_the_same_fact_is_one_row_under_whatever_event_id_it_comes(accounts: Accounts) -> None:
    events = [
        purchase("c1", "o1"),
        told(LoginSucceeded, "c1"),
        told(FeedbackLeft, "c1"),
        told(TicketsPaid, "c1", moment="paid_at"),
        told(DeliveryReported, "c1"),
        cancellation("c1", "o9"),
    ]
    await accounts.apply(*events)
    first = await pages(accounts, "activities")
    await accounts.apply(*events, *events)
    await accounts.expire_waiting()
    assert await pages(accounts, "activities") == first
    # The ids of what other systems report are unique, whatever time comes with them.
    await accounts.apply(told(LoginSucceeded, "c1", 1), told(FeedbackLeft, "c1", 1))
    assert await pages(accounts, "activities") == first


@pytest.mark.requirement("A6", "A14")
async def test_what_an_unknown_customer_did_is_kept_until_the_customer_is_known(accounts: Accounts) -> None:
    assert (await accounts.call("GET", f"{URL}/activities", status=404))["code"] == "customer_not_found"
    await accounts.apply(told(LoginSucceeded, "c1"))
    assert await kinds(accounts) == ["login_succeeded"]
    await accounts.apply(purchase("c1", "o1", occurred_at=at(1)))
    assert await kinds(accounts) == ["purchase_completed", "login_succeeded"]


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
    assert [item["kind"] for item in await pages(accounts, "events", "&kind=login_failed")] == ["login_failed"]
    await accounts.call("GET", f"{URL}/events?kind=visit_made", status=422)


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
    (failed,) = await pages(accounts, "logins", "&outcome=failed")
    assert (failed["login_id"], failed["reason"]) == ("l1", "wrong password")
    assert [login["login_id"] for login in await pages(accounts, "logins", "&outcome=any", limit=1)] == [
        "l2", "l1", "l0",
    ]  # fmt: skip
    assert [login["login_id"] for login in await pages(accounts, "logins", "&channel=app")] == ["l2"]


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

    assert await ids("&channel=app") == ["f2", "f1"]
    assert await ids("&rating=1") == ["f0"]
    assert await ids("&rating=1&rating=5") == ["f1", "f0"]
    assert await ids("&rating=5&channel=website") == []
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
    assert len(await kinds(accounts, "&kind=cart_changed")) == 8


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


@pytest.mark.requirement("A6", "A17")
async def test_the_timelines_and_carts_of_merged_customers_are_one(accounts: Accounts) -> None:
    """Also where both ids have the same thing at the same moment."""
    await accounts.apply(purchase("c1", "o1"), purchase("c2", "o2"), purchase("c3", "o3"))
    for customer in ("c1", "c2"):
        await accounts.apply(
            told(CorrespondenceRequested, customer, moment="requested_at"),
            *(told(VisitMade, customer, n, visit_id=f"v{n}") for n in range(3)),
        )
    await accounts.apply(told(CartChanged, "c2", 1), told(CartChanged, "c1", 0, tickets=[]))
    body = {"merged_id": "c2", "reason": "The same person"}
    await accounts.call("POST", f"{URL}/merges", body, status=201, role=Role.ADMINISTRATOR, Idempotency_Key="merge")
    whole = await pages(accounts, "activities")
    assert len(whole) == 2 * 5 + 2 + 1
    for limit in (1, 2, 3):
        assert await pages(accounts, "activities", limit=limit) == whole
    assert (await accounts.call("GET", "/v1/customers/c2/activities?limit=100", status=200))["items"] == whole
    assert (await accounts.call("GET", f"{URL}/cart", status=200))["amount"] == 2000
    profile = await accounts.call("GET", f"{URL}/profile", status=200)
    shown = [item["reference"] for item in profile["recent_activities"]]
    assert shown == [item["reference"] for item in whole[:7]]


@pytest.mark.requirement("A6", "A18")
async def test_a_viewer_sees_personal_parts_masked(accounts: Accounts) -> None:
    await accounts.apply(told(LoginSucceeded, "c1"), told(FeedbackLeft, "c1", text="Write to ada@example.com"))
    viewed = await accounts.call("GET", f"{URL}/logins", status=200, role=Role.VIEWER)
    assert viewed["items"][0]["ip_address"] == "2•••"
    viewed = await accounts.call("GET", f"{URL}/feedback", status=200, role=Role.VIEWER)
    assert viewed["items"][0]["text"] == "Write to a•••@example.com"
    viewed = await accounts.call("GET", f"{URL}/activities", status=200, role=Role.VIEWER)
    assert "203.0.113.7" not in str(viewed)


@pytest.mark.requirement("A6")
async def test_a_large_batch_leaves_the_rows_that_small_ones_leave(accounts: Accounts) -> None:
    customers = [f"c{n}" for n in range(120)]
    await accounts.apply(*(purchase(customer, f"{customer}-o1", occurred_at=at(0)) for customer in customers))
    for customer in customers:
        await accounts.apply(purchase(customer, f"{customer}-o2", occurred_at=at(1)))
    rows = await accounts.fetch("select * from activities order by customer_id, occurred_at")
    assert len(rows) == 240
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first["customer_id"] == second["customer_id"]
        assert first["details"] == second["details"]
        assert (first["reference"][-3:], second["reference"][-3:]) == ("-o1", "-o2")


@pytest.mark.requirement("A6")
async def test_what_happens_to_an_autoplay_is_in_the_timeline(accounts: Accounts) -> None:
    await accounts.apply(
        told(AutoplayCreated, "c1", 0, autoplay_id="a1"),
        *(told(AutoplayRan, "c1", 1, autoplay_id="a1", draw_number=n, order_id=f"o{n}") for n in range(3)),
        told(AutoplayPaused, "c1", 2, autoplay_id="a1"),
    )
    items = await pages(accounts, "activities")
    assert [(item["kind"], item["reference"]) for item in items] == [
        ("autoplay_paused", "a1"),
        ("autoplay_ran", "a1/2"),
        ("autoplay_ran", "a1/1"),
        ("autoplay_ran", "a1/0"),
        ("autoplay_created", "a1"),
    ]
    assert {item["origin"] for item in items} == {"tickets"}
    assert (items[0]["details"]["until"], items[1]["details"]["order_id"]) == ("2026-12-31T14:00:00Z", "o2")
