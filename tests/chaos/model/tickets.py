"""The tickets of one customer: their facts, their timelines, and who cancelled them."""

from tests.chaos.model.bulk import draw_of
from tests.chaos.model.facts import Call, Customer, Findings, Json, Purchase, instant
from tests.chaos.model.ledger import Ledger
from tests.chaos.model.lives import PAID_OUT, REFUSED_FOR, explains, life_of, stands_of, status_of
from tests.chaos.model.resolutions import check_resolutions


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
            _check_timeline(timeline, life, row["status"], findings, where)
            _check_life(life, purchase, ledger, findings, where)
            _check_causes(timeline, purchase, ticket, ledger, findings, where)
            calls = [call for call in customer.cancellations if call.target == ticket["id"]]
            bulks = _bulks_of(others, timeline, {purchase.id, draw_of(ticket)})
            _check_cancellation(calls, bulks, timeline, life, findings, where)
            _check_prizes(customer, timeline, ticket["id"], findings, where)
            check_resolutions(_resolutions(customer, purchase), timeline, purchase, ticket["id"], findings, where)
    return lives


def _check_row(row: Json, purchase: Purchase, ticket: Json, findings: Findings, where: str) -> None:
    for name in ("lottery", "draw_number", "offer_id", "offer_label", "price"):
        findings.equal(row[name], ticket[name], where, name)
    for name in ("draw_at", "draw_closes_at"):
        findings.equal(instant(row[name]), instant(ticket[name]), where, name)
    findings.equal(row["order_id"], purchase.id, where, "order_id")
    findings.equal(row["checkout_id"], purchase.data["checkout_id"], where, "checkout_id")
    findings.equal(row["currency"], purchase.data["payment"]["currency"], where, "currency")
    findings.equal(row["autoplay_id"], ticket.get("autoplay_id"), where, "autoplay_id")
    findings.equal(instant(row["ordered_at"]), instant(purchase.data["occurred_at"]), where, "ordered_at")


def check_names(customer: Customer, seen: Json, findings: Findings) -> None:
    """Each ticket shows whose it is."""
    named = f"{customer.details['first_name']} {customer.details['last_name']}"
    for row in seen["tickets"]:
        findings.equal(row["customer_name"], named, f"{customer.id} ticket {row['ticket_id']}", "customer_name")


def _resolutions(customer: Customer, purchase: Purchase) -> dict[str, Call]:
    tickets = {ticket["id"] for ticket in purchase.data["tickets"]}
    return {call.text: call for call in customer.resolutions if call.target in tickets}


def _check_life(life: str, purchase: Purchase, ledger: Ledger, findings: Findings, where: str) -> None:
    """Money decides, and only an agent's word makes a ticket paid without it."""
    charged, stands = ledger.charged.get(purchase.id), stands_of(life)
    if charged is None:
        findings.wrong(where, "its order is not in the ledger")
        return
    right = {
        "paid": charged or life.rfind("A") > life.rfind("P"),
        "cancelled": charged == ("V" in life),
        "refused": not charged,
        "not reversed": not charged,
    }
    settled = bool(stands) and "nowhere" not in stands and right.get(stands[-1], False)
    known = (charged or "P" not in life) and ("R" not in life or purchase.id in ledger.refused)
    findings.expect(
        settled and known, where, f"has the life {life}, but its order was {'' if charged else 'not '}charged"
    )


def _check_timeline(timeline: list[Json], life: str, status: str, findings: Findings, where: str) -> None:
    for number, (entry, stand) in enumerate(zip(timeline, stands_of(life), strict=True), 1):
        findings.equal(entry["sequence"], number, where, "sequence in the timeline")
        findings.equal(entry["status"], status_of(stand), where, f"status {number}")
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
    requested = [
        entry["cause"] for entry in timeline if entry["status"] == "cancelling" and entry["event"] != "prize_paid"
    ]
    findings.equal(requested, ledger.cancellations[ticket["id"]], where, "the cancellations")
    findings.equal(causes.get("purchased"), purchase.event_id, where, "cause of the purchase")


def _check_prizes(customer: Customer, timeline: list[Json], ticket_id: str, findings: Findings, where: str) -> None:
    wanted = sorted(prize for prize, ticket in customer.prizes.items() if ticket == ticket_id)
    found = sorted(entry["cause"] for entry in timeline if entry["event"] == "prize_paid")
    findings.equal(found, wanted, where, "the prizes")


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
        if attempt.code in {*REFUSED_FOR, PAID_OUT}:
            findings.expect(explains(attempt.code, life), where, f"refused as {attempt.code}, but its life is {life}")
            # A refusal is not kept under its key: asked again, the same may be accepted once an agent has decided.
            before = call.accepted is not None and attempt.ended < call.accepted.started
            own = attempt.code not in {"ticket_in_limbo", PAID_OUT} and call.text in requests and not call.open
            findings.expect(before or not own, where, f"refused as {attempt.code} because of itself")
