"""The tickets of one customer: their facts, their timelines, and who cancelled them."""

import re

from tests.chaos.model.bulk import REFUSED_FOR, draw_of
from tests.chaos.model.facts import Call, Customer, Findings, Json, Purchase, instant
from tests.chaos.model.ledger import Ledger

# One letter for each event of a timeline, and the status that it leaves.
EVENTS = {
    "purchased": ("B", "purchased"),
    "payment_confirmed": ("P", "paid"),
    "payment_refused": ("R", "limbo"),
    "payment_overdue": ("O", "limbo"),
    "cancellation_requested": ("C", "cancelling"),
    "reversal_credited": ("V", "cancelled"),
    "reversal_refused": ("X", "limbo"),
    "resolved_cancelled": ("S", "cancelled"),
}
# The lives that a ticket may have, by whether its order was charged: a payment may be overdue in between, and a
# cancellation may come before the payment. What an AutoPlay orders again is cancelled, without a word to the customer.
LIVES = {True: re.compile(r"BO?P(CV)?|BCV"), False: re.compile(r"BO?R|BCX")}
ORDERED_AGAIN = re.compile(r"BO?RS")


def life_of(timeline: list[Json]) -> str:
    """The events of a timeline as letters; a question mark for an unknown one."""
    return "".join(EVENTS.get(entry["event"], ("?", ""))[0] for entry in timeline)


def check_tickets(
    customer: Customer, others: dict[str, Call], ledger: Ledger, seen: Json, findings: Findings
) -> dict[str, str]:
    """Compare all tickets of a customer; returns the life of each as letters.

    `others` has the calls for bulk cancellations by their text.
    """
    listed, timelines = seen["tickets"], seen["timelines"]
    rows = {row["ticket_id"]: row for row in listed}
    wanted = {ticket["id"] for purchase in customer.completed for ticket in purchase.data["tickets"]}
    findings.equal(len(rows), len(listed), customer.id, "number of different tickets listed")
    findings.expect(rows.keys() <= wanted, customer.id, f"tickets that nobody bought: {sorted(rows.keys() - wanted)}")
    lives = {}
    for purchase in customer.completed:
        for ticket in purchase.data["tickets"]:
            where = f"{customer.id} ticket {ticket['id']}"
            row, timeline = rows.get(ticket["id"]), timelines.get(ticket["id"], [])
            if row is None:
                findings.wrong(where, "is missing")
                continue
            life = lives[ticket["id"]] = life_of(timeline)
            _check_row(row, purchase, ticket, findings, where)
            _check_timeline(timeline, row["status"], findings, where)
            _check_life(life, purchase, ledger, findings, where)
            _check_causes(timeline, purchase, ticket, ledger, findings, where)
            calls = [call for call in customer.cancellations if call.target == ticket["id"]]
            bulks = _bulks_of(others, timeline, {purchase.id, draw_of(ticket)})
            _check_cancellation(calls, bulks, timeline, life, findings, where)
    return lives


def _check_row(row: Json, purchase: Purchase, ticket: Json, findings: Findings, where: str) -> None:
    for name in ("lottery", "draw_number", "offer_id", "offer_label", "price"):
        findings.equal(row[name], ticket[name], where, name)
    for name in ("draw_at", "draw_closes_at"):
        findings.equal(instant(row[name]), instant(ticket[name]), where, name)
    named = purchase.data["customer"]
    findings.equal(row["order_id"], purchase.id, where, "order_id")
    findings.equal(row["checkout_id"], purchase.data["checkout_id"], where, "checkout_id")
    findings.equal(row["currency"], purchase.data["payment"]["currency"], where, "currency")
    findings.equal(row["autoplay_id"], ticket.get("autoplay_id"), where, "autoplay_id")
    findings.equal(instant(row["ordered_at"]), instant(purchase.data["occurred_at"]), where, "ordered_at")
    findings.equal(row["customer_name"], f"{named['first_name']} {named['last_name']}", where, "customer_name")


def _check_life(life: str, purchase: Purchase, ledger: Ledger, findings: Findings, where: str) -> None:
    charged = ledger.charged.get(purchase.id)
    if charged is None:
        findings.wrong(where, "its order is not in the ledger")
    elif purchase.of_autoplay and not charged and ORDERED_AGAIN.fullmatch(life):
        return
    elif not LIVES[charged].fullmatch(life):
        findings.wrong(where, f"has the life {life}, but its order was {'' if charged else 'not '}charged")


def _check_timeline(timeline: list[Json], status: str, findings: Findings, where: str) -> None:
    for number, entry in enumerate(timeline, 1):
        findings.equal(entry["sequence"], number, where, "sequence in the timeline")
        findings.equal(entry["status"], EVENTS.get(entry["event"], ("", ""))[1], where, f"status {number}")
    findings.equal(status, timeline[-1]["status"] if timeline else None, where, "status")


def _check_causes(
    timeline: list[Json], purchase: Purchase, ticket: Json, ledger: Ledger, findings: Findings, where: str
) -> None:
    causes = {entry["event"]: entry["cause"] for entry in timeline}
    lines = {
        "payment_confirmed": ledger.purchase_lines.get(purchase.id),
        "reversal_credited": ledger.reversals.get(ticket["id"]),
    }
    for event, line in lines.items():
        if event in causes:
            findings.equal(causes[event], line and line["entry_id"], where, f"cause of {event}")
    reversal = ledger.reversals.get(ticket["id"]) or ledger.refused_reversals.get(ticket["id"])
    findings.equal(causes.get("cancellation_requested"), reversal and reversal["cause_id"], where, "the cancellation")
    findings.equal(causes.get("purchased"), purchase.event_id, where, "cause of the purchase")


def _bulks_of(others: dict[str, Call], timeline: list[Json], targets: set[str]) -> list[Call]:
    """The bulk cancellations that the timeline names, and that are about the ticket's order or draw."""
    named = [others[entry["reason"]] for entry in timeline if entry["reason"] in others]
    return [call for call in named if call.target in targets]


def _check_cancellation(
    calls: list[Call], bulks: list[Call], timeline: list[Json], life: str, findings: Findings, where: str
) -> None:
    requests = [entry["reason"] for entry in timeline if entry["event"] == "cancellation_requested"]
    by_reason = {call.text: call for call in (*calls, *bulks)}
    for reason in requests:
        call = by_reason.get(reason)
        findings.expect(call is not None, where, f"nobody asked for the cancellation {reason}")
        may_be = call is None or call.accepted is not None or call.open
        findings.expect(may_be, where, f"the refused cancellation {reason} took effect")
    for call in calls:
        if call.accepted is not None:
            findings.expect(call.text in requests, where, f"the accepted cancellation {call.text} had no effect")
            findings.equal(call.accepted.body["status"], "cancelling", where, "status in the answer")
        _check_refusals(call, life, requests, findings, where)


def _check_refusals(call: Call, life: str, requests: list[str], findings: Findings, where: str) -> None:
    for attempt in call.attempts:
        sign = REFUSED_FOR.get(attempt.code or "")
        if sign is not None:
            findings.expect(re.search(sign, life), where, f"refused as {attempt.code}, but its life is {life}")
            own = attempt.code != "ticket_in_limbo" and call.text in requests and not call.open
            findings.expect(not own, where, f"refused as {attempt.code} because of itself")
