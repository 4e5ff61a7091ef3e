"""The points of one customer."""

from tests.chaos.model.facts import Customer, Findings, Json
from tests.chaos.model.lives import was_paid


def check_points(
    customer: Customer, lives: dict[str, str], movements: list[Json], summary: Json, findings: Findings
) -> None:
    """A point for each whole unit of a paid ticket's price, and back with its cancellation."""
    wanted: dict[tuple[str, str], tuple[int, Json, Json]] = {}
    for purchase in customer.completed:
        for ticket in purchase.data["tickets"]:
            points, life = ticket["price"] // 100, lives.get(ticket["id"], "")
            if points and was_paid(life):
                wanted[ticket["id"], "earned"] = (points, purchase.data, ticket)
                # What counted as paid and was cancelled without money loses its points all the same.
                if "V" in life or "S" in life.partition("A")[2]:
                    wanted[ticket["id"], "clawed_back"] = (-points, purchase.data, ticket)
    balance, earned = 0, set()
    for number, line in enumerate(movements, 1):
        where = f"{customer.id} points {number}"
        identity = (line["ticket_id"], line["kind"])
        if identity not in wanted:
            findings.wrong(where, f"{identity} should not be there, or not twice")
            continue
        points, purchase_data, _ = wanted.pop(identity)
        balance += points
        findings.equal(line["points"], points, where, "points")
        findings.equal(line["balance"], balance, where, "the running balance")
        _check_origin(line, purchase_data, findings, where)
        if line["kind"] == "earned":
            earned.add(line["ticket_id"])
        findings.expect(line["ticket_id"] in earned, where, "clawed back before it was earned")
    findings.expect(not wanted, customer.id, f"points are missing: {sorted(wanted)}")
    findings.equal(summary["balance"], balance, customer.id, "balance of points")


def _check_origin(line: Json, purchase: Json, findings: Findings, where: str) -> None:
    findings.equal(line["order_id"], purchase["purchase_id"], where, "order_id")
    findings.equal(line["store_id"], purchase.get("store_id"), where, "store_id")
    findings.equal(line["terminal_id"], purchase.get("terminal_id"), where, "terminal_id")
    findings.equal(
        line["payment_transaction_id"], purchase["payment"]["transaction_id"], where, "payment_transaction_id"
    )
