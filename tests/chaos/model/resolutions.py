"""What agents decided about tickets in limbo, and the payments that they asked for again."""

from tests.chaos.model.facts import Call, Findings, Json, Purchase
from tests.chaos.model.lives import EVENTS, PAID_OUT

LETTERS = {"confirm_paid": "A", "cancel_and_refund": "S", "retry": "T"}
PLATFORM = "recourse/tickets"


class Retries:
    """Payments of a customer that were asked for again, as the timelines of the tickets tell: each is decided once."""

    def __init__(self, seen: Json) -> None:
        self._orders = {
            entry["cause"]: row["order_id"]
            for row in seen["tickets"]
            for entry in seen["timelines"].get(row["ticket_id"], [])
            if (entry["event"], entry["status"]) == ("retried", "purchased")
        }
        self.number = len(self._orders)

    def decide(self, line: Json, charged: dict[str, bool], findings: Findings, where: str) -> None:
        """A line of the ledger decides on one of them, of an order that was refused before."""
        asked = self._orders.pop(line["cause_id"], None) == line["order_id"]
        findings.expect(asked, where, f"nobody asked for the payment {line['cause_id']} again, or not twice")
        refused = charged.get(line["order_id"]) is False
        findings.expect(refused, where, "its order was charged before, or never decided on")

    def check(self, charged: dict[str, bool], findings: Findings) -> None:
        """Only of an order that was charged meanwhile there is nothing to decide."""
        for retry, order in self._orders.items():
            findings.expect(charged.get(order), order, f"its payment {retry} was never decided on")


def check_resolutions(
    calls: dict[str, Call], timeline: list[Json], purchase: Purchase, ticket_id: str, findings: Findings, where: str
) -> None:
    """What the timeline says of agents, against `calls`, those about the tickets of the order by their texts."""
    found: dict[str, Json] = {}
    for entry in timeline:
        letter = EVENTS.get(entry["event"], "?")
        by_itself = letter == "L" or (letter == "S" and purchase.of_autoplay)
        if by_itself and entry["actor"] == PLATFORM:
            continue
        if letter in "ASTL":
            findings.expect(entry["reason"] not in found, where, f"the resolution {entry['reason']} took effect twice")
            found[entry["reason"]] = entry
            _check_entry(calls.get(entry["reason"]), entry, letter, ticket_id, findings, where)
    for call in calls.values():
        if call.target == ticket_id:
            _check_call(call, found.get(call.text), purchase, timeline, findings, where)


def _check_entry(call: Call | None, entry: Json, letter: str, ticket_id: str, findings: Findings, where: str) -> None:
    if call is None:
        findings.wrong(where, f"nobody asked for {entry['event']}: {entry['reason']}")
        return
    findings.equal((LETTERS[call.body["action"]], call.who), (letter, entry["actor"]), where, "who decided, and what")
    findings.expect(call.accepted or call.open, where, f"the refused resolution {call.text} took effect")
    whole_order = (letter, entry["status"]) == ("T", "purchased")
    findings.expect(whole_order or call.target == ticket_id, where, f"{call.text} is about another ticket")


def _check_call(
    call: Call, entry: Json | None, purchase: Purchase, timeline: list[Json], findings: Findings, where: str
) -> None:
    won = any(each["event"] == "prize_paid" for each in timeline)
    if call.accepted is not None:
        findings.expect(entry is not None, where, f"the accepted resolution {call.text} had no effect")
        findings.equal(call.accepted.body["status"], entry and entry["status"], where, "status in the answer")
    for attempt in call.attempts:
        if attempt.code == "order_partly_resolved":
            several = len(purchase.data["tickets"]) > 1
            findings.expect(several, where, f"the resolution {call.text} was refused because of other tickets")
        if attempt.code == PAID_OUT:
            findings.expect(won, where, f"the resolution {call.text} was refused for a prize that nobody paid")
