"""Wrongs that the model must notice: each changes what was observed of a run that was right."""

import copy
from collections.abc import Callable
from typing import Any

from tests.chaos.situations import NeverHappenedError, first
from tests.chaos.tampering_erasures import ERASURES
from tests.chaos.tampering_merges import MERGES
from tests.chaos.tampering_tickets import TICKETS

Json = dict[str, Any]


def _customer_with(observed: Json, name: str, **wanted: Any) -> tuple[Json, int]:
    """A customer of whom a list holds such an item, and where."""
    for seen in observed["customers"].values():
        for position, item in enumerate(seen[name]):
            if all(item[field] == value for field, value in wanted.items()):
                return seen, position
    raise NeverHappenedError(f"nobody has {wanted} in {name}")


def _without(name: str, **wanted: Any) -> Callable[[Json], None]:
    def tamper(observed: Json) -> None:
        seen, position = _customer_with(observed, name, **wanted)
        del seen[name][position]

    return tamper


def _twice(name: str, **wanted: Any) -> Callable[[Json], None]:
    def tamper(observed: Json) -> None:
        seen, position = _customer_with(observed, name, **wanted)
        seen[name].insert(position, copy.deepcopy(seen[name][position]))

    return tamper


def _changed(name: str, field: str, value: Any, **wanted: Any) -> Callable[[Json], None]:
    def tamper(observed: Json) -> None:
        seen, position = _customer_with(observed, name, **wanted)
        seen[name][position][field] = value

    return tamper


def _swapped(observed: Json) -> None:
    seen, position = _customer_with(observed, "transactions", kind="purchase", status="booked")
    lines = seen["transactions"]
    lines[position - 1], lines[position] = lines[position], lines[position - 1]


def _shorter_timeline(observed: Json) -> None:
    seen, position = _customer_with(observed, "tickets", status="cancelled")
    seen["timelines"][seen["tickets"][position]["ticket_id"]].pop(1)


def _decided_withdrawal(observed: Json) -> tuple[Json, list[Json], int]:
    """A held withdrawal that was decided, its customer's lines, and where among them the decision is."""
    decided = (row for row in observed["held_withdrawals"] if row["state"] != "pending")
    held = first(decided, "no held withdrawal was decided")
    lines = observed["customers"][held["customer_id"]]["transactions"]
    return held, lines, held["settled_seq"] - 1


def _shown_as_pending(observed: Json) -> None:
    _decided_withdrawal(observed)[0]["state"] = "pending"


def _decided_by_the_requester(observed: Json) -> None:
    held, _, _ = _decided_withdrawal(observed)
    held["decided_by"] = held["requested_by"]


def _decided_otherwise(observed: Json) -> None:
    _, lines, position = _decided_withdrawal(observed)
    lines[position]["status"] = {"booked": "refused", "refused": "booked"}[lines[position]["status"]]


def _decided_twice(observed: Json) -> None:
    _, lines, position = _decided_withdrawal(observed)
    lines.insert(position, copy.deepcopy(lines[position]))


def _held_sum_is_wrong(observed: Json) -> None:
    held, _, _ = _decided_withdrawal(observed)
    observed["customers"][held["customer_id"]]["balance"]["held"] += 1


def _job(observed: Json) -> Json:
    """A bulk cancellation that cancelled something."""
    return first((job for job in observed["bulk_cancellations"] if job["accepted"]), "no job cancelled anything")


def _lost_job(observed: Json) -> None:
    observed["bulk_cancellations"].remove(_job(observed))


def _job_twice(observed: Json) -> None:
    observed["bulk_cancellations"].append(_job(observed) | {"bulk_id": "another"})


def _job_with(name: str, more: Any) -> Callable[[Json], None]:
    def tamper(observed: Json) -> None:
        _job(observed)[name] += more

    return tamper


def _draw_goes_on(observed: Json) -> None:
    cancelled = (draw for draw in observed["draws"] if draw["state"] == "cancelled")
    first(cancelled, "no draw was cancelled")["state"] = "open"


