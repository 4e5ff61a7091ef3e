"""The whole comparison."""

from collections import defaultdict

from tests.chaos.model.autoplays import Autoplays
from tests.chaos.model.bulk import Bulks, Fate
from tests.chaos.model.calls import check_calls
from tests.chaos.model.erasures import check_erased, is_erased
from tests.chaos.model.facts import Customer, Facts, Findings, Json, read_facts
from tests.chaos.model.ledger import Ledger, Replay
from tests.chaos.model.lives import requests_of
from tests.chaos.model.loyalty import check_points
from tests.chaos.model.mails import check_mails
from tests.chaos.model.merges import Merges
from tests.chaos.model.resolutions import Retries
from tests.chaos.model.tickets import check_names, check_tickets


def compare(facts_document: Json, observed: Json) -> Json:
    """The differences, and the figures of what was compared."""
    return Comparison(read_facts(facts_document), observed).run()


class Comparison:
    """Compares customer by customer, then what concerns them all."""

    def __init__(self, facts: Facts, observed: Json) -> None:
        self._facts = facts
        self._observed = observed
        self._findings = Findings()
        self._totals: dict[str, int] = defaultdict(int)
        self._mails: dict[str, list[Json]] = defaultdict(list)
        self._held: dict[str, list[Json]] = defaultdict(list)
        self._fates: dict[str, Fate] = {}
        self._ledgers: dict[str, Ledger] = {}

    def run(self) -> Json:
        """The differences, and the figures."""
        facts, findings, observed = self._facts, self._findings, self._observed
        check_calls(facts, findings)
        for mail in observed["mails"]:
            self._mails[str(mail["message_id"])].append(mail)
        for row in observed["held_withdrawals"]:
            self._held[row["customer_id"]].append(row)
        for customer in facts.customers.values():
            seen = observed["customers"].get(customer.id)
            if seen is None:
                findings.wrong(customer.id, "is unknown to the platform")
            else:
                self._compare(customer, seen)
        self._check_strange_mails()
        self._check_money()
        _check_leftovers(observed["leftovers"], findings)
        draws = [*observed["draws"], *observed["autoplay_draws"]]
        self._totals |= Bulks(facts, self._fates, findings).check(observed["bulk_cancellations"], draws)
        charged = {order: booked for ledger in self._ledgers.values() for order, booked in ledger.charged.items()}
        found = [autoplay for seen in observed["customers"].values() for autoplay in seen["autoplays"]]
        self._totals |= Autoplays(facts, charged, observed["autoplay_draws"], findings).check(found)
        balances = {name: ledger.balance for name, ledger in self._ledgers.items()}
        self._totals |= Merges(facts, balances, findings).check(observed["merges"], observed["customers"])
        self._totals["open calls"] = sum(call.open for call in facts.calls)
        self._totals["mails received"] = len(observed["mails"])
        return {"differences": findings.differences, "totals": dict(sorted(self._totals.items()))}

    def _compare(self, customer: Customer, seen: Json) -> None:
        findings, held = self._findings, self._held[customer.id]
        retries = Retries(seen)
        replay = Replay(customer, findings, self._facts.approval_threshold, retries)
        ledger = replay.run(seen["transactions"])
        self._ledgers[customer.id] = ledger
        for name, value in {"balance": ledger.balance, "held": replay.holds.sum}.items():
            findings.equal(seen["balance"][name], value, customer.id, name)
        findings.equal(seen["balance"]["available"], ledger.balances[-1][1], customer.id, "available")
        lives = check_tickets(customer, self._facts.others, ledger, seen, findings)
        check_points(customer, lives, seen["points"], seen["points_balance"], findings)
        unconfirmed = 0
        if is_erased(customer, self._facts, seen, findings):
            check_erased(customer, seen, self._mails, findings)
            self._totals["customers erased"] += 1
        else:
            check_names(customer, seen, findings)
            unconfirmed = check_mails(customer, lives, seen["correspondence"], self._mails, findings)
        for row in seen["tickets"]:
            requests = requests_of(seen["timelines"][row["ticket_id"]])
            self._fates[row["ticket_id"]] = Fate(lives.get(row["ticket_id"], ""), row["status"], requests)
        self._count(customer, seen, ledger, lives)
        self._totals["payments asked for again"] += retries.number
        self._totals["mails unconfirmed"] += unconfirmed
        self._totals["held withdrawals"] += len(held)
        self._totals["held withdrawals decided"] += replay.holds.check(held)

    def _count(self, customer: Customer, seen: Json, ledger: Ledger, lives: dict[str, str]) -> None:
        totals = self._totals
        totals["customers"] += 1
        totals["orders"] += len(customer.purchases)
        totals["payments refused"] += sum(not charged for charged in ledger.charged.values())
        totals["ledger lines"] += len(seen["transactions"])
        totals["tickets"] += len(lives)
        totals["tickets cancelled"] += sum("V" in life for life in lives.values())
        totals["tickets cancelled before payment"] += sum(life == "BCV" for life in lives.values())
        totals["decisions on tickets in limbo"] += sum(call.accepted is not None for call in customer.resolutions)
        totals["prizes"] += len(customer.prizes)
        totals["payments overdue"] += sum("O" in life for life in lives.values())
        totals["withdrawals"] += sum(line["kind"] == "withdrawal" for line in seen["transactions"])
        totals["movements of points"] += len(seen["points"])
        totals["correspondence rows"] += len(seen["correspondence"])

    def _check_strange_mails(self) -> None:
        known = {row["id"] for seen in self._observed["customers"].values() for row in seen["correspondence"]}
        strange = sorted(self._mails.keys() - known)
        self._findings.expect(not strange, "mail server", f"has strange mails: {strange}")

    def _check_money(self) -> None:
        findings, observed = self._findings, self._observed
        balances = sum(ledger.balance for ledger in self._ledgers.values())
        moved = sum(ledger.money_in - ledger.money_out for ledger in self._ledgers.values())
        findings.equal(balances, moved, "money", "the sum of all balances")
        findings.equal(observed["sum_of_balances"], balances, "money", "the sum of all accounts")
        strangers = set(observed["known_customers"]) - self._facts.customers.keys()
        findings.expect(not strangers, "accounts", f"customers that nobody named: {sorted(strangers)}")


def _check_leftovers(leftovers: Json, findings: Findings) -> None:
    for service, tables in leftovers.items():
        for table, rows in tables.items():
            findings.equal(rows, 0, service, f"rows left in {table}")
