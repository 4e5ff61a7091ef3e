"""HTTP operations that merge and part customers, and show what is united."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from services.accounts.activity import store as activity
from services.accounts.customers import activities, domain, store
from services.accounts.customers.events import customer_changed
from services.accounts.customers.models import ProfileView
from services.accounts.customers.profile import Profile
from services.accounts.ledger.models import TransactionView
from services.accounts.locks import lock_accounts
from services.accounts.merges.domain import refuse_merge, united
from services.accounts.merges.store import newest_lines
from services.accounts.problems import CUSTOMER_ERASED, CUSTOMER_MERGED
from shared import audit
from shared.contracts import CustomerMerged, CustomerUnmerged
from shared.contracts.base import Identifier
from shared.db import Connection
from shared.messaging import Transaction, UnitOfWork
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    Keyset,
    Page,
    PageQuery,
    ProblemType,
    Prose,
    RenderedReply,
    Reply,
    RequestContext,
    RequestModel,
    no_customer,
    operation,
    wrong_field,
)

MERGE_CHAIN = ProblemType(409, "merge_chain", "Other customers are merged into this one")
CURRENCY_MISMATCH = ProblemType(409, "currency_mismatch", "The accounts are in different currencies")
MERGE_NOT_FOUND = ProblemType(404, "merge_not_found", "The customer is not merged into this one")
_REFUSALS = {each.code: each for each in (CUSTOMER_ERASED, CUSTOMER_MERGED, MERGE_CHAIN, CURRENCY_MISMATCH)}

_Number = Annotated[int, Field(ge=0, le=2**63 - 1)]
# How far each customer's history has been shown.
_BY_CUSTOMER = Keyset(tuple[dict[Identifier, _Number]])
_NEWEST = 2**63 - 1


class MergeRequest(RequestModel):
    """The customer that was found to be the one in the path."""

    merged_id: Identifier
    reason: Prose


class MergePath(CustomerPath):
    """One merge: `merged_id` into `customer_id`."""

    merged_id: Identifier


class PartingQuery(RequestModel):
    """Why the merge is taken back."""

    reason: Prose


class UnitedQuery(PageQuery):
    """A page of the united history. Its cursor tells of each id how far that one was shown."""

    cursor: str | None = Field(
        default=None, min_length=1, max_length=6000,
        description="`next_cursor` of the page before; absent for the first page.",
    )  # fmt: skip


class UnitedTransaction(TransactionView):
    """A line of one of the accounts of a customer; `balance` is that account's after it."""

    customer_id: str


