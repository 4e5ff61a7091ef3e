"""Customers that were erased: nothing of what they were is left, and all of what they did."""

from tests.chaos.model.facts import Customer, Facts, Findings, Json

NOBODY = {"first_name": "Erased", "last_name": "customer", "email": None, "phone": None, "language": None}


def is_erased(customer: Customer, facts: Facts, seen: Json, findings: Findings) -> bool:
    """Whether the platform says so, and whether it may."""
    erased = seen["profile"]["erased_at"] is not None
    calls = [call for call in facts.others_of("erase").values() if call.customer == customer.id]
    if any(call.accepted for call in calls):
        findings.expect(erased, customer.id, "was erased and is still there")
    findings.expect(not erased or any(call.accepted or call.open for call in calls), customer.id, "nobody erased it")
    return erased


def check_erased(customer: Customer, seen: Json, mails: dict[str, list[Json]], findings: Findings) -> None:
    """Details, names and addresses are gone everywhere. A mail that was handed over before was sent, once."""
    where = f"erased {customer.id}"
    findings.equal({name: seen["profile"][name] for name in NOBODY}, NOBODY, where, "what is left of it")
    findings.equal(seen["profile"]["status"], "closed", where, "status")
    for row in seen["tickets"]:
        name = customer.details["last_name"]
        findings.expect(name not in (row["customer_name"] or ""), where, f"is named on the ticket {row['ticket_id']}")
    for row in seen["correspondence"]:
        findings.equal((row["recipient_address"], row["subject"]), (None, "Erased"), where, f"mail {row['id']}")
        findings.expect(row["status"] != "pending", where, f"the mail {row['id']} still waits")
        findings.expect(len(mails.get(row["id"], [])) <= 1, where, f"the mail {row['id']} was sent twice")
