"""Recurring purchases from outside: the runner buys over Kafka like any shop, accounts books or refuses."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest

from deploy.local.stack import Stack
from deploy.stories.observe import Observer, Step, View
from deploy.stories.platform import Platform
from deploy.stories.purchases import LINES, Line, new_customer, new_id, new_purchase
from deploy.stories.stories import Bought, buy, cancel
from tests.support.messaging import eventually

pytestmark = pytest.mark.requirement("T7")
PRICE = LINES[0].price


def _silent(_: Step) -> None:
    """The tests look at the view, not at the steps."""


async def announce_draw(platform: Platform, lottery: str, number: int) -> str:
    """Let a shop sell a ticket of a draw that is due; the platform learns draw and offer of it. Returns the offer."""
    sold = new_purchase(new_customer("Some", "Body"), [Line(lottery, number, 1, "6 x ticket book $10.00", PRICE)])
    await platform.publisher.publish(sold)
    observer = Observer(platform, sold.customer.id, _silent)
    await observer.until(lambda view: set(view.statuses().values()) == {"paid"}, what="a known draw")
    return sold.tickets[0].offer_id


async def create(platform: Platform, customer_id: str, lottery: str, offer: str, **changes: Any) -> str:
    terms = {
        "lottery": lottery, "offer_id": offer, "schedule": {"cadence": "every_draw"}, "payment_method": "balance",
    }  # fmt: skip
    answer = await platform.post("tickets", f"/v1/customers/{customer_id}/autoplays", terms | changes)
    return str(answer["autoplay_id"])


def bought(view: View, autoplay_id: str) -> Counter[tuple[int, str]]:
    """How many tickets of each draw stand where."""
    own = [ticket for ticket in view.tickets if ticket["autoplay_id"] == autoplay_id]
    return Counter((ticket["draw_number"], ticket["status"]) for ticket in own)


def _has_all(autoplay_id: str, expected: dict[tuple[int, str], int], view: View) -> bool:
    return bought(view, autoplay_id) == expected


async def runs(platform: Platform, autoplay_id: str) -> list[tuple[int, str]]:
    items = await platform.items("tickets", f"/v1/autoplays/{autoplay_id}/runs")
    return [(run["draw_number"], run["status"]) for run in reversed(items)]


async def _has_run(platform: Platform, autoplay_id: str, draw: int) -> bool:
    return draw in {number for number, _ in await runs(platform, autoplay_id)}


async def test_a_refused_run_is_paid_once_when_the_balance_covers_it(platform: Platform) -> None:
    lottery = new_id("Lottery")
    offer = await announce_draw(platform, lottery, 1)
    # Paid by card, so the balance is nothing.
    customer: Bought = await buy(platform, _silent)
    autoplay_id = await create(platform, customer.customer_id, lottery, offer)

    async def refused() -> bool:
        detail = await platform.get("tickets", f"/v1/autoplays/{autoplay_id}")
        return bool(detail["status"] == "retrying")

    await eventually(refused)
    # The price of a cancelled ticket comes back, and the next retry is paid by it.
    await cancel(platform, customer)
    view = await customer.observer.until(
        lambda seen: bought(seen, autoplay_id)[1, "paid"] == 1, what="a paid retry", seconds=60
    )
    assert await runs(platform, autoplay_id) == [(1, "paid")]
    assert view.balance() == 0
    booked = [entry for entry in view.transactions if entry["kind"] == "purchase" and entry["status"] == "booked"]
    assert [entry["amount_out"] for entry in booked if entry["order_id"].startswith("ap-")] == [PRICE]
    detail = await platform.get("tickets", f"/v1/autoplays/{autoplay_id}")
    assert (detail["status"], detail["spent_this_month"]) == ("active", PRICE)
    await customer.observer.until(
        lambda seen: any(entry["points"] > 0 and entry["ticket_id"].startswith("ap-") for entry in seen.points),
        what="points for the ticket",
    )


async def test_a_killed_runner_buys_every_draw_once(platform: Platform, platform_stack: Stack) -> None:
    lottery = new_id("Lottery")
    offer = await announce_draw(platform, lottery, 1)
    customers = [new_customer("Ada", f"Auto{number}") for number in range(8)]
    for customer in customers:
        await platform.publisher.publish(new_purchase(customer, LINES[:1]))
    observers = [Observer(platform, customer.id, _silent) for customer in customers]
    for observer in observers:
        await observer.until(lambda view: bool(view.tickets), what="a known customer")
    autoplays = [
        await create(platform, customer.id, lottery, offer, payment_method="card", games=2) for customer in customers
    ]
    process = platform_stack.processes["tickets"]
    for number in (2, 3):
        announcing = asyncio.create_task(announce_draw(platform, lottery, number))
        # In the middle of it: the first one has its run, whatever became of the others and of the purchase.
        await eventually(partial(_has_run, platform, autoplays[0], number), seconds=60)
        await asyncio.to_thread(process.kill)
        await asyncio.to_thread(process.start)
        await announcing
    expected = {(number, "paid"): 2 for number in (1, 2, 3)}
    for observer, autoplay_id in zip(observers, autoplays, strict=True):
        view = await observer.until(partial(_has_all, autoplay_id, expected), what="each draw bought", seconds=60)
        purchases = [entry for entry in view.transactions if (entry["order_id"] or "").startswith("ap-")]
        assert Counter(entry["kind"] for entry in purchases) == {"deposit": 3, "purchase": 3}
        assert await runs(platform, autoplay_id) == [(1, "paid"), (2, "paid"), (3, "paid")]
