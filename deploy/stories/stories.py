"""The stories: a purchase with all its consequences, and a cancellation with all of its."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.stories.observe import Observer, Show, View
from deploy.stories.platform import Platform
from deploy.stories.purchases import new_customer, new_purchase
from shared.contracts import PurchaseCompleted
from shared.contracts.purchases import Customer

AT_REST = {"delivered", "soft_bounce", "hard_bounce", "unconfirmed", "not_sent"}


@dataclass(frozen=True)
class Bought:
    """What the first story leaves for the second."""

    purchase: PurchaseCompleted
    observer: Observer

    @property
    def customer_id(self) -> str:
        """Who bought."""
        return self.purchase.customer.id


async def buy(platform: Platform, show: Show, customer: Customer | None = None) -> Bought:
    """An order arrives: recorded, booked, paid, points awarded, the customer told."""
    purchase = new_purchase(customer or new_customer("Ada", "Novák"))
    observer = Observer(platform, purchase.customer.id, show)
    count, total = len(purchase.tickets), purchase.payment.amount / 100
    observer.say("shop", f"publishes purchase {purchase.purchase_id}: {count} tickets, {total:.2f} AUD by card")
    await platform.publisher.publish(purchase)
    await observer.until(lambda view: is_settled(view, purchase), what="a paid and confirmed purchase")
    return Bought(purchase, observer)


def is_settled(view: View, purchase: PurchaseCompleted) -> bool:
    """All tickets paid, deposit and purchase booked, points awarded, the confirmation at its end."""
    statuses = view.statuses()
    return (
        all(statuses.get(ticket.id) == "paid" for ticket in purchase.tickets)
        and {entry["kind"] for entry in view.transactions} >= {"deposit", "purchase"}
        and {entry["ticket_id"] for entry in view.points} >= {ticket.id for ticket in purchase.tickets}
        and any(mail["status"] in AT_REST for mail in view.correspondence)
    )


async def cancel(platform: Platform, bought: Bought) -> View:
    """An agent cancels the first ticket: credited back once, points clawed back, the customer told."""
    ticket = bought.purchase.tickets[0]
    observer = bought.observer
    observer.say("agent", f"cancels ticket {ticket.id} over HTTP")
    answer = await platform.post(
        "tickets",
        f"/v1/tickets/{ticket.id}/cancellation",
        {"reason": "Bought for the wrong draw", "confirm": True},
    )
    observer.say("tickets", f"answers: {answer['status']}")
    return await observer.until(lambda view: is_cancelled(view, ticket.id), what="a cancelled and refunded ticket")


def is_cancelled(view: View, ticket_id: str) -> bool:
    """The ticket cancelled, its price credited back, its points gone, the notice at its end."""
    return (
        view.statuses().get(ticket_id) == "cancelled"
        and any(entry["kind"] == "reversal" for entry in view.transactions)
        and any(entry["kind"] == "clawed_back" and entry["ticket_id"] == ticket_id for entry in view.points)
        and sum(mail["status"] in AT_REST for mail in view.correspondence) >= 2
    )


async def withdraw(platform: Platform, bought: Bought) -> View:
    """An agent pays the balance out, as the refund process asks for after a cancellation."""
    observer = bought.observer
    amount = observer.view.balance()
    observer.say("agent", f"withdraws the balance of {amount / 100:.2f} AUD over HTTP")
    await platform.post(
        "accounts",
        f"/v1/customers/{bought.customer_id}/withdrawals",
        {
            "amount": amount,
            "currency": "AUD",
            "type": "card",
            "internal_note": "Refund after cancellation",
            "customer_visible_description": "Refund of a cancelled ticket",
        },
    )
    return await observer.until(lambda view: view.balance() == 0, what="a balance of nothing")


async def bounce(platform: Platform, show: Show) -> Bought:
    """The same purchase by a customer whose address does not exist: the confirmation comes back."""
    customer = new_customer("Hedy", "Bounce")
    return await buy(platform, show, customer.model_copy(update={"email": f"bounce-hard.{customer.id}@example.com"}))
