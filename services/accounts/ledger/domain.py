"""The rules of the ledger: what each request does to an account, one after the other.

A `Ledger` is filled with the locked accounts of a batch and what is known of its requests' causes. Each rule books
or refuses one request, exactly once per cause, and leaves in `entries` what is to be stored.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.accounts.ledger.entries import Account, CauseKind, Charge, Entry, Key, Kind, Refusal, Status
from services.accounts.ledger.requests import Adjustment, Cancellation, Decision, FailedOrder, Held, Order, Withdrawal
from shared.money import LARGEST_BALANCE, figure


@dataclass(slots=True)
class Ledger:
    """The accounts of a batch, by customer id, while its requests are applied.

    `charges` (by order), `settled` (cancellations and retries with an outcome), `reversed_by` (ticket to cancellation)
    and `failed` (orders entered as failed) hold what is on record of the causes in the batch.
    """

    accounts: dict[str, Account]
    now: datetime
    new_id: Callable[[], UUID]
    charges: dict[Key, Charge] = field(default_factory=dict)
    settled: set[Key] = field(default_factory=set)
    reversed_by: dict[Key, str] = field(default_factory=dict)
    failed: set[Key] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    new_charges: dict[Key, Charge] = field(default_factory=dict)
    changed_charges: dict[Key, Charge] = field(default_factory=dict)

    def purchase(self, order: Order) -> list[Entry]:
        """Charge an order: paid by the balance it is a purchase, paid otherwise a deposit and a purchase.

        Returns the new entries, none when the order was charged or refused before. A refused one is decided on anew
        once for each `retry_id`.
        """
        key = (order.customer_id, order.order_id)
        earlier = self.charges.get(key)
        if earlier is not None and not self._is_retry(earlier, order):
            return []
        account = self.accounts[order.customer_id]
        refusal = _refuse_purchase(account, order)
        charge = Charge(order.customer_id, order.order_id, refusal is None, order.amount, order.currency)
        self.charges[key] = charge
        charges = self.new_charges if earlier is None or key in self.new_charges else self.changed_charges
        charges[key] = charge
        purchase = self._purchase_entry
        if refusal is not None:
            return [purchase(account, order, refusal)]
        if order.method == "balance":
            return [purchase(account, order)]
        return [self._deposit_entry(account, order), purchase(account, order)]

    def _is_retry(self, earlier: Charge, order: Order) -> bool:
        if earlier.charged or order.retry_id is None or (order.customer_id, order.retry_id) in self.settled:
            return False
        self.settled.add((order.customer_id, order.retry_id))
        return True

    def fail(self, order: FailedOrder) -> list[Entry]:
        """Enter an order that failed elsewhere, once; it moves nothing."""
        key = (order.customer_id, order.order_id)
        if key in self.failed:
            return []
        self.failed.add(key)
        return [
            self._enter(
                self.accounts[order.customer_id], occurred_at=order.occurred_at, kind="purchase", status="failed",
                method=order.method, amount_out=order.amount, currency=order.currency, cause_kind="order",
                cause_id=order.order_id, order_id=order.order_id, reason=order.reason, description="Failed purchase",
            )
        ]  # fmt: skip

    def awaits_order(self, request: Cancellation) -> bool:
        """Whether nothing is known yet of the order that the cancellation names, nor of its own outcome."""
        customer_id = request.customer_id
        return (customer_id, request.order_id) not in self.charges and (
            (customer_id, request.cancellation_id) not in self.settled
        )

    def reverse(self, request: Cancellation) -> list[Entry]:
        """Credit a ticket's price back, or refuse it for good. Nothing when this cancellation has its outcome."""
        key = (request.customer_id, request.cancellation_id)
        if key in self.settled:
            return []
        self.settled.add(key)
        refusal = self._refuse_reversal(request)
        if refusal is None:
            order = (request.customer_id, request.order_id)
            charge = self.charges[order]
            charge.reversed_amount += request.amount
            if order not in self.new_charges:
                self.changed_charges[order] = charge
            self.reversed_by[request.customer_id, request.ticket_id] = request.cancellation_id
        return [
            self._enter(
                self.accounts[request.customer_id], occurred_at=request.occurred_at, kind="reversal",
                refusal=refusal, amount_in=request.amount, currency=request.currency, cause_kind="cancellation",
                cause_id=request.cancellation_id, order_id=request.order_id, ticket_id=request.ticket_id,
                actor=request.actor, reason=request.reason,
                description=f"Reversal of the cancelled ticket {request.ticket_id}",
            )
        ]  # fmt: skip

    def withdraw(self, request: Withdrawal) -> Entry | Refusal:
        """Pay out, or say why not; a refused withdrawal leaves no entry."""
        return self._withdraw(request, "booked", "withdrawal")

    def hold(self, request: Withdrawal) -> Entry | Refusal:
        """Hold the amount of a withdrawal until a second person decides; refused as `withdraw` refuses."""
        entry = self._withdraw(request, "pending", "hold")
        if isinstance(entry, Entry):
            self.accounts[request.customer_id].held += request.amount
        return entry

    def decide(self, held: Held, decision: Decision) -> Entry:
        """Pay a held withdrawal out, or give the money free; the caller sees to it that this happens once."""
        account = self.accounts[held.customer_id]
        account.held -= held.amount
        refusal = None if decision.approved else Refusal("rejected", decision.reason or "Rejected")
        return self._enter(
            account, occurred_at=held.requested_at, kind="withdrawal", refusal=refusal, method=held.method,
            amount_out=held.amount, currency=held.currency, cause_kind="withdrawal", cause_id=str(held.withdrawal_id),
            actor=held.requested_by, reason=decision.reason, description=held.description,
            internal_note=held.internal_note,
        )  # fmt: skip

    def adjust(self, request: Adjustment) -> Entry | Refusal:
        """Correct the balance by hand; a refused adjustment leaves no entry."""
        account = self.accounts[request.customer_id]
        if account.customer_status == "erased":
            return _wrong_status(account)
        currency = account.currency or request.currency
        if currency is None:
            return Refusal("currency_required", "The account has no currency yet")
        if request.currency not in {None, currency}:
            return _other_currency(currency, request.currency or "")
        if request.amount_out > account.available:
            return _not_covered(account, request.amount_out, currency)
        above = _above_limit(account, request.amount_in, currency)
        if above is not None:
            return above
        entry_id = self.new_id()
        return self._enter(
            account, occurred_at=self.now, kind="adjustment", amount_in=request.amount_in,
            amount_out=request.amount_out, currency=currency, cause_kind="adjustment", cause_id=str(entry_id),
            entry_id=entry_id, actor=request.actor, reason=request.reason, description=request.description,
            internal_note=request.internal_note,
        )  # fmt: skip

    def _withdraw(self, request: Withdrawal, status: Status, cause_kind: CauseKind) -> Entry | Refusal:
        account = self.accounts[request.customer_id]
        if account.payouts_are_blocked:
            return _wrong_status(account)
        if request.currency is not None and account.currency is not None and request.currency != account.currency:
            return _other_currency(account.currency, request.currency)
        if account.currency is None or request.amount > account.available:
            return _not_covered(account, request.amount, account.currency or request.currency)
        entry_id = self.new_id()
        return self._enter(
            account, occurred_at=self.now, kind="withdrawal", status=status, method=request.method,
            amount_out=request.amount, currency=account.currency, cause_kind=cause_kind, cause_id=str(entry_id),
            entry_id=entry_id, actor=request.actor, description=request.description,
            internal_note=request.internal_note,
        )  # fmt: skip

    def _refuse_reversal(self, request: Cancellation) -> Refusal | None:
        charge = self.charges.get((request.customer_id, request.order_id))
        earlier = self.reversed_by.get((request.customer_id, request.ticket_id))
        if charge is None:
            return Refusal("unknown_purchase", f"No purchase {request.order_id} of this customer is known")
        if not charge.charged:
            return Refusal("not_charged", f"The payment of order {request.order_id} was refused")
        if earlier is not None:
            return Refusal(
                "already_reversed", f"Ticket {request.ticket_id} was credited back under cancellation {earlier}"
            )
        if request.currency != charge.currency:
            return _other_currency(charge.currency, request.currency)
        left = charge.amount - charge.reversed_amount
        if request.amount > left:
            return Refusal(
                "exceeds_payment",
                f"{figure(request.amount, charge.currency)} is more than the {figure(left, charge.currency)} left of "
                f"what was paid for order {request.order_id}",
            )
        return _above_limit(self.accounts[request.customer_id], request.amount, charge.currency)

    def _deposit_entry(self, account: Account, order: Order) -> Entry:
        return self._enter(
            account, occurred_at=order.occurred_at, kind="deposit", method=order.method, amount_in=order.amount,
            currency=order.currency, cause_kind="order", cause_id=order.retry_id or order.order_id,
            order_id=order.order_id, description=f"Deposit by {order.method.replace('_', ' ')}",
        )  # fmt: skip

    def _purchase_entry(self, account: Account, order: Order, refusal: Refusal | None = None) -> Entry:
        return self._enter(
            account, occurred_at=order.occurred_at, kind="purchase", refusal=refusal, method=order.method,
            amount_out=order.amount, currency=order.currency, cause_kind="order",
            cause_id=order.retry_id or order.order_id, order_id=order.order_id,
            description="Purchase of 1 ticket" if order.tickets == 1 else f"Purchase of {order.tickets} tickets",
        )  # fmt: skip

    def _enter(
        self,
        account: Account,
        *,
        occurred_at: datetime,
        kind: Kind,
        currency: str,
        cause_kind: CauseKind,
        cause_id: str,
        description: str,
        status: Status = "booked",
        refusal: Refusal | None = None,
        method: str | None = None,
        amount_in: int = 0,
        amount_out: int = 0,
        order_id: str | None = None,
        ticket_id: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
        internal_note: str | None = None,
        entry_id: UUID | None = None,
    ) -> Entry:
        code = None
        if refusal is not None:
            status, code, reason = "refused", refusal.code, refusal.reason
        account.last_seq += 1
        if status == "booked":
            account.currency = currency
            account.book(kind, amount_in, amount_out)
        entry = Entry(
            account.customer_id, account.last_seq, entry_id or self.new_id(), occurred_at, self.now, kind, status,
            method, amount_in, amount_out, currency, account.balance, cause_kind, cause_id, order_id, ticket_id,
            actor, code, reason, description, internal_note,
        )  # fmt: skip
        self.entries.append(entry)
        return entry


def _refuse_purchase(account: Account, order: Order) -> Refusal | None:
    if account.currency is not None and account.currency != order.currency:
        return _other_currency(account.currency, order.currency)
    if order.method != "balance":
        return _above_limit(account, order.amount, order.currency)
    if order.amount > account.available:
        return _not_covered(account, order.amount, order.currency)
    return None


def _above_limit(account: Account, amount_in: int, currency: str) -> Refusal | None:
    if amount_in <= LARGEST_BALANCE - account.balance:
        return None
    return Refusal("balance_limit", f"No balance may be above {figure(LARGEST_BALANCE, currency)}")


def _wrong_status(account: Account) -> Refusal:
    return Refusal(f"customer_{account.customer_status}", f"The customer is {account.customer_status}")


def _other_currency(expected: str, given: str) -> Refusal:
    return Refusal("currency_mismatch", f"The account is in {expected}, not in {given}")


def _not_covered(account: Account, amount: int, currency: str | None) -> Refusal:
    available, asked = figure(account.available, currency), figure(amount, currency)
    which = "available balance" if account.held else "balance"
    return Refusal("insufficient_balance", f"The {which} of {available} does not cover {asked}")
