"""HTTP operations: the changes of a customer, and unmasking one field of it."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from services.accounts.customers import store
from services.accounts.customers.domain import Customer
from shared import audit
from shared.audit.entries import Entry
from shared.audit.store import Filters, entries
from shared.db import Connection
from shared.messaging import UnitOfWork
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    Keyset,
    Page,
    PageQuery,
    Personal,
    Prose,
    RequestContext,
    RequestModel,
    ResponseModel,
    no_customer,
    operation,
)

_BY_ID = Keyset(tuple[UUID])


class CustomerChange(ResponseModel):
    """One change of a customer by a person: `before` and `after` have the fields that it changed."""

    change_id: UUID
    customer_id: str
    at: datetime
    action: str
    actor: str
    role: str
    before: Annotated[dict[str, Any], Personal("details")]
    after: Annotated[dict[str, Any], Personal("details")]
    reason: Annotated[str | None, Personal("prose")]

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The change that an entry of the audit trail speaks of."""
        return cls(
            change_id=entry.id, customer_id=entry.object_id, at=entry.at, action=entry.action, actor=entry.actor,
            role=entry.role, before=entry.before, after=entry.after, reason=entry.reason,
        )  # fmt: skip


class Unmasking(RequestModel):
    """Which field to see, and why; both are kept with the name of who asks."""

    field: Literal["email", "phone"]
    reason: Prose


class UnmaskedField(ResponseModel):
    """The field in clear; `value` is null when nothing is known."""

    customer_id: str
    field: str
    value: str | None


class TrailApi:
    """The changes of a customer, and looks at what is masked."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    @operation("GET", "/v1/customers/{customer_id}/changes", permission="customers:read",
               summary="Changes of a customer's details", tags=("customers",),
               problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_changes(self, ctx: RequestContext, path: CustomerPath, query: PageQuery) -> Page[CustomerChange]:
        """What people registered, edited, merged and erased, with before and after, the newest first.

        Of a customer that others were merged into, the changes of all of them.
        """
        (before,) = _BY_ID.position(ctx, query) or (None,)
        async with self._unit_of_work.database.read() as connection:
            ids = await store.united_ids(connection, path.customer_id)
            if not ids:
                raise no_customer(path.customer_id)
            filters = Filters(objects=("customer", ids))
            found = await entries(connection, filters, before=before, limit=query.limit + 1)
        return _BY_ID.page(ctx, query, found, key=lambda entry: (entry.id,), item=CustomerChange.of)

    @operation("POST", "/v1/customers/{customer_id}/unmaskings", permission="personal_data:unmask",
               summary="See one personal field", tags=("customers",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def unmask_field(self, ctx: RequestContext, path: CustomerPath, body: Unmasking) -> UnmaskedField:
        """Every call is written down, so there is no key to repeat one under."""
        async with self._unit_of_work.begin() as transaction:
            customer = await _customer(transaction.connection, path.customer_id)
            # The value is no part of the entry: it would outlive its erasure.
            change = audit.Change(
                "personal_data.unmask", f"personal_data:{path.customer_id}/{body.field}",
                customer_id=path.customer_id, after={"field": body.field}, reason=body.reason,
            )  # fmt: skip
            await audit.record(transaction.connection, ctx, change)
        return UnmaskedField(customer_id=path.customer_id, field=body.field, value=getattr(customer, body.field))


async def _customer(connection: Connection, customer_id: str) -> Customer:
    found = await store.customers(connection, [customer_id])
    if customer_id not in found:
        raise no_customer(customer_id)
    return found[customer_id]
