"""HTTP operations that show what a customer did."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from services.accounts.activity import store
from services.accounts.activity.domain import CUSTOMER_EVENTS, KINDS, Activity, Kind
from services.accounts.activity.models import (
    ActivityQuery,
    ActivityView,
    CartView,
    CheckoutView,
    CustomerEventQuery,
    FeedbackQuery,
    FeedbackView,
    LoginQuery,
    LoginView,
    PeriodQuery,
)
from shared.db import Connection, Database
from shared.web import CUSTOMER_NOT_FOUND, CustomerPath, Keyset, Page, RequestContext, no_customer, operation

View = TypeVar("View")

_BY_POSITION = Keyset(tuple[datetime, str, str, str])
_FEEDBACK: tuple[Kind, ...] = ("feedback_left",)
_CHECKOUTS: tuple[Kind, ...] = ("checkout_completed",)
_LOGINS: dict[str, tuple[Kind, ...]] = {
    "succeeded": ("login_succeeded",),
    "failed": ("login_failed",),
    "any": ("login_succeeded", "login_failed"),
}


class ActivityApi:
    """The timeline and the views of parts of it, the newest first; the cart."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation("GET", "/v1/customers/{customer_id}/activities", permission="activity:read",
               summary="Timeline of a customer", tags=("activity",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_activities(
        self, ctx: RequestContext, path: CustomerPath, query: ActivityQuery
    ) -> Page[ActivityView]:
        """What the customer did and what was done, over all services."""
        filters = store.Filters(query.kind or KINDS, query.since, query.until)
        return await self._page(ctx, path, query, filters, ActivityView.model_validate)

    @operation("GET", "/v1/customers/{customer_id}/events", permission="activity:read",
               summary="Customer events", tags=("activity",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_customer_events(
        self, ctx: RequestContext, path: CustomerPath, query: CustomerEventQuery
    ) -> Page[ActivityView]:
        """Failed logins, changes of personal details, failed and successful purchases."""
        filters = store.Filters(query.kind or CUSTOMER_EVENTS, query.since, query.until)
        return await self._page(ctx, path, query, filters, ActivityView.model_validate)

    @operation("GET", "/v1/customers/{customer_id}/logins", permission="activity:read",
               summary="Login history", tags=("activity",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_logins(self, ctx: RequestContext, path: CustomerPath, query: LoginQuery) -> Page[LoginView]:
        """All successful logins, or the failed tries, or both."""
        filters = store.Filters(_LOGINS[query.outcome], query.since, query.until, query.channel)
        return await self._page(ctx, path, query, filters, LoginView.of)

    @operation("GET", "/v1/customers/{customer_id}/feedback", permission="activity:read",
               summary="Feedback of a customer", tags=("activity",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_feedback(self, ctx: RequestContext, path: CustomerPath, query: FeedbackQuery) -> Page[FeedbackView]:
        """What the customer said on the web site and in the app."""
        filters = store.Filters(_FEEDBACK, query.since, query.until, query.channel, query.rating or None)
        return await self._page(ctx, path, query, filters, FeedbackView.of)

    @operation("GET", "/v1/customers/{customer_id}/checkouts", permission="activity:read",
               summary="Checkout history", tags=("activity",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_checkouts(self, ctx: RequestContext, path: CustomerPath, query: PeriodQuery) -> Page[CheckoutView]:
        """All successful checkouts, with what was bought in each."""
        filters = store.Filters(_CHECKOUTS, query.since, query.until)
        return await self._page(ctx, path, query, filters, CheckoutView.of, with_items=True)

    @operation("GET", "/v1/customers/{customer_id}/cart", permission="activity:read",
               summary="Cart of a customer", tags=("activity",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def get_cart(self, path: CustomerPath) -> CartView:
        """The tickets in the cart now; prices in minor units."""
        async with self._database.read() as connection:
            ids = await store.all_ids(connection, path.customer_id)
            cart = await store.cart(connection, ids)
            if cart is None:
                await require_known(connection, path.customer_id, ids)
        return CartView.of(cart)

    async def _page(
        self,
        ctx: RequestContext,
        path: CustomerPath,
        query: PeriodQuery,
        filters: store.Filters,
        view: Callable[[Activity], View],
        *,
        with_items: bool = False,
    ) -> Page[View]:
        after = _BY_POSITION.position(ctx, query)
        async with self._database.read() as connection:
            ids = await store.all_ids(connection, path.customer_id)
            rows = await store.timeline(
                connection, ids, filters, after=after, limit=query.limit + 1, with_items=with_items
            )
            if not rows:
                await require_known(connection, path.customer_id, ids)
        return _BY_POSITION.page(ctx, query, rows, key=lambda row: row.position, item=view)


async def require_known(connection: Connection, customer_id: str, ids: Sequence[str]) -> None:
    """Refuse a customer of whom nothing is on record under any id."""
    if not await store.is_known(connection, ids):
        raise no_customer(customer_id)
