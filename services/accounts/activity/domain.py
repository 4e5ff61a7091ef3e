"""What a timeline shows, in which order, and which of two carts is the later one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

Kind = Literal[
    "login_succeeded",
    "login_failed",
    "visit_made",
    "cart_changed",
    "checkout_completed",
    "feedback_left",
    "customer_registered",
    "details_changed",
    "customer_merged",
    "customer_unmerged",
    "customer_erased",
    "note_added",
    "purchase_completed",
    "purchase_refused",
    "purchase_failed",
    "deposit",
    "withdrawal",
    "withdrawal_requested",
    "withdrawal_rejected",
    "reversal",
    "reversal_refused",
    "adjustment",
    "tickets_paid",
    "tickets_limbo",
    "prize_paid",
    "cancellation_requested",
    "ticket_cancelled",
    "autoplay_created",
    "autoplay_changed",
    "autoplay_paused",
    "autoplay_resumed",
    "autoplay_skipped",
    "autoplay_cancelled",
    "autoplay_ran",
    "autoplay_not_run",
    "autoplay_payment_failed",
    "correspondence_requested",
    "correspondence_sent",
    "correspondence_deferred",
    "correspondence_delivered",
    "correspondence_bounced",
    "correspondence_complained",
    "points_awarded",
    "points_clawed_back",
]
# Who says so; `outside` are shops, web sites and apps.
Origin = Literal["outside", "accounts", "tickets", "notifications", "loyalty"]

KINDS: tuple[Kind, ...] = get_args(Kind)
CustomerEventKind = Literal[
    "login_failed",
    "customer_registered",
    "details_changed",
    "purchase_completed",
    "purchase_refused",
    "purchase_failed",
]
CUSTOMER_EVENTS: tuple[CustomerEventKind, ...] = get_args(CustomerEventKind)

_ORIGINS: Mapping[str, Origin] = {
    "login": "outside",
    "visit": "outside",
    "cart": "outside",
    "checkout": "outside",
    "feedback": "outside",
    "prize": "outside",
    "tickets": "tickets",
    "ticket": "tickets",
    "cancellation": "tickets",
    "autoplay": "tickets",
    "correspondence": "notifications",
    "points": "loyalty",
}

# The database's own largest and smallest moments: no stored one is beyond.
LATEST = datetime.max.replace(tzinfo=UTC)
EARLIEST = datetime.min.replace(tzinfo=UTC)


class Activity(NamedTuple):
    """A row of a timeline. `reference` is the id of what it speaks of; `details` are JSON values."""

    customer_id: str
    kind: Kind
    occurred_at: datetime
    reference: str
    details: Mapping[str, Any]

    @property
    def origin(self) -> Origin:
        """The service that it comes from."""
        return _ORIGINS.get(self.kind.partition("_")[0], "accounts")

    @property
    def position(self) -> "Position":
        """Its place in a timeline, the newest first."""
        return self.occurred_at, self.kind, self.reference, self.customer_id


# (time, kind, reference, customer id): what timelines are sorted by, descending.
Position = tuple[datetime, str, str, str]


class Bound(NamedTuple):
    """What is still to come of a customer's rows of a kind: those with (time, reference) below (`before`, `below`)."""

    customer_id: str
    kind: str
    before: datetime
    below: str


def bounds(
    customer_ids: Iterable[str], kinds: Collection[Kind], after: Position | None, until: datetime | None
) -> list[Bound]:
    """For each customer and kind the bound of the rows that follow `after` in the timeline and are before `until`."""
    end = (LATEST if until is None else until, "")
    return [
        Bound(customer_id, kind, *min(_behind(customer_id, kind, after), end))
        for customer_id in customer_ids
        for kind in kinds
    ]


def _behind(customer_id: str, kind: str, after: Position | None) -> tuple[datetime, str]:
    if after is None:
        return LATEST, ""
    moment, after_kind, reference, after_customer = after
    if kind == after_kind:
        # Of rows with one time, kind and reference, those of lesser customers are still to come. No text is between
        # the reference and this bound: no character is less than \1.
        return moment, reference + "\1" if customer_id < after_customer else reference
    # Of rows with one time, all those of lesser kinds are still to come.
    is_to_come = kind < after_kind and moment < LATEST
    return moment + timedelta.resolution if is_to_come else moment, ""


class Cart(NamedTuple):
    """A customer's whole cart after a change. `tickets` are JSON objects, prices in minor units of `currency`."""

    customer_id: str
    changed_at: datetime
    change_id: str
    channel: str | None
    currency: str
    tickets: Sequence[Mapping[str, Any]]

    @property
    def version(self) -> tuple[datetime, str]:
        """The greater one is the cart."""
        return self.changed_at, self.change_id


def latest(carts: Iterable[Cart]) -> dict[str, Cart]:
    """The latest cart of each customer, whatever the order in which they come."""
    found: dict[str, Cart] = {}
    for cart in carts:
        known = found.get(cart.customer_id)
        if known is None or known.version < cart.version:
            found[cart.customer_id] = cart
    return found
