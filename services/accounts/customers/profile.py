"""A customer with the money that is its own: one account, and those of the customers that were merged into it."""

from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from services.accounts.customers.domain import Customer


class Totals(NamedTuple):
    """Sums, in minor units, and numbers of the booked entries of an account; `adjustments` is in less out."""

    deposits: int = 0
    deposit_count: int = 0
    purchases: int = 0
    purchase_count: int = 0
    reversals: int = 0
    reversal_count: int = 0
    withdrawals: int = 0
    withdrawal_count: int = 0
    adjustments: int = 0
    adjustment_count: int = 0


class Account(NamedTuple):
    """The account of one customer id. `held` is kept for pending withdrawals, `last_seq` grows with every entry."""

    customer_id: str
    currency: str | None = None
    balance: int = 0
    held: int = 0
    last_seq: int = 0
    last_movement_at: datetime | None = None
    totals: Totals = Totals()


class Profile(NamedTuple):
    """A customer with all accounts that are its own: the one under its id first, then those of customers merged in.

    `merged_versions` are those of the customers merged in.
    """

    customer: Customer
    accounts: tuple[Account, ...]
    merged_versions: tuple[int, ...] = ()

    @property
    def version(self) -> str:
        """Changes with the details, then, after a point, with anything else that is shown of the customer."""
        moved = self._merged_state if self.merged_versions else sum(account.last_seq for account in self.accounts)
        return f"{self.customer.version}.{moved}"

    @property
    def _merged_state(self) -> int:
        """A hash, not a sum: that could come again when a customer is parted and others move money."""
        state = [(each.customer_id, each.last_seq) for each in self.accounts]
        return int.from_bytes(blake2b(repr((state, self.merged_versions)).encode(), digest_size=8).digest())

    @property
    def merged_ids(self) -> list[str]:
        """The customers merged into this one."""
        return [account.customer_id for account in self.accounts[1:]]

    @property
    def currency(self) -> str | None:
        """The currency of the accounts; None before the first movement."""
        return next((account.currency for account in self.accounts if account.currency), None)

    @property
    def united(self) -> Account:
        """All accounts as one: sums over those in the same currency."""
        same = [account for account in self.accounts if account.currency in {None, self.currency}]
        moved = [account.last_movement_at for account in self.accounts if account.last_movement_at]
        return Account(
            self.customer.customer_id,
            self.currency,
            sum(account.balance for account in same),
            sum(account.held for account in same),
            sum(account.last_seq for account in self.accounts),
            max(moved, default=None),
            Totals(*(sum(column) for column in zip(*(account.totals for account in same), strict=True))),
        )
