"""The ledger of one customer, replayed line by line with a running balance of the model's own."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.model.facts import Call, Customer, Findings, Json, Purchase, instant
from tests.chaos.model.holds import Holds
from tests.chaos.model.resolutions import Retries


@dataclass
class Ledger:
    """What the replay found: per order whether it was charged in the end, per ticket the cancellations decided on.

    `balances` are those before and after each line, each with what of it was available.
    """

    balance: int = 0
    money_in: int = 0
    money_out: int = 0
    balances: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    charged: dict[str, bool] = field(default_factory=dict)
    purchase_lines: dict[str, Json] = field(default_factory=dict)
    reversals: dict[str, Json] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    cancellations: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class Replay:
    """Applies the lines of a customer in their order; each has to be right at its place."""

    def __init__(self, customer: Customer, findings: Findings, approval_threshold: int, retries: Retries) -> None:
        self._customer = customer
        self._findings = findings
        self._approval_threshold = approval_threshold
        self._retries = retries
        self.holds = Holds(customer, findings)
        self._purchases = {purchase.id: purchase for purchase in customer.purchases}
        self._orders_of_tickets = {
            ticket["id"]: (purchase, ticket) for purchase in customer.completed for ticket in purchase.data["tickets"]
        }
        self._withdrawals = {call.text: call for call in customer.withdrawals}
        self._withdrawn: dict[str, Json] = {}
        self._deposited: str | None = None
        self._order_of_charges: list[str] = []
        self._order_of_failures: list[str] = []
        self.ledger = Ledger()

    def run(self, lines: list[Json]) -> Ledger:
        """Replay all lines, oldest first, then look for what is missing."""
        for number, line in enumerate(lines, 1):
            where = f"{self._customer.id} line {number}"
            self._findings.equal(line["seq"], number, where, "seq")
            self._apply(line, where)
            self._findings.equal(line["balance"], self.ledger.balance, where, "the running balance")
            self._findings.expect(self._available >= 0, where, "the available balance is negative")
            self._findings.equal(line["currency"], "AUD", where, "currency")
            self.ledger.balances.append((self.ledger.balance, self._available))
        self._check_complete()
        return self.ledger

    @property
    def _available(self) -> int:
        return self.ledger.balance - self.holds.sum

    def _apply(self, line: Json, where: str) -> None:
        waiting, self._deposited = self._deposited, None
        kind = line["kind"]
        if waiting is not None and (kind, line["cause_id"]) != ("purchase", waiting):
            self._findings.wrong(where, f"follows the deposit of {waiting}, whose purchase is missing")
        if kind in {"deposit", "purchase"}:
            self._apply_order(line, waiting, where)
        elif kind == "reversal":
            self._apply_reversal(line, where)
        elif kind == "withdrawal":
            self._apply_withdrawal(line, where)
        else:
            self._findings.wrong(where, f"nobody asked for a line of the kind {kind}")

    def _move(self, line: Json) -> None:
        self.ledger.money_in += line["amount_in"]
        self.ledger.money_out += line["amount_out"]
        self.ledger.balance += line["amount_in"] - line["amount_out"]

    def _apply_order(self, line: Json, waiting: str | None, where: str) -> None:
        purchase = self._purchases.get(line["order_id"])
        if purchase is None:
            self._findings.wrong(where, f"nobody published the purchase {line['order_id']}")
            return
        self._check_order_line(line, purchase, where)
        if line["kind"] == "deposit":
            self._findings.equal(line["status"], "booked", where, "status of a deposit")
            self._findings.expect(not purchase.from_balance, where, "an order paid from the balance has a deposit")
            self._deposited = line["cause_id"]
            self._move(line)
        elif line["status"] == "failed":
            self._findings.expect(purchase.failed, where, "an order that was taken is shown as failed")
            self._findings.equal(line["reason"], purchase.data.get("reason"), where, "reason")
            self._order_of_failures.append(purchase.id)
        else:
            self._charge(line, purchase, waiting, where)

    def _charge(self, line: Json, purchase: Purchase, waiting: str | None, where: str) -> None:
        findings, covered = self._findings, not purchase.from_balance or self._available >= purchase.amount
        findings.expect(not purchase.failed, where, "a failed purchase is charged")
        if line["cause_id"] == purchase.id:
            findings.expect(purchase.id not in self.ledger.charged, where, "an order is charged twice")
            self._order_of_charges.append(purchase.id)
        else:
            self._retries.decide(line, self.ledger.charged, findings, where)
        deposited = purchase.from_balance or waiting == line["cause_id"]
        findings.expect(deposited, where, "an order paid from outside has no deposit before it")
        findings.equal(line["status"], "booked" if covered else "refused", where, "the decision on the payment")
        booked = line["status"] == "booked"
        findings.equal(line["code"], None if booked else "insufficient_balance", where, "code")
        self.ledger.charged[purchase.id] = booked
        self.ledger.purchase_lines[purchase.id] = line
        if booked:
            self._move(line)
        else:
            self.ledger.refused.add(purchase.id)

    def _check_order_line(self, line: Json, purchase: Purchase, where: str) -> None:
        incoming = purchase.amount if line["kind"] == "deposit" else 0
        self._findings.equal(line["amount_in"], incoming, where, "amount_in")
        self._findings.equal(line["amount_out"], purchase.amount - incoming, where, "amount_out")
        self._findings.equal(line["method"], purchase.data["payment"]["method"], where, "method")
        self._findings.equal(instant(line["occurred_at"]), instant(purchase.data["occurred_at"]), where, "occurred_at")
        self._findings.equal((line["cause_kind"], line["order_id"]), ("order", purchase.id), where, "cause")

    def _apply_reversal(self, line: Json, where: str) -> None:
        findings, ticket_id = self._findings, line["ticket_id"]
        purchase, ticket = self._orders_of_tickets.get(ticket_id, (None, None))
        if purchase is None or ticket is None:
            findings.wrong(where, f"a reversal of the unknown ticket {ticket_id}")
            return
        findings.equal((line["amount_in"], line["amount_out"]), (ticket["price"], 0), where, "amounts of a reversal")
        findings.equal((line["cause_kind"], line["order_id"]), ("cancellation", purchase.id), where, "cause")
        findings.expect(purchase.id in self.ledger.charged, where, "a reversal stands before its purchase")
        charged = self.ledger.charged.get(purchase.id, False)
        findings.equal(line["status"], "booked" if charged else "refused", where, "the decision on the reversal")
        findings.expect(ticket_id not in self.ledger.reversals, where, f"the ticket {ticket_id} is reversed twice")
        self.ledger.cancellations[ticket_id].append(line["cause_id"])
        if line["status"] == "booked":
            self.ledger.reversals[ticket_id] = line
            self._move(line)
        else:
            findings.equal(line["code"], "not_charged", where, "code")

    def _apply_withdrawal(self, line: Json, where: str) -> None:
        findings, text = self._findings, line["description"]
        call = self._withdrawals.get(text)
        if call is None:
            findings.wrong(where, f"nobody asked for the withdrawal {text}")
            return
        findings.equal((line["amount_in"], line["amount_out"]), (0, call.amount), where, "amounts of a withdrawal")
        if text in self._withdrawn and call.amount > self._approval_threshold:
            hold = self.holds.settle(line, where)
            findings.expect(hold is None or hold.withdrawal is call, where, "settles another withdrawal")
            if hold is not None and line["status"] == "booked":
                self._move(line)
            return
        findings.expect(text not in self._withdrawn, where, f"the withdrawal {text} is there twice")
        findings.expect(call.accepted is not None or call.open, where, f"the refused withdrawal {text} is there")
        findings.expect(call.amount <= self._available, where, f"the withdrawal {text} was not covered")
        if call.amount > self._approval_threshold:
            self.holds.hold(call, line, where)
        else:
            findings.equal(line["status"], "booked", where, "status of a withdrawal")
            self._move(line)
        self._withdrawn[text] = line | {"available": self._available}

    def _check_complete(self) -> None:
        customer, findings = self._customer, self._findings
        findings.expect(self._deposited is None, customer.id, f"the purchase of {self._deposited} is missing")
        wanted = [purchase.id for purchase in customer.completed]
        findings.equal(self._order_of_charges, wanted, customer.id, "the order of charges")
        self._retries.check(self.ledger.charged, findings)
        failed = [purchase.id for purchase in customer.failed]
        findings.equal(self._order_of_failures, failed, customer.id, "the order of failed purchases")
        for call in customer.withdrawals:
            self._check_withdrawal(call)

    def _check_withdrawal(self, call: Call) -> None:
        where = f"{self._customer.id} withdrawal {call.text}"
        line = self._withdrawn.get(call.text)
        if call.accepted is not None:
            body = call.accepted.body
            self._findings.expect(line is not None, where, "was accepted and is not in the ledger")
            for name in ("entry_id", "seq", "status", "balance", "available") if line else ():
                self._findings.equal(body[name], (line or {})[name], where, name)
        for attempt in call.attempts:
            if attempt.code == "insufficient_balance":
                self._check_refusal(call, attempt.body, where)

    def _check_refusal(self, call: Call, body: Any, where: str) -> None:
        seen = body["balance"], body["available"]
        self._findings.expect(body["available"] < call.amount, where, "was refused although the balance covered it")
        self._findings.expect(seen in self.ledger.balances, where, "was refused for a balance that never was")
