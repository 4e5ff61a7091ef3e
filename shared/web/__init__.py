"""HTTP for every service: operations declared once, problem documents, tokens, pages, idempotency, health.

A feature's `api.py` is a class of operations, built with what it needs:

    NOT_ENOUGH = ProblemType(422, "insufficient_balance", "The balance does not cover it")
    BY_TIME = Keyset(tuple[datetime, int])

    class WithdrawalRequest(RequestModel):
        amount: MinorUnits

    class Withdrawal(ResponseModel):
        withdrawal_id: str
        balance: int

    class LedgerApi:
        def __init__(self, unit_of_work: UnitOfWork) -> None:
            self._unit_of_work = unit_of_work
            self._database = unit_of_work.database

        @operation("GET", "/v1/customers/{customer_id}/entries", permission="ledger:read",
                   summary="Transaction history", tags=("ledger",))
        async def entries(self, ctx: RequestContext, path: CustomerPath, query: PageQuery) -> Page[Entry]:
            after = BY_TIME.position(ctx, query)
            async with self._database.read() as connection:
                rows = await store.entries(connection, path.customer_id, after, query.limit + 1)
            return BY_TIME.page(
                ctx, query, rows, key=lambda row: (row.occurred_at, row.id), item=Entry.model_validate
            )

        @operation("POST", "/v1/customers/{customer_id}/withdrawals", permission="ledger:withdraw",
                   status=201, idempotent=True, summary="Pay money out", tags=("ledger",),
                   problems=(CUSTOMER_NOT_FOUND, NOT_ENOUGH))
        async def withdraw(
            self, ctx: RequestContext, path: CustomerPath, body: WithdrawalRequest
        ) -> RenderedReply[Withdrawal]:
            async with self._unit_of_work.begin() as work:
                return await ctx.once(work.connection, lambda: self._withdraw(work, path.customer_id, body))

and `app.py` serves them, with `/openapi.json`, `/docs`, `/health/*` and `/metrics`:

    app = build_app(title="Accounts", version="0.1.0", operations=operations_of(LedgerApi(unit_of_work)),
                    settings=settings, ready_checks={"database": database.ping})
    stop = stop_on_signals()
    async with serving(app, settings.http_host, settings.http_port) as url:
        await stop.wait()

`MIGRATIONS` is the folder of the table that idempotency keys live in: apply it in each service's database.
"""

from pathlib import Path

from shared.web.app import build_app
from shared.web.auth import Principal
from shared.web.context import RequestContext
from shared.web.customers import CUSTOMER_NOT_FOUND, CustomerPath, no_customer
from shared.web.etag import etag_of
from shared.web.health import ReadyCheck
from shared.web.idempotency import (
    IdempotencyRaceError,
    IdempotentRequest,
    Outcome,
    claim,
    erase_answers,
    forget_before,
    record,
    recording,
)
from shared.web.models import (
    ConfirmFlag,
    Instant,
    Prose,
    RequestModel,
    ResponseModel,
    WrongFieldError,
    in_words,
    refuse_nulls,
    require_order,
)
from shared.web.operations import operation, operations_of
from shared.web.paging import Keyset, Page, PageQuery, Rows
from shared.web.permissions import ROLE_PERMISSIONS, Permission, Role
from shared.web.personal import Personal
from shared.web.problems import VALIDATION_FAILED, Problem, ProblemType, wrong_field
from shared.web.replies import RenderedReply, Reply, Stream
from shared.web.server import CannotListenError, serving, stop_on_signals
from shared.web.signatures import Operation
from shared.web.tokens import generate_signing_key, mint_token

MIGRATIONS = Path(__file__).parent / "migrations"

__all__ = [
    "CUSTOMER_NOT_FOUND",
    "MIGRATIONS",
    "ROLE_PERMISSIONS",
    "VALIDATION_FAILED",
    "CannotListenError",
    "ConfirmFlag",
    "CustomerPath",
    "IdempotencyRaceError",
    "IdempotentRequest",
    "Instant",
    "Keyset",
    "Operation",
    "Outcome",
    "Page",
    "PageQuery",
    "Permission",
    "Personal",
    "Principal",
    "Problem",
    "ProblemType",
    "Prose",
    "ReadyCheck",
    "RenderedReply",
    "Reply",
    "RequestContext",
    "RequestModel",
    "ResponseModel",
    "Role",
    "Rows",
    "Stream",
    "WrongFieldError",
    "build_app",
    "claim",
    "erase_answers",
    "etag_of",
    "forget_before",
    "generate_signing_key",
    "in_words",
    "mint_token",
    "no_customer",
    "operation",
    "operations_of",
    "record",
    "recording",
    "refuse_nulls",
    "require_order",
    "serving",
    "stop_on_signals",
    "wrong_field",
]
