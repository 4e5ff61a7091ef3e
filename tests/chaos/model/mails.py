"""What one customer was told: the rows of correspondence against the mails that the mail server really has."""

from tests.chaos.model.facts import Customer, Findings, Json
from tests.chaos.model.lives import was_paid

# By how an address begins: the status that its mail ends in, and how many copies the server has.
FATES = {
    "bounce-hard": ("hard_bounce", 1),
    "bounce-soft": ("soft_bounce", 1),
    "refuse": ("hard_bounce", 0),
}
DELIVERED = ("delivered", 1)


def fate_of(address: str | None) -> tuple[str, int]:
    """Status and number of copies of a mail to the address."""
    if address is None:
        return ("not_sent", 0)
    return next((fate for start, fate in FATES.items() if address.startswith(start)), DELIVERED)


def check_mails(
    customer: Customer, lives: dict[str, str], rows: list[Json], mails: dict[str, list[Json]], findings: Findings
) -> int:
    """Compare; `mails` are those received, by message id. Returns how many stayed unconfirmed."""
    wanted = _wanted(customer, lives)
    address = customer.details.get("email")
    unconfirmed = 0
    for row in rows:
        where = f"{customer.id} mail {row['id']}"
        subject = (row["template"], row["subject"])
        if subject not in wanted:
            findings.wrong(where, f"{subject} should not be there, or not twice")
            continue
        wanted.remove(subject)
        findings.equal(row["recipient_address"], address, where, "address")
        copies = mails.get(row["id"], [])
        unconfirmed += row["status"] == "unconfirmed"
        _check_fate(row, copies, address, findings, where)
        for copy in copies:
            findings.equal(copy["subject"], row["subject"], where, "subject of the mail")
            findings.equal(copy["recipients"], [address], where, "recipient of the mail")
            findings.equal(copy["customer_id"], customer.id, where, "customer in the mail")
    findings.expect(not wanted, customer.id, f"was not told: {sorted(wanted)}")
    return unconfirmed


def _check_fate(row: Json, copies: list[Json], address: str | None, findings: Findings, where: str) -> None:
    status, number = fate_of(address)
    if row["status"] == "unconfirmed":
        # The server got it, or did not, and nobody lived to tell. Had it the mail, its report would have told.
        findings.expect(address is not None and not copies, where, f"unconfirmed, with {len(copies)} copies")
        return
    findings.equal(row["status"], status, where, "status")
    findings.equal(len(copies), number, where, "number of copies received")


def _wanted(customer: Customer, lives: dict[str, str]) -> set[tuple[str, str]]:
    wanted = set()
    for purchase in customer.completed:
        ticket_ids = [ticket["id"] for ticket in purchase.data["tickets"]]
        if any(was_paid(lives.get(ticket_id, "")) for ticket_id in ticket_ids):
            wanted.add(("order_confirmation", f"Your order {purchase.id} is confirmed"))
        for ticket_id in ticket_ids:
            if "V" in lives.get(ticket_id, ""):
                wanted.add(("cancellation_notice", f"Your ticket {ticket_id} was cancelled"))
    return wanted
