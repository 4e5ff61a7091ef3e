"""The timeline of a customer over all services."""

import pytest

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
from tests.support.activity import URL, at, kinds, pages, told


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
    assert await kinds(accounts, "kind=visit_made") == ["visit_made"] * 4
    assert len(await pages(accounts, "activities", "kind=visit_made&kind=login_succeeded", limit=3)) == 8
    period = f"since={at(1):%Y-%m-%dT%H:%M:%SZ}&until={at(3):%Y-%m-%dT%H:%M:%SZ}"
    shown = [item["reference"] for item in await pages(accounts, "activities", period, limit=1)]
    assert shown == ["v2", "l2", "v1", "l1"]
    assert await kinds(accounts, "kind=points_awarded") == []
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


async def test_a_delivery_shows_the_code_and_not_what_a_gateway_wrote_behind_it(accounts: Accounts) -> None:
    await accounts.apply(
        purchase("c1", "o1"), told(DeliveryReported, "c1", status_code="550 <ada@example.com> unknown")
    )
    shown = await pages(accounts, "activities", "kind=correspondence_delivered")
    assert [item["details"]["status_code"] for item in shown] == ["550"]


@pytest.mark.requirement("A6", "A14")
async def test_what_an_unknown_customer_did_is_kept_until_the_customer_is_known(accounts: Accounts) -> None:
    assert (await accounts.call("GET", f"{URL}/activities", status=404))["code"] == "customer_not_found"
    await accounts.apply(told(LoginSucceeded, "c1"))
    assert await kinds(accounts) == ["login_succeeded"]
    await accounts.apply(purchase("c1", "o1", occurred_at=at(1)))
    assert await kinds(accounts) == ["purchase_completed", "login_succeeded"]


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
