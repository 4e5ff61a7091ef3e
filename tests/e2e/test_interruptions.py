"""The stories with services killed half-way, and services that are asked to stop."""

from __future__ import annotations

import asyncio
import time

import pytest

from deploy.local.stack import Stack
from deploy.stories.observe import Observer, Step
from deploy.stories.platform import Platform
from deploy.stories.purchases import LINES, new_customer, new_purchase
from deploy.stories.stories import Bought, cancel, is_settled
from shared.contracts import PurchaseCompleted
from tests.support.processes import lives
from tests.support.wait import eventually

SERVICES = ("tickets", "accounts", "loyalty", "notifications")


def _silent(_: Step) -> None:
    """The tests look at the view, not at the steps."""


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_killed_half_way_loses_and_doubles_nothing(
    platform: Platform, platform_stack: Stack, service: str
) -> None:
    purchases = [new_purchase(new_customer("Ada", f"Number{n}")) for n in range(30)]
    process = platform_stack.processes[service]
    for n, purchase in enumerate(purchases):
        await platform.publisher.publish(purchase)
        if n == 10:
            await asyncio.to_thread(process.kill)
    await asyncio.to_thread(process.start)
    await asyncio.gather(*(_check_settled(platform, purchase) for purchase in purchases))
    bought = Bought(purchases[0], Observer(platform, purchases[0].customer.id, _silent))
    cancelling = asyncio.create_task(cancel(platform, bought))
    if service != "tickets":
        await asyncio.to_thread(process.kill)
        await asyncio.to_thread(process.start)
    view = await cancelling
    assert [entry["kind"] for entry in view.transactions].count("reversal") == 1


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_is_asked_to_stop_drains_and_exits_in_ten_seconds(
    platform: Platform, platform_stack: Stack, service: str
) -> None:
    process = platform_stack.processes[service]
    purchases = [new_purchase(new_customer("Ada", f"Stop{n}")) for n in range(30)]
    for purchase in purchases:
        await platform.publisher.publish(purchase)
    running = process.find()
    assert running is not None
    started = time.monotonic()
    running.terminate()
    await eventually(lambda: not lives(running))
    assert time.monotonic() - started < 10
    # What it says last: it drained and was not cut short.
    assert "stopped" in process.log_tail(1)
    await asyncio.to_thread(process.start)
    await asyncio.gather(*(_check_settled(platform, purchase) for purchase in purchases))


async def _check_settled(platform: Platform, purchase: PurchaseCompleted) -> None:
    observer = Observer(platform, purchase.customer.id, _silent)
    view = await observer.until(lambda seen: is_settled(seen, purchase), what="a settled purchase", seconds=60)
    assert len(view.tickets) == len(LINES)
    assert [entry["kind"] for entry in reversed(view.transactions)] == ["deposit", "purchase"]
    assert len(view.points) == len(LINES)
    assert len(view.correspondence) == 1
