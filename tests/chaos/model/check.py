"""The whole comparison."""

from collections import defaultdict

from tests.chaos.model.calls import check_calls
from tests.chaos.model.facts import Customer, Facts, Findings, Json, read_facts
from tests.chaos.model.ledger import Ledger, Replay
from tests.chaos.model.loyalty import check_points
from tests.chaos.model.mails import check_mails
from tests.chaos.model.tickets import check_tickets


def compare(facts_document: Json, observed: Json) -> Json:
    """The differences, and the figures of what was compared."""
    facts, findings = read_facts(facts_document), Findings()
    check_calls(facts, findings)
    mails: dict[str, list[Json]] = defaultdict(list)
    for mail in observed["mails"]:
        mails[str(mail["message_id"])].append(mail)
    totals: dict[str, int] = defaultdict(int)
    known_mails: set[str] = set()
    ledgers = []
    for customer in facts.customers.values():
        seen = observed["customers"].get(customer.id)
        if seen is None:
            findings.wrong(customer.id, "is unknown to the platform")
            continue
        held = [row for row in observed["held_withdrawals"] if row["customer_id"] == customer.id]
        ledgers.append(_compare_customer(facts, customer, seen, held, mails, findings, totals))
        known_mails |= {row["id"] for row in seen["correspondence"]}
    findings.expect(
        mails.keys() <= known_mails, "mail server", f"has strange mails: {sorted(mails.keys() - known_mails)}"
    )
    _check_money(facts, ledgers, observed, findings)
    _check_leftovers(observed["leftovers"], findings)
    totals["open calls"] = sum(call.open for each in facts.customers.values() for call in each.calls)
    totals["mails received"] = len(observed["mails"])
    return {"differences": findings.differences, "totals": dict(sorted(totals.items()))}


def _compare_customer(
    facts: Facts, customer: Customer, seen: Json, held: list[Json], mails: dict[str, list[Json]], findings: Findings,
    totals: dict[str, int],
) -> Ledger:  # fmt: skip
    replay = Replay(customer, findings, facts.approval_threshold)
    ledger = replay.run(seen["transactions"])
    for name, value in {"balance": ledger.balance, "held": replay.holds.sum}.items():
        findings.equal(seen["balance"][name], value, customer.id, name)
    findings.equal(seen["balance"]["available"], ledger.balances[-1][1], customer.id, "available")
    totals["held withdrawals"] += len(held)
    totals["held withdrawals decided"] += replay.holds.check(held)
    lives = check_tickets(customer, ledger, seen["tickets"], seen["timelines"], findings)
    check_points(customer, lives, seen["points"], seen["points_balance"], findings)
    totals["mails unconfirmed"] += check_mails(customer, lives, seen["correspondence"], mails, findings)
    totals["customers"] += 1
    totals["orders"] += len(customer.purchases)
    totals["payments refused"] += sum(not charged for charged in ledger.charged.values())
    totals["ledger lines"] += len(seen["transactions"])
    totals["tickets"] += len(lives)
    totals["tickets cancelled"] += sum("V" in life for life in lives.values())
    totals["tickets cancelled before payment"] += sum(life == "BCV" for life in lives.values())
    totals["payments overdue"] += sum("O" in life for life in lives.values())
    totals["withdrawals"] += sum(line["kind"] == "withdrawal" for line in seen["transactions"])
    totals["movements of points"] += len(seen["points"])
    totals["correspondence rows"] += len(seen["correspondence"])
    return ledger


def _check_money(facts: Facts, ledgers: list[Ledger], observed: Json, findings: Findings) -> None:
    balances = sum(ledger.balance for ledger in ledgers)
    moved = sum(ledger.money_in - ledger.money_out for ledger in ledgers)
    findings.equal(balances, moved, "money", "the sum of all balances")
    findings.equal(observed["sum_of_balances"], balances, "money", "the sum of all accounts")
    strangers = set(observed["known_customers"]) - facts.customers.keys()
    findings.expect(not strangers, "accounts", f"customers that nobody named: {sorted(strangers)}")


def _check_leftovers(leftovers: Json, findings: Findings) -> None:
    for service, tables in leftovers.items():
        for table, rows in tables.items():
            findings.equal(rows, 0, service, f"rows left in {table}")