class MergesApi:
    """Merging, parting, and the united history."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    @operation("POST", "/v1/customers/{customer_id}/merges", permission="customers:administer", status=201,
               idempotent=True, summary="Merge another customer into this one", tags=("customers",),
               problems=(CUSTOMER_NOT_FOUND, *_REFUSALS.values()))  # fmt: skip
    async def merge_customer(
        self, ctx: RequestContext, path: CustomerPath, body: MergeRequest
    ) -> RenderedReply[ProfileView]:
        """Both ids are answered with this customer from now on; its money is the sum of both accounts.

        No line of either ledger changes, and events of either id go on being accepted, so that the merge can be
        taken back.
        """
        async with self._unit_of_work.begin() as transaction:
            return await ctx.once(transaction.connection, lambda: _merge(ctx, transaction, path.customer_id, body))

    @operation("DELETE", "/v1/customers/{customer_id}/merges/{merged_id}", permission="customers:administer",
               summary="Part two merged customers", tags=("customers",),
               problems=(CUSTOMER_NOT_FOUND, MERGE_NOT_FOUND, CUSTOMER_ERASED))  # fmt: skip
    async def part_customers(self, ctx: RequestContext, path: MergePath, query: PartingQuery) -> Reply[ProfileView]:
        """The merged customer is one of its own again, as it is by then. Answered with that customer."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            merged = await _locked_merge(connection, path)
            parted = domain.unmerge(merged, datetime.now(UTC))
            await store.save(connection, [parted])
            transaction.publish(CustomerUnmerged(**_told(parted, path.customer_id)))
            transaction.publish(customer_changed(parted))
            await audit.record(connection, ctx, _change("customers.unmerge", merged, parted, query.reason))
            await activity.add(connection, activities.parted(parted, path.customer_id, ctx.principal.subject))
            profile = await _profile(connection, path.merged_id)
            return Reply(ProfileView.of(profile), version=profile.version)

    @operation("GET", "/v1/customers/{customer_id}/united-transactions", permission="ledger:read",
               summary="Transaction history of all ids of a customer", tags=("ledger",),
               problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_united_transactions(
        self, ctx: RequestContext, path: CustomerPath, query: UnitedQuery
    ) -> Page[UnitedTransaction]:
        """The histories of the customer and of those merged into it as one, newest first."""
        (before,) = _BY_CUSTOMER.position(ctx, query) or ({},)
        async with self._unit_of_work.database.read() as connection:
            ids = await store.united_ids(connection, path.customer_id)
            if not ids:
                raise no_customer(path.customer_id)
            starts = {each: before.get(each, _NEWEST) for each in ids}
            rows = united(await newest_lines(connection, starts, limit=query.limit + 1), query.limit + 1)
        shown = rows[: query.limit]
        positions = before | {row["customer_id"]: row["seq"] for row in shown}
        items = [UnitedTransaction.model_validate(dict(row)) for row in shown]
        cursor = _BY_CUSTOMER.encode(ctx.list_identity, (positions,)) if len(rows) > query.limit else None
        return Page(items, cursor)


async def _merge(
    ctx: RequestContext, transaction: Transaction, survivor_id: str, body: MergeRequest
) -> Reply[ProfileView]:
    connection = transaction.connection
    if survivor_id == body.merged_id:
        raise wrong_field("body.merged_id", "It is the same customer.")
    known = await _known_and_locked(connection, [survivor_id, body.merged_id])
    _refuse(await _alone(connection, known[survivor_id]), await _alone(connection, known[body.merged_id]))
    merged = domain.merge(known[body.merged_id], survivor_id, datetime.now(UTC))
    await store.save(connection, [merged])
    transaction.publish(CustomerMerged(**_told(merged, survivor_id)))
    # The topic is compacted: the last event of a customer is what a reader from its beginning learns.
    transaction.publish(customer_changed(merged))
    await audit.record(connection, ctx, _change("customers.merge", known[body.merged_id], merged, body.reason))
    await activity.add(connection, [activities.merged(merged, survivor_id, ctx.principal.subject)])
    profile = await _profile(connection, survivor_id)
    return Reply(ProfileView.of(profile), version=profile.version)


def _told(merged: domain.Customer, survivor_id: str) -> dict[str, Any]:
    return {
        "customer_id": merged.customer_id, "survivor_id": survivor_id, "version": merged.version,
        "changed_at": merged.changed_at,
    }  # fmt: skip


async def _locked_merge(connection: Connection, path: MergePath) -> domain.Customer:
    known = await _known_and_locked(connection, [path.customer_id, path.merged_id])
    merged = known[path.merged_id]
    if merged.erased_at is not None:
        raise CUSTOMER_ERASED(f"Customer {path.merged_id} was erased with the one it was merged into.")
    if merged.merged_into != path.customer_id:
        raise MERGE_NOT_FOUND(f"Customer {path.merged_id} is not merged into {path.customer_id}.")
    return merged


async def _known_and_locked(connection: Connection, customer_ids: list[str]) -> dict[str, domain.Customer]:
    known = await store.customers(connection, customer_ids)
    for customer_id in customer_ids:
        if customer_id not in known:
            raise CUSTOMER_NOT_FOUND(f"No customer has the id {customer_id}.", customer_id=customer_id)
    await lock_accounts(connection, sorted(customer_ids))
    return await store.customers(connection, customer_ids)


async def _alone(connection: Connection, customer: domain.Customer) -> Profile:
    """The customer by itself, also when it is merged already."""
    profile = await _profile(connection, customer.customer_id)
    return profile if profile.customer.customer_id == customer.customer_id else Profile(customer, ())


def _refuse(survivor: Profile, merged: Profile) -> None:
    refusal = refuse_merge(survivor, merged)
    if refusal is not None:
        raise _REFUSALS[refusal.code](f"{refusal.reason}.")


async def _profile(connection: Connection, customer_id: str) -> Profile:
    profile = await store.profile(connection, customer_id)
    if profile is None:
        raise no_customer(customer_id)
    return profile


def _change(action: str, before: domain.Customer, after: domain.Customer, reason: str) -> audit.Change:
    return audit.Change(
        action,
        f"customer:{after.customer_id}",
        customer_id=after.customer_id,
        before={"merged_into": before.merged_into},
        after={"merged_into": after.merged_into},
        reason=reason,
    )
