"""Agents at the HTTP APIs: who asks for what, and when."""

import asyncio
import random
from dataclasses import dataclass

from tests.chaos import requests
from tests.chaos.calling import Caller
from tests.chaos.catalogue import Catalogue
from tests.chaos.requests import Draw, Request
from tests.chaos.shop import CANCELLED_LOTTERY, Shop, Sold
from tests.chaos.subscriptions import Subscriptions

AGENT = "agent-chaos"
# They may all that there is, and decide on withdrawals: on those that they asked for as well, if they are let.
BOSSES = ("boss-1", "boss-2")
# Customers that are merged and parted.
MERGED = [f"c-{number}" for number in range(4)]


@dataclass(frozen=True)
class Held:
    """A withdrawal that was answered as pending."""

    customer_id: str
    withdrawal_id: str


class Agents:
    """Some agents who work at once, on the lotteries of a catalogue."""

    def __init__(self, rng: random.Random, shop: Shop, caller: Caller, *, pause: float, agents: int = 6) -> None:
        self._subscriptions = Subscriptions(rng, shop, caller, agent=AGENT, boss=BOSSES[0])
        self._lottery_id = ""
        self._rng = rng
        self._shop = shop
        self._caller = caller
        self._pause = pause
        self._agents = agents
        self._held: list[Held] = []
        self._refunded: list[str] = []
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin nothing new; what has no answer yet is still asked for."""
        self._stopping.set()

    async def run(self, catalogue: Catalogue) -> None:
        """Work until stopped."""
        self._lottery_id, self._subscriptions.lottery_id = catalogue.cancelled, catalogue.autoplay
        async with self._caller:
            await asyncio.gather(*(self._work() for _ in range(self._agents)))

    async def _work(self) -> None:
        acts = {
            self._cancel: 50, self._withdraw: 30, self._decide: 20, self._cancel_order: 10, self._cancel_draw: 8,
            self._resolve: 30, self._merge: 8, self._part: 8, self._erase: 8,
            self._subscriptions.create: 12, self._subscriptions.act: 8, self._subscriptions.add_draw: 12,
        }  # fmt: skip
        while not self._stopping.is_set():
            await asyncio.sleep(self._rng.expovariate(1 / (self._pause * self._agents)))
            if self._shop.sold and not self._stopping.is_set():
                (act,) = self._rng.choices(list(acts), list(acts.values()))
                await act()

    async def _cancel(self) -> None:
        sold = self._ticket()
        accepted = await self._caller.vary(
            lambda: requests.cancellation(AGENT, self._caller.key("cancel"), sold.customer_id, sold.ticket_id)
        )
        if accepted:
            self._refunded.append(sold.customer_id)

    async def _withdraw(self) -> None:
        customer = self._customer()
        amount = 10**9 if self._rng.random() < 0.05 else self._rng.randint(1, 1500)
        who = self._rng.choice((AGENT, AGENT, *BOSSES))
        answers = await self._caller.vary(
            lambda: requests.withdrawal(who, self._caller.key("withdraw"), customer, amount)
        )
        self._held += {Held(customer, each["withdrawal_id"]) for each in answers if each["status"] == "pending"}

    async def _decide(self) -> None:
        if self._held:
            held = self._rng.choice(self._held[-12:])
            await self._caller.vary(lambda: self._decision(held))

    async def _erase(self) -> None:
        if self._shop.guests:
            # The latest have purchases and mails under way.
            guest, who = self._rng.choice(self._shop.guests[-3:]), self._rng.choice(BOSSES)
            await self._caller.vary(lambda: requests.erasure(who, self._caller.key("erase"), guest))

    async def _merge(self) -> None:
        survivor, merged = self._two()
        who = self._rng.choice(BOSSES)
        await self._caller.vary(lambda: requests.merge(who, self._caller.key("merge"), survivor, merged))

    async def _part(self) -> None:
        survivor, merged = self._two()
        who = self._rng.choice(BOSSES)
        await asyncio.gather(
            *(
                self._caller.settle(requests.parting(who, self._caller.key("part"), survivor, merged))
                for _ in range(self._rng.choice((1, 1, 2)))
            )
        )

    def _two(self) -> list[str]:
        """Of some few who buy much, so that merges meet each other and their own partings."""
        return self._rng.sample(MERGED, 2)

    async def _resolve(self) -> None:
        # Tickets of AutoPlays are left to them. Those of this moment are not in limbo, or not yet.
        page = await self._caller.look(BOSSES[0], "tickets", "/v1/limbo-tickets?limit=100") or {"items": []}
        tickets = [
            item["ticket_id"]
            for item in page["items"]
            if item["customer_id"].startswith("c-") and item["ticket_id"].startswith("t-")
        ]
        ticket = self._rng.choice(tickets) if tickets and self._rng.random() < 0.9 else self._ticket().ticket_id
        await self._caller.vary(lambda: self._resolution(ticket))

    def _resolution(self, ticket: str) -> Request:
        """One of the three: at the same time they contradict each other."""
        (action,) = self._rng.choices(("confirm_paid", "cancel_and_refund", "retry"), (1, 1, 3))
        return requests.resolution(AGENT, self._caller.key(action), ticket, action)

    async def _cancel_order(self) -> None:
        # Orders of this moment are about to be recorded and paid.
        sold = self._rng.choice(self._shop.sold[-5:] if self._rng.random() < 0.5 else self._shop.sold[-300:])
        order = "p-none" if self._rng.random() < 0.05 else sold.order_id
        await self._caller.vary(lambda: requests.order_cancellation(AGENT, self._caller.key("cancel-order"), order))

    async def _cancel_draw(self) -> None:
        draw = Draw(self._lottery_id, CANCELLED_LOTTERY, self._shop.draw())
        if self._rng.random() < 0.2:
            # AutoPlays buy it now, or try again to pay it.
            draw = self._subscriptions.draw(ago=self._rng.randint(0, 3))
        await self._caller.vary(lambda: self._draw_request(draw))

    def _draw_request(self, draw: Draw) -> Request:
        who = self._rng.choice(BOSSES)
        if self._rng.random() < 0.7:
            return requests.draw_cancellation(who, self._caller.key("cancel-draw"), draw)
        return requests.draw_sweep(who, self._caller.key("sweep-draw"), draw)

    def _decision(self, held: Held) -> Request:
        """Anybody's, and either way: at the same time they contradict each other."""
        who, approve = self._rng.choice(BOSSES), self._rng.random() < 0.6
        key = self._caller.key("approve" if approve else "reject")
        return requests.decision(who, key, held.customer_id, held.withdrawal_id, approve=approve)

    def _customer(self) -> str:
        chance = self._rng.random()
        if chance < 0.05:
            return "c-nobody"
        # Only cancellations leave money in an account.
        if chance < 0.5 and self._refunded:
            return self._rng.choice(self._refunded[-20:])
        return self._rng.choice(self._shop.sold[-300:]).customer_id

    def _ticket(self) -> Sold:
        chance, sold = self._rng.random(), self._shop.sold
        if chance < 0.05:
            return Sold(f"t-none-{self._rng.randint(1, 9)}", "c-nobody")
        # Tickets of this moment meet their own payment; the others are likely to be paid.
        return self._rng.choice(sold[-5:] if chance < 0.3 else sold[-800:])
