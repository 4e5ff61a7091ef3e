"""When two customers may be merged, and their histories as one."""

from collections.abc import Mapping, Sequence
from heapq import merge as merge_sorted
from typing import Any, NamedTuple

from services.accounts.customers.profile import Profile


class Refusal(NamedTuple):
    """Why two customers stay two: `code` is stable, `reason` is for people."""

    code: str
    reason: str


def refuse_merge(survivor: Profile, merged: Profile) -> Refusal | None:
    """Whether `merged` may be merged into `survivor`, both as they stand by themselves.

    A merge has one step: whoever is merged has nobody merged into it, so that each merge can be taken back by itself.
    """
    for profile in (survivor, merged):
        customer = profile.customer
        if customer.erased_at is not None:
            return Refusal("customer_erased", f"Customer {customer.customer_id} was erased")
        if customer.merged_into is not None:
            return Refusal("customer_merged", f"Customer {customer.customer_id} was merged into {customer.merged_into}")
    if merged.merged_ids:
        others = ", ".join(merged.merged_ids)
        return Refusal("merge_chain", f"Merged into {merged.customer.customer_id} are {others}: part them first")
    if survivor.currency is not None and merged.currency not in {None, survivor.currency}:
        return Refusal("currency_mismatch", f"One account is in {survivor.currency}, the other in {merged.currency}")
    return None


def united(histories: Mapping[str, Sequence[Any]], limit: int) -> list[Any]:
    """The newest `limit` of several histories, each newest first by (recorded_at, customer_id, seq)."""
    ordered = merge_sorted(*histories.values(), key=_place, reverse=True)
    return [row for row, _ in zip(ordered, range(limit), strict=False)]


def _place(row: Any) -> tuple[Any, ...]:
    return row["recorded_at"], row["customer_id"], row["seq"]
