"""Both stories, from outside: Kafka in, HTTP in and out, mails in the mail server; with figures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from deploy.stories.observe import Observer, Step, look
from deploy.stories.platform import Platform, UnexpectedAnswerError
from deploy.stories.purchases import LINES, new_customer, new_purchase
from deploy.stories.stories import bounce, buy, cancel, is_cancelled, withdraw
from shared.contracts import PurchaseFailed
from shared.ids import uuid7
from shared.messaging import KafkaSettings, Publication
from shared.messaging.follow import follow
from shared.messaging.records import Received
from tests.support.quiet import until_quiet

TOTAL = sum(line.price for line in LINES)
TOPICS = ("purchases", "tickets", "balances", "loyalty", "customers", "deliveries")


def _silent(_: Step) -> None:
    """The tests look at the view, not at the steps."""


async def test_a_purchase_is_recorded_booked_paid_awarded_and_confirmed(platform: Platform) -> None:
    bought = await buy(platform, _silent)
    view = bought.observer.view
    assert view.statuses() == {ticket.id: "paid" for ticket in bought.purchase.tickets}
    assert [(e["kind"], e["amount_in"], e["amount_out"], e["balance"]) for e in reversed(view.transactions)] == [
        ("deposit", TOTAL, 0, TOTAL),
        ("purchase", 0, TOTAL, 0),
    ]
    assert sorted(entry["points"] for entry in view.points) == [5, 10, 10]
    assert view.points_balance() == 25
    assert [(mail["template"], mail["recipient_address"]) for mail in view.correspondence] == [
        ("order_confirmation", bought.purchase.customer.email)
    ]
    assert {ticket["created_from_autoplay"] for ticket in view.tickets} == {True, False}
    await bought.observer.until(lambda seen: set(seen.mail_statuses().values()) == {"delivered"}, what="delivery")


async def test_a_cancellation_is_refunded_once_clawed_back_and_told(platform: Platform) -> None:
    bought = await buy(platform, _silent)
    ticket = bought.purchase.tickets[0]
    view = await cancel(platform, bought)
    assert view.statuses()[ticket.id] == "cancelled"
    newest = view.transactions[0]
    assert (newest["kind"], newest["amount_in"], newest["balance"]) == ("reversal", ticket.price, ticket.price)
    assert newest["ticket_id"] == ticket.id
    assert (view.points[0]["kind"], view.points[0]["points"], view.points_balance()) == ("clawed_back", -10, 15)
    timeline = await platform.items("tickets", f"/v1/tickets/{ticket.id}/timeline")
    assert [entry["status"] for entry in reversed(timeline)] == ["purchased", "paid", "cancelling", "cancelled"]
    with pytest.raises(UnexpectedAnswerError, match="409 ticket_already_cancelled"):
        await platform.post("tickets", f"/v1/tickets/{ticket.id}/cancellation", {"reason": "again", "confirm": True})
    assert (await withdraw(platform, bought)).balance() == 0


async def test_a_hard_bounce_shows_in_the_history(platform: Platform) -> None:
    bought = await bounce(platform, _silent)
    view = await bought.observer.until(
        lambda seen: set(seen.mail_statuses().values()) == {"hard_bounce"}, what="a hard bounce"
    )
    assert len(view.correspondence) == 1


async def test_a_payment_from_a_balance_that_does_not_cover_it_ends_in_limbo(platform: Platform) -> None:
    purchase = new_purchase(new_customer("Grace", "Limbo"), method="balance")
    observer = Observer(platform, purchase.customer.id, _silent)
    await platform.publisher.publish(purchase)
    view = await observer.until(lambda seen: set(seen.statuses().values()) == {"limbo"}, what="limbo")
    assert [(entry["status"], entry["code"]) for entry in view.transactions] == [("refused", "insufficient_balance")]
    ticket = await platform.get("tickets", f"/v1/tickets/{purchase.tickets[0].id}")
    assert ticket["limbo"]["code"] == "insufficient_balance"
    assert view.points == []


async def test_a_credited_balance_pays_for_the_next_order(platform: Platform) -> None:
    bought = await buy(platform, _silent)
    await cancel(platform, bought)
    paid_by_balance = new_purchase(bought.purchase.customer, LINES[:1], method="balance")
    await platform.publisher.publish(paid_by_balance)
    ticket = paid_by_balance.tickets[0].id
    view = await bought.observer.until(lambda seen: seen.statuses().get(ticket) == "paid", what="a paid ticket")
    assert view.balance() == 0


async def test_a_failed_purchase_is_shown_and_moves_nothing(platform: Platform) -> None:
    purchase = new_purchase(new_customer("Mary", "Declined"))
    failed = PurchaseFailed(**dict(purchase) | {"reason": "card declined", "tickets": []})
    observer = Observer(platform, purchase.customer.id, _silent)
    await platform.publisher.publish(failed)
    view = await observer.until(lambda seen: bool(seen.transactions), what="a failed transaction")
    assert [(e["status"], e["balance"], e["reason"]) for e in view.transactions] == [("failed", 0, "card declined")]
    assert view.tickets == []


async def test_redelivery_of_every_event_changes_nothing(platform: Platform, platform_stack: Stack) -> None:
    bought = await buy(platform, _silent)
    await cancel(platform, bought)
    await until_quiet(platform_stack)
    before, mails = await look(platform, bought.customer_id), _mails(platform_stack)
    kafka = KafkaSettings(platform_stack.bootstrap_servers, platform_stack.config.topic_prefix)
    for topic in TOPICS:
        copies = [_copy(item) async for item in follow(kafka, topic, from_beginning=True, to_present=True)
                  if isinstance(item, Received) and item.key == bought.customer_id]  # fmt: skip
        assert copies, f"nothing of the customer on {topic}"
        await platform.publisher.send(copies)
    # The same purchase once more, as a producer that forgot that it had published it: another event id.
    await platform.publisher.publish(bought.purchase, event_id=str(uuid7()))
    await until_quiet(platform_stack)
    assert await look(platform, bought.customer_id) == before
    assert _mails(platform_stack) == mails


async def test_one_trace_leads_from_the_purchase_to_the_last_consumer(
    platform: Platform, platform_stack: Stack
) -> None:
    bought = await buy(platform, _silent)
    await until_quiet(platform_stack)
    kafka = KafkaSettings(platform_stack.bootstrap_servers, platform_stack.config.topic_prefix)
    traces = {
        (topic, item.type): item.trace.trace_id
        for topic in ("purchases", "tickets", "balances", "loyalty")
        async for item in follow(kafka, topic, from_beginning=True, to_present=True)
        if isinstance(item, Received) and item.key == bought.customer_id
    }
    assert len(traces) >= 5
    assert len(set(traces.values())) == 1


async def test_twenty_agents_cancel_one_ticket_and_it_is_refunded_once(platform: Platform) -> None:
    bought = await buy(platform, _silent)
    ticket = bought.purchase.tickets[0]
    answers = await asyncio.gather(
        *(
            platform.post("tickets", f"/v1/tickets/{ticket.id}/cancellation", {"reason": f"r{n}", "confirm": True})
            for n in range(20)
        ),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, UnexpectedAnswerError)]
    assert {answer.status for answer in refused} == {409}
    assert len(answers) - len(refused) == 1
    view = await bought.observer.until(lambda seen: is_cancelled(seen, ticket.id), what="a cancelled ticket")
    assert [entry["kind"] for entry in view.transactions].count("reversal") == 1


def _copy(item: Received) -> Publication:  # type: ignore[type-arg] # any event
    record = item.record
    return Publication(record.topic, record.key, record.headers, record.value)


def _mails(stack: Stack) -> set[Path]:
    return set(stack.config.state_dir.rglob("*.eml"))
