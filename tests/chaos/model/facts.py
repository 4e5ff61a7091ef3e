"""What outsiders know: purchases as published, calls as answered."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]
OF_CUSTOMERS = frozenset({"cancel", "resolve", "withdraw", "approve", "reject"})


class Findings:
    """Collects differences: where, and what is wrong there."""

    def __init__(self) -> None:
        self.differences: list[Json] = []

    def expect(self, holds: object, where: str, what: str) -> None:
        """A difference unless `holds`."""
        if not holds:
            self.wrong(where, what)

    def wrong(self, where: str, what: str) -> None:
        """A difference."""
        self.differences.append({"where": where, "what": what})

    def equal(self, found: object, wanted: object, where: str, name: str) -> None:
        """A difference unless both are the same."""
        self.expect(found == wanted, where, f"{name} is {found!r} and should be {wanted!r}")


def instant(text: str) -> datetime:
    """A time as JSON carries it."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True)
class Purchase:
    """The first publication of a purchase; later ones under any of the `event_ids` mean nothing new."""

    event_ids: list[str]
    failed: bool
    data: Json

    @property
    def event_id(self) -> str:
        return self.event_ids[0]

    @property
    def of_autoplay(self) -> bool:
        """Whether the platform itself ordered it."""
        return self.id.startswith("ap-")

    @property
    def id(self) -> str:
        return str(self.data["purchase_id"])

    @property
    def from_balance(self) -> bool:
        return bool(self.data["payment"]["method"] == "balance")

    @property
    def amount(self) -> int:
        return int(self.data["payment"]["amount"])


@dataclass(frozen=True)
class Attempt:
    """One HTTP request. `status` is None when no answer came; `started` and `ended` are on one clock, in seconds."""

    started: float
    ended: float
    status: int | None
    body: Any

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def unknown(self) -> bool:
        """Whether it may have had an effect all the same, or says nothing about it."""
        return self.status is None or self.status >= 500 or self.code == "request_in_progress"

    @property
    def code(self) -> str | None:
        return self.body.get("code") if isinstance(self.body, dict) and not self.accepted else None


@dataclass
class Call:
    """All requests under one Idempotency-Key: together they have one effect at most.

    `text` is the reason or the description given; no two calls have the same. `target` is the id of what it is about,
    unless that is the customer.
    """

    operation: str
    who: str
    key: str
    customer: str
    target: str | None
    amount: int
    text: str
    body: Json
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def accepted(self) -> Attempt | None:
        """An answer that confirms the effect."""
        return next((attempt for attempt in self.attempts if attempt.accepted), None)

    @property
    def open(self) -> bool:
        """Whether nobody knows if it happened."""
        return self.accepted is None and any(attempt.unknown for attempt in self.attempts)


@dataclass
class Customer:
    """What outsiders know of one customer. `purchases` are in the order of publication, `prizes` have the tickets."""

    id: str
    purchases: list[Purchase] = field(default_factory=list)
    cancellations: list[Call] = field(default_factory=list)
    resolutions: list[Call] = field(default_factory=list)
    withdrawals: list[Call] = field(default_factory=list)
    decisions: list[Call] = field(default_factory=list)
    prizes: dict[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> list[Call]:
        """All of them."""
        return [*self.cancellations, *self.resolutions, *self.withdrawals, *self.decisions]

    @property
    def details(self) -> Json:
        """The customer as the purchases name it: always the same."""
        return dict(self.purchases[0].data["customer"])

    @property
    def completed(self) -> list[Purchase]:
        return [purchase for purchase in self.purchases if not purchase.failed]

    @property
    def failed(self) -> list[Purchase]:
        return [purchase for purchase in self.purchases if purchase.failed]


@dataclass
class Facts:
    """Everything, by customer; `strays` are calls about customers and tickets that never were.

    `others` are the calls that are not about one customer's money or ticket, by their text. Withdrawals of more than
    `approval_threshold` wait for a second person.
    """

    customers: dict[str, Customer]
    strays: list[Call]
    others: dict[str, Call]
    approval_threshold: int

    @property
    def calls(self) -> list[Call]:
        """All but the strays."""
        return [*self.others.values(), *(call for customer in self.customers.values() for call in customer.calls)]

    def others_of(self, *operations: str) -> dict[str, Call]:
        """Those of some operations."""
        return {text: call for text, call in self.others.items() if call.operation in operations}


def read_facts(document: Json) -> Facts:
    """Bring the records of the topic and the calls into order."""
    customers = _customers(document["purchases"])
    for record in document["prizes"]:
        prize = record["data"]
        customers[prize["customer_id"]].prizes[prize["prize_id"]] = prize["ticket_id"]
    owner = {
        ticket["id"]: customer
        for customer in customers.values()
        for purchase in customer.completed
        for ticket in purchase.data["tickets"]
    }
    strays, others = [], {}
    for call in _calls(document["calls"]):
        customer = (
            owner.get(call.target or "") if call.operation in {"cancel", "resolve"} else customers.get(call.customer)
        )
        if call.operation not in OF_CUSTOMERS:
            others[call.text] = call
        elif customer is None:
            strays.append(call)
        elif call.operation == "cancel":
            customer.cancellations.append(call)
        elif call.operation == "resolve":
            customer.resolutions.append(call)
        elif call.operation == "withdraw":
            customer.withdrawals.append(call)
        else:
            customer.decisions.append(call)
    return Facts(customers, strays, others, document["approval_threshold"])


def _customers(records: list[Json]) -> dict[str, Customer]:
    customers: dict[str, Customer] = {}
    seen: dict[str, list[str]] = {}
    for record in sorted(records, key=lambda record: (record["partition"], record["offset"])):
        data, event_id = record["data"], record["event_id"]
        if (event_ids := seen.get(data["purchase_id"])) is not None:
            event_ids += [] if event_id in event_ids else [event_id]
            continue
        seen[data["purchase_id"]] = event_ids = [event_id]
        customer = customers.setdefault(data["customer"]["id"], Customer(data["customer"]["id"]))
        customer.purchases.append(Purchase(event_ids, ".failed." in record["type"], data))
    return customers


def _calls(attempts: list[Json]) -> list[Call]:
    calls: dict[tuple[str, str], Call] = {}
    found: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for each in attempts:
        identity = (each["operation"], each["key"])
        calls.setdefault(
            identity,
            Call(
                operation=each["operation"],
                who=each["who"],
                key=each["key"],
                customer=each["customer"],
                target=each["target"],
                amount=each["amount"],
                text=each["text"],
                body=each["body"],
            ),
        )
        found[identity].append(Attempt(each["started"], each["ended"], each["status"], each["answer"]))
    for identity, call in calls.items():
        call.attempts = sorted(found[identity], key=lambda attempt: attempt.started)
    return list(calls.values())