def _autoplay(observed: Json) -> Json:
    """An AutoPlay that nobody touched, and that has ordered something."""
    for seen in observed["customers"].values():
        for autoplay in seen["autoplays"]:
            events = {entry["event"] for entry in autoplay["timeline"]}
            if "ran" in events and events <= {"created", "ran", "payment_confirmed"}:
                found: Json = autoplay
                return found
    raise NeverHappenedError("each AutoPlay was touched")


def _lost_autoplay(observed: Json) -> None:
    lost = _autoplay(observed)
    observed["customers"][lost["customer_id"]]["autoplays"].remove(lost)


def _lost_run(observed: Json) -> None:
    autoplay = _autoplay(observed)
    number = autoplay["runs"].pop()["draw_number"]
    autoplay["timeline"] = [entry for entry in autoplay["timeline"] if entry["draw_number"] != number]


def _run_with(name: str, value: Any) -> Callable[[Json], None]:
    def tamper(observed: Json) -> None:
        paid = (run for run in _autoplay(observed)["runs"] if run["status"] == "paid")
        first(paid, "its AutoPlay paid nothing")[name] = value

    return tamper


def _ran_while_paused(observed: Json) -> None:
    timeline = _autoplay(observed)["timeline"]
    ran = next(number for number, entry in enumerate(timeline) if entry["event"] == "ran")
    timeline[ran - 1]["status"] = "paused"


def _another_dead_letter(observed: Json) -> None:
    observed["leftovers"]["accounts"]["dead_letters"] = 1


def _money_from_nowhere(observed: Json) -> None:
    observed["sum_of_balances"] += 1


def _lost_mail(observed: Json) -> None:
    observed["mails"].pop()


def _mail_sent_twice(observed: Json) -> None:
    observed["mails"].append(observed["mails"][0])


TAMPERING: dict[str, Callable[[Json], None]] = (
    {
        "a ledger line is missing": _without("transactions", kind="deposit"),
        "a reversal is there twice": _twice("transactions", kind="reversal", status="booked"),
        "a running balance is wrong": _changed("transactions", "balance", 1, kind="deposit"),
        "a payment was wrongly refused": _changed("transactions", "status", "refused", kind="purchase", method="card"),
        "two ledger lines are swapped": _swapped,
        "a withdrawal is missing": _without("transactions", kind="withdrawal"),
        "a decided withdrawal is shown as waiting": _shown_as_pending,
        "a withdrawal was decided by who asked for it": _decided_by_the_requester,
        "a withdrawal was paid out though rejected, or not though approved": _decided_otherwise,
        "a withdrawal was decided twice": _decided_twice,
        "a sum held is wrong": _held_sum_is_wrong,
        "a ticket is missing": _without("tickets", status="paid"),
        "a ticket has another status": _changed("tickets", "status", "paid", status="cancelled"),
        "a timeline has a gap": _shorter_timeline,
        "a bulk cancellation was lost": _lost_job,
        "a bulk cancellation was made twice": _job_twice,
        "a bulk cancellation did not end": _job_with("state", " not"),
        "a bulk cancellation has another total": _job_with("total", 1),
        "a bulk cancellation counts more than it cancelled": _job_with("accepted", 1),
        "a bulk cancellation counts less than was refunded": _job_with("refunded", -1),
        "a cancelled draw goes on": _draw_goes_on,
        "an AutoPlay was lost": _lost_autoplay,
        "an AutoPlay did not meet a draw": _lost_run,
        "an AutoPlay did not pay a draw": _run_with("status", "retrying"),
        "an AutoPlay ordered a draw once more": _run_with("attempts", 2),
        "an AutoPlay ran while it was paused": _ran_while_paused,
        "points are missing": _without("points", kind="earned"),
        "points are there twice": _twice("points", kind="earned"),
        "a mail is not on record": _without("correspondence", status="delivered"),
        "a mail has another status": _changed("correspondence", "status", "pending", status="delivered"),
        "a mail was lost": _lost_mail,
        "a mail was sent twice": _mail_sent_twice,
        "a dead letter is left": _another_dead_letter,
        "there is money from nowhere": _money_from_nowhere,
    }
    | TICKETS
    | MERGES
    | ERASURES
)
