"""Events become ledger lines and balance events, once each, against the real PostgreSQL."""

from typing import Any

from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase

DEPOSIT, PURCHASE = ("deposit", "booked", 2000, 0, 2000), ("purchase", "booked", 0, 2000, 0)


async def outcomes(accounts: Accounts) -> list[tuple[Any, ...]]:
    """(event, kind or code, amount) of everything published on `balances`."""
    return [
        (each["event"], each.get("kind") or each["code"], each["amount"])
        for each in await accounts.published("balances")
    ]


async def test_a_card_payment_is_a_deposit_and_a_purchase(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    assert await accounts.lines("c1") == [DEPOSIT, PURCHASE]
    published = await accounts.published("balances")
    assert [(each["event"], each["kind"], each["amount"], each["balance"]) for each in published] == [
        ("credited", "deposit", 2000, 2000),
        ("debited", "purchase", 2000, 0),
    ]
    assert all(each["cause"] == {"kind": "order", "id": "o1", "order_id": "o1"} for each in published)
    entries = await accounts.entries("c1")
    assert [each["entry_id"] for each in published] == [str(each["entry_id"]) for each in entries]
    assert [each["description"] for each in entries] == ["Deposit by card", "Purchase of 2 tickets"]


async def test_an_order_is_charged_once_under_whatever_event_id(accounts: Accounts) -> None:
    order = purchase("c1", "o1")
    await accounts.apply(order, order)
    await accounts.apply(order)
    assert await accounts.lines("c1") == [DEPOSIT, PURCHASE]
    assert len(await accounts.published("balances")) == 2


async def test_a_cancelled_ticket_is_credited_back_once(accounts: Accounts) -> None:
    request = cancellation("c1", "o1")
    await accounts.apply(purchase("c1", "o1"), request, request)
    await accounts.apply(request)
    assert await accounts.lines("c1") == [DEPOSIT, PURCHASE, ("reversal", "booked", 1000, 0, 1000)]
    reversal = (await accounts.published("balances"))[2:]
    assert [(each["event"], each["kind"], each["balance"], each["cause"]) for each in reversal] == [
        (
            "credited",
            "reversal",
            1000,
            {"kind": "cancellation", "id": "can-o1-1", "order_id": "o1", "ticket_id": "o1-1"},
        )
    ]
    entry = (await accounts.entries("c1"))[2]
    assert (entry["actor"], entry["reason"]) == ("agent-7", "Customer bought the wrong draw")


async def test_a_second_cancellation_of_a_ticket_is_refused(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"), cancellation("c1", "o1", under="other"))
    assert await outcomes(accounts) == [
        ("credited", "deposit", 2000),
        ("debited", "purchase", 2000),
        ("credited", "reversal", 1000),
        ("refused", "already_reversed", 1000),
    ]
    assert (await accounts.lines("c1"))[3] == ("reversal", "refused", 1000, 0, 1000)
    await accounts.apply(cancellation("c1", "o1", under="other"))
    assert len(await accounts.lines("c1")) == 4


async def test_reversals_never_exceed_what_was_paid(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1", 1, price=1500), cancellation("c1", "o1", 2))
    assert (await outcomes(accounts))[2:] == [("credited", "reversal", 1500), ("refused", "exceeds_payment", 1000)]
    assert (await accounts.published("balances"))[3]["reason"] == (
        "10.00 is more than the 5.00 left of what was paid for order o1"
    )


async def test_no_balance_becomes_one_that_events_cannot_tell(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update accounts set balance = 1000000000000000 - 1500")
    await accounts.apply(
        cancellation("c1", "o1", 1), cancellation("c1", "o1", 2), purchase("c1", "o2"), purchase("c1", "o3", 500)
    )
    assert (await outcomes(accounts))[2:] == [
        ("credited", "reversal", 1000),
        ("refused", "balance_limit", 1000),
        ("refused", "balance_limit", 2000),
        ("credited", "deposit", 500),
        ("debited", "purchase", 500),
    ]


async def test_payments_from_the_balance_are_refused_in_sequence_when_it_does_not_cover_them(
    accounts: Accounts,
) -> None:
    await accounts.apply(
        purchase("c1", "o1"),
        cancellation("c1", "o1", 1),
        cancellation("c1", "o1", 2),
        purchase("c1", "o2", 1600, "balance"),
        purchase("c1", "o3", 600, "balance"),
        purchase("c1", "o4", 400, "balance"),
    )
    assert (await accounts.lines("c1"))[4:] == [
        ("purchase", "booked", 0, 1600, 400),
        ("purchase", "refused", 0, 600, 400),
        ("purchase", "booked", 0, 400, 0),
    ]
    refused = (await accounts.published("balances"))[5]
    assert (refused["code"], refused["reason"]) == (
        "insufficient_balance",
        "The balance of 4.00 does not cover 6.00",
    )
    assert refused["cause"] == {"kind": "order", "id": "o3", "order_id": "o3"}


async def test_a_ticket_whose_payment_was_refused_is_not_credited(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", method="balance"), cancellation("c1", "o1"))
    assert await outcomes(accounts) == [
        ("refused", "insufficient_balance", 2000),
        ("refused", "not_charged", 1000),
    ]
    assert [line[4] for line in await accounts.lines("c1")] == [0, 0]


async def test_an_account_keeps_to_one_currency(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", currency="EUR", method="balance"), purchase("c1", "o2"))
    await accounts.apply(purchase("c1", "o3", currency="EUR"), cancellation("c1", "o2", currency="EUR"))
    assert await outcomes(accounts) == [
        ("refused", "insufficient_balance", 2000),
        ("credited", "deposit", 2000),
        ("debited", "purchase", 2000),
        ("refused", "currency_mismatch", 2000),
        ("refused", "currency_mismatch", 1000),
    ]


async def test_a_cancellation_waits_for_its_order(accounts: Accounts) -> None:
    await accounts.apply(cancellation("c1", "o1"), cancellation("c2", "o1", under="of-another"))
    assert await accounts.lines("c1") == []
    await accounts.apply(purchase("c1", "o1"))
    assert await accounts.lines("c1") == [DEPOSIT, PURCHASE, ("reversal", "booked", 1000, 0, 1000)]
    assert await accounts.lines("c2") == []
    assert [row["cause"] for row in await accounts.fetch("select cause from waiting_events")] == ["order:c2/o1"]


async def test_a_cancellation_that_waited_in_vain_is_refused_for_good(accounts: Accounts) -> None:
    await accounts.apply(cancellation("c1", "o1"))
    await accounts.expire_waiting()
    assert await accounts.processor.apply_overdue() == 1
    assert await outcomes(accounts) == [("refused", "unknown_purchase", 1000)]
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    assert [line[:2] for line in await accounts.lines("c1")] == [
        ("reversal", "refused"),
        ("deposit", "booked"),
        ("purchase", "booked"),
    ]


async def test_a_failed_purchase_is_shown_and_moves_nothing(accounts: Accounts) -> None:
    failed = failed_purchase("c1", "o1")
    await accounts.apply(failed, failed)
    await accounts.apply(failed)
    assert await accounts.lines("c1") == [("purchase", "failed", 0, 2000, 0)]
    assert (await accounts.entries("c1"))[0]["reason"] == "card declined: insufficient funds"
    assert await accounts.published("balances") == []
    await accounts.apply(purchase("c1", "o1"))
    assert (await accounts.lines("c1"))[1:] == [DEPOSIT, PURCHASE]


async def test_a_batch_of_many_customers_takes_a_constant_number_of_statements(accounts: Accounts) -> None:
    await accounts.apply(purchase("a0", "first"))  # the driver asks for types once
    few = await accounts.statements(*[purchase(f"a{n}", f"a{n}") for n in range(3)])
    many = await accounts.statements(*[purchase(f"b{n % 40}", f"b{n}") for n in range(120)])
    # What many rows take by COPY instead is not counted.
    assert many <= few
    assert len(await accounts.fetch("select from ledger_entries")) == 248
