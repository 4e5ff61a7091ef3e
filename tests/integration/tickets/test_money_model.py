"""Tickets and money agree in the end, whatever agents, jobs and accounts do to an order before, in whatever order.

A scenario is a seeded run of steps on one order; accounts is a plain model that books or refuses at random, lags behind
and may get the purchase late.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import orjson
import pytest

from services.tickets.bulk.jobs import BulkRunner
from services.tickets.settlement.jobs import OverduePayments
from shared.contracts import (
    BalanceCredited,
    BalanceDebited,
    BalanceRefused,
    TicketCancellationRequested,
    TicketsPaymentRetried,
    TicketsPurchased,
)
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import (
    credited,
    dead_letters,
    debited,
    payment_refused,
    payment_settled_after_retry,
    prize_paid,
    purchase,
    reversal_refused,
    ticket,
)

pytestmark = pytest.mark.requirement("T3", "T5", "T6")

REQUEST = {"reason": "The customer called", "confirm": True}
Balance = BalanceCredited | BalanceDebited | BalanceRefused


@dataclass
class Accounts:
    """What accounts makes of one order: it charges it once, and credits each ticket once."""

    random: Random
    customer: str
    order: str
    purchase_is_lost: bool
    charged: bool | None = None
    settled: set[str] = field(default_factory=set)
    reversed: set[str] = field(default_factory=set)
    said: list[Balance] = field(default_factory=list)

    def take(self, kind: str, data: dict[str, Any]) -> None:
        """Decide on an event of tickets."""
        if kind == TicketsPurchased.type and not self.purchase_is_lost:
            self.book()
        elif kind == TicketsPaymentRetried.type and self.charged is False and data["retry_id"] not in self.settled:
            self.settled.add(data["retry_id"])
            self.charged = self.random.random() < 0.6
            paid = payment_settled_after_retry(self.customer, self.order, data["retry_id"])
            self.said.append(paid if self.charged else payment_refused(self.customer, self.order))
        elif kind == TicketCancellationRequested.type and data["cancellation_id"] not in self.settled:
            self.settled.add(data["cancellation_id"])
            self._reverse(data["cancellation_id"], data["ticket_id"])

    def book(self) -> None:
        """Decide on the purchase, which may have been lost before."""
        self.purchase_is_lost = False
        if self.charged is None:
            self.charged = self.random.random() < 0.6
            booked = debited(self.customer, self.order)
            self.said.append(booked if self.charged else payment_refused(self.customer, self.order))

    def _reverse(self, cancellation: str, ticket_id: str) -> None:
        if self.charged and ticket_id not in self.reversed:
            self.reversed.add(ticket_id)
            self.said.append(credited(self.customer, cancellation, self.order))
            return
        code = {None: "unknown_purchase", False: "not_charged", True: "already_reversed"}[self.charged]
        self.said.append(reversal_refused(self.customer, cancellation, self.order, code=code))


class Scenario:
    """One order of three tickets for two draws, and all that may happen to it."""

    def __init__(self, partition: Partition, api: ApiClient, seed: int) -> None:
        self.random = Random(seed)
        self.order, self.customer = f"o{seed}", f"c{seed}"
        self.lottery_of = {f"t{seed}-{n}": f"L{seed}-{n % 2}" for n in range(3)}
        self.accounts = Accounts(self.random, self.customer, self.order, self.random.random() < 0.3)
        self.confirmed: set[str] = set()
        self.paid_out: set[str] = set()
        self.cancelled_draws: set[str] = set()
        self._partition, self._api = partition, api
        self._bulk = BulkRunner(partition.unit_of_work)
        self._keys = (f"{seed}-{n}" for n in range(1000))
        self._taken = self._told = 0

    async def run(self) -> None:
        """Let happen what may, and then all that has to follow."""
        tickets = [ticket(each, lottery=lottery, draw_number=1) for each, lottery in self.lottery_of.items()]
        await self._partition.deliver(purchase(self.customer, self.order, *tickets))
        steps: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self.accounts_go_on, self.accounts_go_on, self.hear, self.hear, self.hear_again, self.cancel, self.resolve,
            self.resolve, self.miss_payments, self.miss_payments, self.cancel_draw, self.cancel_order, self.work,
            self.pay_prize, self.find,
        ]  # fmt: skip
        for _ in range(self.random.randint(6, 30)):
            await self.random.choice(steps)()
        await self.find()
        for _ in range(6):
            await self.accounts_go_on(at_most=1000)
            await self.hear(at_most=1000)
            while await self._bulk.step():
                pass

    async def accounts_go_on(self, at_most: int = 2) -> None:
        rows = await self._partition.fetch(
            "select type, payload from outbox where aggregateid = $1 order by sequence offset $2 limit $3",
            self.customer, self._taken, at_most,
        )  # fmt: skip
        self._taken += len(rows)
        for kind, payload in rows:
            self.accounts.take(kind, orjson.loads(payload))

    async def find(self) -> None:
        if self.accounts.purchase_is_lost:
            self.accounts.book()

    async def hear(self, at_most: int = 2) -> None:
        said = self.accounts.said[self._told : self._told + at_most]
        self._told += len(said)
        if said:
            await self._partition.deliver(*said)

    async def hear_again(self) -> None:
        if self._told:
            await self._partition.deliver(self.random.choice(self.accounts.said[: self._told]))

    async def cancel(self) -> None:
        await self._ask(f"/v1/tickets/{self._any_ticket()}/cancellation", REQUEST)

    async def cancel_order(self) -> None:
        if self.random.random() < 0.3:
            await self._ask("/v1/bulk-cancellations", REQUEST | {"order_id": self.order})

    async def cancel_draw(self) -> None:
        if self.random.random() < 0.7:
            lottery = self.random.choice(list(self.lottery_of.values()))
            (found,) = (await self._api.get("/v1/lotteries", name=lottery)).body["items"]
            await self._ask(f"/v1/lotteries/{found['lottery_id']}/draws/1/cancellation", REQUEST)
            self.cancelled_draws.add(lottery)

    async def resolve(self) -> None:
        ticket_id, action = self._any_ticket(), self.random.choice(["retry", "cancel_and_refund", "confirm_paid"])
        taken = await self._ask(f"/v1/tickets/{ticket_id}/resolution", REQUEST | {"action": action})
        if taken and action == "confirm_paid":
            self.confirmed.add(ticket_id)

    async def miss_payments(self) -> None:
        await OverduePayments(self._partition.unit_of_work, timeout=timedelta(0)).sweep()

    async def work(self) -> None:
        for _ in range(self.random.choice([1, 10])):
            await self._bulk.step()

    async def pay_prize(self) -> None:
        if self.random.random() < 0.2:
            ticket_id = self._any_ticket()
            self.paid_out.add(ticket_id)
            await self._partition.deliver(prize_paid(self.customer, f"p-{next(self._keys)}", ticket_id))

    def fault_of(self, ticket_id: str, state: str) -> str | None:
        """What is wrong with the state that a ticket ended in."""
        kept = bool(self.accounts.charged) and ticket_id not in self.accounts.reversed
        agent = ticket_id in self.confirmed
        draw_is_cancelled = self.lottery_of[ticket_id] in self.cancelled_draws and ticket_id not in self.paid_out
        faults = {
            "it was never settled": state in {"purchased", "cancelling"},
            "its money was kept": state == "cancelled" and kept,
            "nobody paid": state == "paid" and not kept and not agent,
            "its draw is cancelled": state == "paid" and draw_is_cancelled and not agent,
            "its payment was not seen": state.startswith("limbo_payment") and bool(self.accounts.charged),
            "nobody asks for the money": state == "limbo_reversal_refused" and kept and ticket_id not in self.paid_out,
        }
        return next((fault for fault, holds in faults.items() if holds), None)

    def _any_ticket(self) -> str:
        return self.random.choice(list(self.lottery_of))

    async def _ask(self, path: str, body: dict[str, Any]) -> bool:
        answer = await self._api.post(path, body, key=next(self._keys))
        assert answer.status in {200, 202, 409}, answer.body
        return answer.status < 300


async def test_tickets_and_money_agree_in_the_end(partition: Partition, api: ApiClient) -> None:
    faults = {}
    for seed in range(120):
        scenario = Scenario(partition, api, seed)
        await scenario.run()
        for ticket_id, state in await partition.fetch(
            "select ticket_id, state from tickets where order_id = $1", scenario.order
        ):
            if fault := scenario.fault_of(ticket_id, state):
                faults[ticket_id] = (state, fault)
    assert faults == {}
    assert await dead_letters(partition) == []
