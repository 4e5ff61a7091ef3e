"""Withdrawals of one customer that waited for a second person, and what became of each."""

from dataclasses import dataclass

from tests.chaos.model.facts import Attempt, Call, Customer, Findings, Json

STATES = {"approve": "approved", "reject": "rejected"}
STATUSES = {"approve": "booked", "reject": "refused"}


@dataclass
class Hold:
    """A pending line of the ledger, and the line that settled it by a decision."""

    withdrawal: Call
    pending: Json
    decision: Call | None = None
    settled: Json | None = None

    @property
    def state(self) -> str:
        return STATES[self.decision.operation] if self.decision else "pending"


class Holds:
    """What is held and by which withdrawals, while the ledger is replayed."""

    def __init__(self, customer: Customer, findings: Findings) -> None:
        self._customer = customer
        self._findings = findings
        self._decisions = {call.text: call for call in customer.decisions}
        self._holds: dict[str, Hold] = {}
        self.sum = 0

    def hold(self, call: Call, line: Json, where: str) -> None:
        """A withdrawal begins to wait."""
        self._findings.equal((line["status"], line["cause_kind"]), ("pending", "hold"), where, "what is held")
        self._holds[line["cause_id"]] = Hold(call, line)
        self.sum += call.amount

    def settle(self, line: Json, where: str) -> Hold | None:
        """A decision takes effect, and is right, or None. Once at most, and never by who asked for the withdrawal."""
        hold, decision = self._holds.get(line["cause_id"]), self._decisions.get(line["reason"])
        if hold is None or decision is None or decision.target != line["cause_id"]:
            self._findings.wrong(where, f"nobody decided on the withdrawal {line['cause_id']}")
            return None
        if hold.settled is not None:
            self._findings.wrong(where, f"the withdrawal {line['cause_id']} is decided twice")
            return None
        findings, rejected = self._findings, decision.operation == "reject"
        hold.decision, hold.settled = decision, line
        self.sum -= hold.withdrawal.amount
        findings.expect(decision.accepted or decision.open, where, f"the refused decision {decision.text} took effect")
        findings.expect(decision.who != hold.withdrawal.who, where, "was decided by who asked for it")
        findings.equal(line["status"], STATUSES[decision.operation], where, "the decision")
        findings.equal(line["code"], "rejected" if rejected else None, where, "code")
        findings.equal(line["actor"], hold.withdrawal.who, where, "actor")
        return hold

    def check(self, listed: list[Json]) -> int:
        """All holds against the list of them, and all decisions against the holds. Returns how many were decided."""
        self._findings.equal(
            {row["withdrawal_id"] for row in listed}, set(self._holds), self._customer.id, "the held withdrawals"
        )
        for row in listed:
            if row["withdrawal_id"] in self._holds:
                self._check_row(row, self._holds[row["withdrawal_id"]])
        for call in self._customer.decisions:
            self._check_decision(call)
        return sum(hold.settled is not None for hold in self._holds.values())

    def _check_row(self, row: Json, hold: Hold) -> None:
        where, settled, decision = f"withdrawal {row['withdrawal_id']}", hold.settled or {}, hold.decision
        wanted = {
            "state": hold.state,
            "amount": hold.withdrawal.amount,
            "customer_visible_description": hold.withdrawal.text,
            "requested_by": hold.withdrawal.who,
            "pending_seq": hold.pending["seq"],
            "decided_by": decision and decision.who,
            "decision_reason": decision and decision.text,
            "settled_seq": settled.get("seq"),
        }
        for name, value in wanted.items():
            self._findings.equal(row[name], value, where, name)
        self._findings.equal(hold.pending["settled_seq"], settled.get("seq"), where, "settled_seq of the pending line")

    def _check_decision(self, call: Call) -> None:
        where, hold = f"decision {call.text} on {call.target}", self._holds.get(call.target or "")
        if hold is None:
            self._findings.expect(call.accepted is None, where, "was accepted, and there is no such withdrawal")
            return
        if call.accepted is not None:
            body = call.accepted.body
            self._findings.expect(hold.decision is call, where, "was accepted and had no effect")
            self._findings.equal(body["state"], STATES[call.operation], where, "state in the answer")
            self._findings.equal(body["settled_seq"], (hold.settled or {}).get("seq"), where, "settled_seq")
        for attempt in call.attempts:
            self._check_refusal(call, attempt, hold, where)

    def _check_refusal(self, call: Call, attempt: Attempt, hold: Hold, where: str) -> None:
        own = call.who == hold.withdrawal.who
        if attempt.code == "second_person_required":
            self._findings.expect(own, where, "was refused to a second person")
        if attempt.code == "withdrawal_decided":
            self._findings.expect(hold.settled, where, "was refused as decided, and it still waits")
            self._findings.equal(attempt.body["state"], hold.state, where, "state in the refusal")
            self._findings.expect(hold.decision is not call or call.open, where, "was refused because of itself")
