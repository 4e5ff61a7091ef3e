"""What every change of an AutoPlay asks first, and how it is written into the audit trail."""

from typing import Any

from services.tickets.autoplay import store
from services.tickets.autoplay.domain import Autoplay, Refused, Terms, shown
from services.tickets.autoplay.run_contexts_store import customers
from services.tickets.autoplay.runs import MOST
from services.tickets.draws.store import lottery_named, offer
from shared import audit
from shared.db import Connection
from shared.time_zones import zone_named
from shared.web import ProblemType, no_customer, wrong_field

AUTOPLAY_NOT_FOUND = ProblemType(404, "autoplay_not_found", "No such AutoPlay")
CUSTOMER_NOT_ACTIVE = ProblemType(409, "customer_not_active", "The customer is suspended or closed")
REFUSALS = {
    Refused.NOT_PAUSED: ProblemType(409, Refused.NOT_PAUSED, "The AutoPlay is running"),
    Refused.PAUSED: ProblemType(409, Refused.PAUSED, "The AutoPlay is not running"),
    Refused.CANCELLED: ProblemType(409, Refused.CANCELLED, "The AutoPlay is cancelled"),
}


async def existing(connection: Connection, autoplay_id: str) -> Autoplay:
    """The AutoPlay of that id. Raises Problem: 404."""
    found = await store.by_id(connection, autoplay_id)
    if found is None:
        raise AUTOPLAY_NOT_FOUND(f"No AutoPlay has the id {autoplay_id}.")
    return found


async def check_customer(connection: Connection, customer_id: str) -> None:
    """Refuse customers that nobody has named yet (404), and those who may not play (409)."""
    customer = (await customers(connection, [customer_id])).get(customer_id)
    if customer is None or not customer.named:
        raise no_customer(customer_id)
    if not customer.active:
        raise CUSTOMER_NOT_ACTIVE(f"The customer {customer_id} is {customer.status}.")


async def check_terms(connection: Connection, terms: Terms) -> None:
    """Refuse what cannot be bought. Raises Problem: 422, naming the field."""
    if await lottery_named(connection, terms.lottery) is None:
        raise wrong_field("body.lottery", "No lottery has this name.")
    sold = await offer(connection, terms.lottery, terms.offer_id)
    if sold is None or not sold.active:
        raise wrong_field("body.offer_id", "The lottery does not sell such an offer.")
    if sold.price * terms.games > MOST:
        raise wrong_field("body.games", "So many cost more than an order may.")
    if terms.time_zone is not None and zone_named(terms.time_zone) is None:
        raise wrong_field("body.time_zone", "There is no time zone of this name.")


def audited(
    action: str, before: Autoplay | None, after: Autoplay, *, reason: str | None = None, **details: Any
) -> audit.Change:
    """What a person did to an AutoPlay, for the audit trail."""
    return audit.Change(
        action,
        f"autoplay:{after.autoplay_id}",
        customer_id=after.customer_id,
        before=shown(before) if before else {},
        after=shown(after) | details,
        reason=reason,
    )
