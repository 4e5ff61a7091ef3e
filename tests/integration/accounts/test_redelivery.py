"""Whatever comes again, in whatever order and under whatever event id, the ledger stays as it is."""

import random
from itertools import islice

import pytest

from shared.contracts import Event
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase

CUSTOMERS = ["c1", "c2", "c3"]


def story(chance: random.Random) -> list[Event]:
    """Orders, failures and cancellations of a few customers, some before their cause, some more than once."""
    events: list[Event] = []
    for number in range(12):
        customer = chance.choice(CUSTOMERS)
        method = chance.choice(["card", "card", "balance"])
        currency = chance.choice(["AUD", "AUD", "AUD", "EUR"])
        events.append(purchase(customer, f"o{number}", chance.randrange(0, 4000), method, currency))
        for ticket in chance.sample([1, 2], chance.randrange(3)):
            back = cancellation(customer, f"o{number}", ticket, price=chance.randrange(0, 2500))
            events += [back, cancellation(customer, f"o{number}", ticket, price=back.price, under=f"again-{number}")]
        if chance.random() < 0.3:
            events.append(failed_purchase(customer, f"o{number}"))
    for _ in range(5):
        events.append(chance.choice(events))
    if chance.random() < 0.5:
        chance.shuffle(events)
    return events


@pytest.mark.parametrize("seed", range(6))
async def test_the_ledger_is_the_same_after_any_redelivery(accounts: Accounts, seed: int) -> None:
    chance = random.Random(seed)
    events = story(chance)
    rest = iter(events)
    while batch := list(islice(rest, chance.randrange(1, 9))):
        await accounts.apply(*batch)
    lines = {customer: await accounts.lines(customer) for customer in CUSTOMERS}
    published = await accounts.published("balances")
    chance.shuffle(events)
    await accounts.apply(*events)
    assert {customer: await accounts.lines(customer) for customer in CUSTOMERS} == lines
    assert await accounts.published("balances") == published
    assert await accounts.dead_letters() == []
    assert await accounts.fetch("select from waiting_events") == []
    for customer, entries in lines.items():
        total = 0
        for _, status, into, out, balance in entries:
            total += into - out if status == "booked" else 0
            assert balance == total >= 0
        assert all(row["balance"] == total for row in await accounts.fetch(
            "select balance from accounts where customer_id = $1", customer
        ))  # fmt: skip
