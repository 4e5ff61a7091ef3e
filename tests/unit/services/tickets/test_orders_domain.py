"""Orders that want the same tickets."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.tickets.orders.domain import BoughtTicket, NewOrder, Order, Outcome, contested_orders

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def new_order(order_id: str, *ticket_ids: str) -> NewOrder:
    order = Order(order_id, "c1", NOON, Outcome.COMPLETED, None, "chk", None, None, None, "txn", "card", 1, "AUD")
    return NewOrder(
        order,
        [BoughtTicket(each, n, "Lotto", 1, NOON, NOON, "book", "b", 1, None) for n, each in enumerate(ticket_ids)],
    )


def test_an_order_whose_rival_gives_way_is_tried_again() -> None:
    first, second = new_order("first", "old", "shared"), new_order("second", "shared")
    lost, again = contested_orders([first, second], {"old": "somebody", "shared": "first"})
    assert lost == [first]
    assert again == [second]


def test_orders_that_hold_what_they_want_are_not_contested() -> None:
    assert contested_orders([new_order("o1", "t1")], {"t1": "o1"}) == ([], [])


ORDERS = st.lists(st.sets(st.integers(0, 7), min_size=1, max_size=4), max_size=8)


@given(ORDERS, st.sets(st.integers(0, 7)))
def test_the_same_orders_win_as_one_by_one(wanted: list[set[int]], taken: set[int]) -> None:
    orders = [new_order(f"o{n}", *(f"t{each}" for each in sorted(ids))) for n, ids in enumerate(wanted)]
    existing = {f"t{each}": "somebody" for each in taken}
    assert _together(orders, existing) == _one_by_one(orders, existing)


def _one_by_one(orders: list[NewOrder], existing: dict[str, str]) -> list[str]:
    holders, lost = dict(existing), []
    for new in orders:
        ids = [ticket.ticket_id for ticket in new.tickets]
        if any(each in holders for each in ids):
            lost.append(new.order.order_id)
        else:
            holders |= dict.fromkeys(ids, new.order.order_id)
    return lost


def _together(orders: list[NewOrder], existing: dict[str, str]) -> list[str]:
    """As the store does it: insert what is free in order, undo what is contested, again for what may yet win."""
    holders, lost, pending = dict(existing), [], orders
    while pending:
        for new in pending:
            for ticket in new.tickets:
                holders.setdefault(ticket.ticket_id, new.order.order_id)
        lost_now, again = contested_orders(pending, holders)
        undone = {new.order.order_id for new in [*lost_now, *again]}
        holders = {ticket_id: holder for ticket_id, holder in holders.items() if holder not in undone}
        lost += [new.order.order_id for new in lost_now]
        assert lost_now or not again, "no progress"
        pending = again
    return sorted(lost)
