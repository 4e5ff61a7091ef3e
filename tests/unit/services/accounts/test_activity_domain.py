"""Pages of a timeline cover it, and the latest cart wins, whatever comes in which order."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.accounts.activity.domain import KINDS, LATEST, Activity, Bound, Cart, bounds, latest

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Few values, so that many are the same.
MOMENTS = st.integers(0, 3).map(lambda n: NOON + n * timedelta.resolution)
REFERENCES = st.sampled_from(["a", "b", "b1"])
CUSTOMERS = ["c1", "c2"]
SOME_KINDS = KINDS[:4]
TIMELINES = st.sets(
    st.tuples(st.sampled_from(CUSTOMERS), MOMENTS, st.sampled_from(SOME_KINDS), REFERENCES), max_size=12
).map(lambda keys: [Activity(customer, kind, moment, reference, {}) for customer, moment, kind, reference in keys])
CARTS = st.lists(
    st.builds(
        Cart,
        customer_id=st.sampled_from(CUSTOMERS),
        changed_at=MOMENTS,
        change_id=REFERENCES,
        channel=st.none(),
        currency=st.just("AUD"),
        tickets=st.just(()),
    )
)


def _follows(activity: Activity, places: list[Bound]) -> bool:
    return any(
        (activity.customer_id, activity.kind) == (customer, kind)
        and (activity.occurred_at, activity.reference) < (before, below)
        for customer, kind, before, below in places
    )


@pytest.mark.requirement("A6")
@settings(deadline=None)
@given(TIMELINES, st.none() | MOMENTS)
def test_what_follows_a_row_is_what_is_sorted_behind_it(rows: list[Activity], until: datetime | None) -> None:
    shown = [row for row in rows if until is None or row.occurred_at < until]
    first = [row.position for row in rows if _follows(row, bounds(CUSTOMERS, SOME_KINDS, None, until))]
    assert sorted(first) == sorted(row.position for row in shown)
    for place in (row.position for row in rows):
        following = {row.position for row in rows if _follows(row, bounds(CUSTOMERS, SOME_KINDS, place, until))}
        assert following == {row.position for row in shown if row.position < place}


def test_a_made_up_position_at_the_end_of_time_is_a_position() -> None:
    (place,) = bounds(["c1"], ["cart_changed"], (LATEST, "visit_made", "a", "c1"), None)
    assert place == Bound("c1", "cart_changed", LATEST, "")


@pytest.mark.requirement("A17")
@given(CARTS, st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_latest_cart_wins_in_whatever_order_and_batches_they_come(
    carts: list[Cart], random: Random, cut: int
) -> None:
    model = {
        customer: max((cart for cart in carts if cart.customer_id == customer), key=lambda cart: cart.version)
        for customer in {cart.customer_id for cart in carts}
    }
    shuffled = [*carts, *carts[:cut]]
    random.shuffle(shuffled)
    first = latest(shuffled[:cut])
    assert latest([*first.values(), *shuffled[cut:]]) == model


@pytest.mark.requirement("A6")
def test_every_kind_has_its_origin() -> None:
    origins = {kind: Activity("c1", kind, NOON, "r", {}).origin for kind in KINDS}
    assert {kind for kind, origin in origins.items() if origin == "accounts"} == {
        "customer_registered", "details_changed", "customer_merged", "customer_unmerged", "customer_erased",
        "note_added", "purchase_completed", "purchase_refused",
        "purchase_failed", "deposit", "withdrawal", "withdrawal_requested", "withdrawal_rejected",
        "reversal", "reversal_refused", "adjustment",
    }  # fmt: skip
    assert origins["tickets_limbo"] == "tickets"
    assert origins["points_awarded"] == "loyalty"
