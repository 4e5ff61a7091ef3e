"""The HTTP operation that erases a customer."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from services.accounts.activity import store as activity
from services.accounts.customers import activities, domain, store
from services.accounts.locks import lock_accounts
from shared import audit
from shared.contracts import CustomerErased
from shared.db import Connection
from shared.messaging import Transaction, UnitOfWork
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    ProblemType,
    Prose,
    RenderedReply,
    RequestContext,
    RequestModel,
    ResponseModel,
    no_customer,
    operation,
)

# Takes the personal data of these customers out of one feature's tables, inside the erasure's transaction.
Eraser = Callable[[Connection, Sequence[str]], Awaitable[None]]

MERGED_MEANWHILE = ProblemType(409, "merged_meanwhile", "The customer was merged or parted just now")


class ErasureRequest(RequestModel):
    """Why the customer is erased; the reason stays, so it names nobody."""

    reason: Prose


class Erasure(ResponseModel):
    """What was erased: the customer and all that were merged into it; when it was before, since then."""

    customer_ids: list[str]
    erased_at: datetime


class ErasureApi:
    """Erases customers; `erasers` are the features that keep something personal besides the details."""

    def __init__(self, unit_of_work: UnitOfWork, erasers: Sequence[Eraser]) -> None:
        self._unit_of_work = unit_of_work
        self._erasers = erasers

    @operation("POST", "/v1/customers/{customer_id}/erasures", permission="customers:administer", status=201,
               idempotent=True, summary="Erase a customer for ever", tags=("customers",),
               problems=(CUSTOMER_NOT_FOUND, MERGED_MEANWHILE))  # fmt: skip
    async def erase_customer(
        self, ctx: RequestContext, path: CustomerPath, body: ErasureRequest
    ) -> RenderedReply[Erasure]:
        """Take away all that is personal, here and, by an event, in the other services. It cannot be taken back.

        The id, the ledger and the account stay; the customer is closed. What purchases say later is not kept.
        """
        async with self._unit_of_work.begin() as transaction:
            return await ctx.once(transaction.connection, lambda: self._erase(ctx, transaction, path.customer_id, body))

    async def _erase(
        self, ctx: RequestContext, transaction: Transaction, customer_id: str, body: ErasureRequest
    ) -> Erasure:
        connection, now = transaction.connection, datetime.now(UTC)
        customers = await _locked(connection, customer_id, now)
        erased = [domain.erase(each, now) for each in customers if each.erased_at is None]
        await store.save(connection, erased)
        for each in erased:
            transaction.publish(CustomerErased(customer_id=each.customer_id, version=each.version, erased_at=now))
        await activity.add(connection, [activities.erased(each, ctx.principal.subject) for each in erased])
        ids = [each.customer_id for each in customers]
        await audit.record_all(
            connection,
            [
                (ctx, audit.Change("customers.erase", f"customer:{each}", customer_id=each, reason=body.reason))
                for each in ids
            ],
        )
        for eraser in self._erasers:
            await eraser(connection, ids)
        return Erasure(customer_ids=ids, erased_at=max(each.erased_at or now for each in customers))


async def _locked(connection: Connection, customer_id: str, now: datetime) -> list[domain.Customer]:
    """The customer with all that were merged into it, locked.

    One of whom only activities came gets a record, so that the erasure is remembered.
    """
    ids = await activity.known_ids(connection, customer_id)
    if not ids:
        raise no_customer(customer_id)
    await lock_accounts(connection, sorted(ids))
    if await activity.all_ids(connection, customer_id) != ids:
        raise MERGED_MEANWHILE("Look at it again, and repeat the request.")
    known = await store.customers(connection, ids)
    return [known.get(each) or domain.never_named(each, now) for each in ids]


async def erase_audited(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Take the personal values out of the audit trail."""
    for customer_id in customer_ids:
        await audit.erase_personal(connection, customer_id)
