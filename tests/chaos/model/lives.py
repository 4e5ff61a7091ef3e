"""The life of a ticket: what may happen to it where it stands, each event as one letter."""

from tests.chaos.model.facts import Json

EVENTS = {
    "purchased": "B",
    "payment_confirmed": "P",
    "payment_refused": "R",
    "payment_overdue": "O",
    "cancellation_requested": "C",
    "reversal_credited": "V",
    "reversal_refused": "X",
    "resolved_paid": "A",
    "resolved_cancelled": "S",
    "retried": "T",
    "charged_late": "L",
    "prize_paid": "Z",
}
# What nobody may ask for any more once a prize was paid out, unless it leads nowhere near a cancellation.
REQUESTS = "CSTL"
# Where a ticket stands, what may happen there, and where it stands then.
STEPS = {
    "": {"B": "purchased"},
    "purchased": {"P": "paid", "R": "refused", "O": "overdue", "C": "cancelling"},
    "paid": {"C": "cancelling"},
    "refused": {"P": "paid", "A": "paid", "S": "cancelled", "T": "purchased"},
    "overdue": {"P": "paid", "R": "refused", "A": "paid", "S": "cancelling", "T": "purchased"},
    "cancelling": {"V": "cancelled", "X": "not reversed"},
    "not reversed": {"A": "paid", "S": "cancelled", "T": "cancelling"},
    "cancelled": {"L": "cancelling"},
}
LIMBO = {"refused", "overdue", "not reversed"}
# By the code of a refusal: where the ticket must have stood.
REFUSED_FOR = {
    "ticket_already_cancelling": {"cancelling"},
    "ticket_already_cancelled": {"cancelled"},
    "ticket_in_limbo": LIMBO,
}
PAID_OUT = "paid_out"


def life_of(timeline: list[Json]) -> str:
    """The events of a timeline as letters; a question mark for an unknown one."""
    return "".join(EVENTS.get(entry["event"], "?") for entry in timeline)


def stands_of(life: str) -> list[str]:
    """Where the ticket stood after each event; nowhere after one that may not happen there. A prize moves nothing."""
    stands, stand, won = [], "", False
    for letter in life:
        if letter == "Z" and stand:
            won = True
        else:
            stand = STEPS.get(stand, {}).get(letter, "nowhere")
        if won and letter in REQUESTS and stand in {"cancelling", "cancelled"}:
            stand = "nowhere"
        stands.append(stand)
    return stands


def status_of(stand: str) -> str:
    """What everybody sees of where a ticket stands."""
    return "limbo" if stand in LIMBO else stand


def was_paid(life: str) -> bool:
    """Whether it was shown as paid, because it was or because an agent said so."""
    return "P" in life or "A" in life


def explains(code: str | None, life: str) -> bool:
    """Whether the ticket ever stood where a request to cancel it is refused so."""
    if code == PAID_OUT:
        return "Z" in life
    return not REFUSED_FOR.get(code or "", set()).isdisjoint(stands_of(life))


def requests_of(timeline: list[Json]) -> dict[str, str]:
    """The requests to cancel it by their reasons, each with the letter of what accounts made of it."""
    life = life_of(timeline)
    return {
        entry["reason"]: life[number:].lstrip("Z")[:1]
        for number, entry in enumerate(timeline, 1)
        if life[number - 1] == "C"
    }
