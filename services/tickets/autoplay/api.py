"""AutoPlays over HTTP: list, detail, runs and timeline, and a new one."""

from datetime import timedelta

from services.tickets.autoplay import run_store, store
from services.tickets.autoplay.checks import (
    AUTOPLAY_NOT_FOUND,
    CUSTOMER_NOT_ACTIVE,
    audited,
    check_customer,
    check_terms,
    existing,
)
from services.tickets.autoplay.domain import Autoplay, State
from services.tickets.autoplay.events import created
from services.tickets.autoplay.models import (
    AutoplayPath,
    AutoplayQuery,
    NewAutoplay,
)
from services.tickets.autoplay.outlook import outlook_of
from services.tickets.autoplay.run_contexts import RunContexts
from services.tickets.autoplay.views import (
    AutoplayDetail,
    AutoplaySummary,
    AutoplayTimelineItem,
    RunView,
    detail_of,
    summary_of,
)
from services.tickets.clock import database_time
from services.tickets.customers.store import lock, united_ids
from shared import audit
from shared.db import Connection
from shared.ids import uuid7
from shared.messaging import Transaction, UnitOfWork
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    Keyset,
    Page,
    PageQuery,
    RenderedReply,
    Reply,
    RequestContext,
    operation,
)

_NEWEST_FIRST = Keyset(tuple[str])
_BY_NUMBER = Keyset(tuple[int])


class AutoplaysApi:
    """Reading AutoPlays, and creating them."""

    def __init__(self, unit_of_work: UnitOfWork, run_contexts: RunContexts, *, lead: timedelta) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database
        self._run_contexts = run_contexts
        self._lead = lead

    @operation("GET", "/v1/customers/{customer_id}/autoplays", permission="subscriptions:read",
               summary="AutoPlays of a customer", tags=("autoplays",))  # fmt: skip
    async def list_autoplays(
        self, ctx: RequestContext, path: CustomerPath, query: AutoplayQuery
    ) -> Page[AutoplaySummary]:
        """Newest first, those that were cancelled among them. Each id of merged customers is answered with those
        of all: `customer_id` says under which one runs. Tickets may name AutoPlays of other systems: those are not
        listed here, the order history has their tickets under `autoplay_id`."""
        (before,) = _NEWEST_FIRST.position(ctx, query) or (None,)
        states = [query.status] if query.status else None
        async with self._database.read() as connection:
            ids = await united_ids(connection, path.customer_id)
            found = await store.of_customers(connection, ids, states=states, before=before, limit=query.limit + 1)
        return _NEWEST_FIRST.page(ctx, query, found, key=lambda each: (each.autoplay_id,), item=summary_of)

    @operation("POST", "/v1/customers/{customer_id}/autoplays", permission="subscriptions:write", status=201,
               idempotent=True, summary="Create an AutoPlay", tags=("autoplays",),
               problems=(CUSTOMER_NOT_FOUND, CUSTOMER_NOT_ACTIVE))  # fmt: skip
    async def create_autoplay(
        self, ctx: RequestContext, path: CustomerPath, body: NewAutoplay
    ) -> RenderedReply[AutoplayDetail]:
        """It runs at once: draws that are due already are bought within seconds."""
        async with self._unit_of_work.begin() as transaction:
            return await ctx.once(
                transaction.connection, lambda: self._create(transaction, ctx, path.customer_id, body)
            )

    @operation("GET", "/v1/autoplays/{autoplay_id}", permission="subscriptions:read", summary="AutoPlay detail",
               tags=("autoplays",), problems=(AUTOPLAY_NOT_FOUND,))  # fmt: skip
    async def get_autoplay(self, path: AutoplayPath) -> Reply[AutoplayDetail]:
        """With the next run and its cost. The ETag is for changes; it changes with what comes next, too."""
        async with self._database.read() as connection:
            return await self._detail(connection, await existing(connection, path.autoplay_id))

    @operation("GET", "/v1/autoplays/{autoplay_id}/runs", permission="subscriptions:read",
               summary="Runs of an AutoPlay", tags=("autoplays",), problems=(AUTOPLAY_NOT_FOUND,))  # fmt: skip
    async def list_autoplay_runs(self, ctx: RequestContext, path: AutoplayPath, query: PageQuery) -> Page[RunView]:
        """Each draw that it bought, missed or skipped, the highest number first."""
        (before,) = _BY_NUMBER.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            autoplay = await existing(connection, path.autoplay_id)
            runs = await run_store.runs_of(
                connection, autoplay.customer_id, autoplay.autoplay_id, before=before, limit=query.limit + 1
            )
        return _BY_NUMBER.page(ctx, query, runs, key=lambda run: (run.draw.number,), item=RunView.of)

    @operation("GET", "/v1/autoplays/{autoplay_id}/timeline", permission="subscriptions:read",
               summary="AutoPlay timeline", tags=("autoplays",), problems=(AUTOPLAY_NOT_FOUND,))  # fmt: skip
    async def get_autoplay_timeline(
        self, ctx: RequestContext, path: AutoplayPath, query: PageQuery
    ) -> Page[AutoplayTimelineItem]:
        """All that happened to it since it was created, newest first."""
        (before,) = _BY_NUMBER.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            autoplay = await existing(connection, path.autoplay_id)
            entries = await store.timeline(
                connection, autoplay.customer_id, autoplay.autoplay_id, before=before, limit=query.limit + 1
            )
        return _BY_NUMBER.page(ctx, query, entries, key=lambda each: (each.version,), item=AutoplayTimelineItem.of)

    async def _create(
        self, transaction: Transaction, ctx: RequestContext, customer_id: str, body: NewAutoplay
    ) -> Reply[AutoplayDetail]:
        connection = transaction.connection
        await check_customer(connection, customer_id)
        await lock(connection, [customer_id])
        # Whoever held the lock may have erased the customer.
        await check_customer(connection, customer_id)
        terms = body.terms()
        await check_terms(connection, terms)
        now = await database_time(connection)
        autoplay = Autoplay(f"auto-{uuid7()}", customer_id, terms, State.ACTIVE, 1, created_at=now, running_since=now)
        await store.insert(connection, autoplay, actor=ctx.principal.subject)
        transaction.publish(created(autoplay, actor=ctx.principal.subject))
        await audit.record(connection, ctx, audited("autoplays.create", None, autoplay))
        location = {"Location": f"/v1/autoplays/{autoplay.autoplay_id}"}
        reply = await self._detail(connection, autoplay)
        return Reply(reply.content, headers=location, version=reply.version)

    async def _detail(self, connection: Connection, autoplay: Autoplay) -> Reply[AutoplayDetail]:
        outlook = await outlook_of(connection, autoplay, self._run_contexts, lead=self._lead)
        return Reply(detail_of(autoplay, outlook), version=outlook.entity_version(autoplay))
