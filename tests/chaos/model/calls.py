"""Rules that every call keeps, whatever it asks: one key, one effect, one answer; nothing for what never was."""

from collections import defaultdict

from tests.chaos.model.facts import Call, Facts, Findings

REFUSALS = {
    "cancel": {
        (409, "ticket_already_cancelling"), (409, "ticket_already_cancelled"), (409, "ticket_in_limbo"),
        (409, "paid_out"), (404, "ticket_not_found"),
    },
    "resolve": {
        (409, "ticket_not_in_limbo"), (409, "draw_cancelled"), (409, "order_partly_resolved"),
        (409, "paid_out"), (404, "ticket_not_found"),
    },
    "cancel_order": {(404, "order_not_found")},
    "cancel_draw": {(404, "draw_not_found"), (409, "draw_already_cancelled")},
    "sweep_draw": {(404, "draw_not_found"), (409, "draw_not_cancelled")},
    "create_autoplay": {(404, "customer_not_found")},
    "autoplay_pause": {(409, "autoplay_cancelled")},
    "autoplay_resumption": {(409, "autoplay_cancelled"), (409, "autoplay_not_paused")},
    "autoplay_skips": {(409, "autoplay_cancelled"), (409, "autoplay_paused"), (409, "no_next_draw")},
    "autoplay_cancellation": {(409, "autoplay_cancelled")},
    "add_draw": {(409, "draw_exists")},
    "erase": {(404, "customer_not_found")},
    "merge": {(409, "customer_merged"), (409, "merge_chain"), (404, "customer_not_found")},
    "part": {(404, "merge_not_found"), (404, "customer_not_found")},
    "withdraw": {(422, "insufficient_balance"), (404, "customer_not_found")},
    "approve": {(409, "withdrawal_decided"), (403, "second_person_required")},
    "reject": {(409, "withdrawal_decided"), (403, "second_person_required")},
}  # fmt: skip


def check_calls(facts: Facts, findings: Findings) -> None:
    """All calls of all customers, and those about strangers."""
    about: dict[tuple[str, str, str | None], list[Call]] = defaultdict(list)
    for call in facts.calls:
        _check_answers(call, findings)
        about[call.operation, call.customer, call.target].append(call)
    for calls in about.values():
        _check_not_found(calls, findings)
    for call in facts.strays:
        for attempt in call.attempts:
            answered_404 = attempt.unknown or attempt.status == 404
            findings.expect(answered_404, _name(call), f"was answered {attempt.status} about what never was")


def _check_answers(call: Call, findings: Findings) -> None:
    accepted = [attempt for attempt in call.attempts if attempt.accepted]
    bodies = {repr(attempt.body) for attempt in accepted} | {str(attempt.status) for attempt in accepted}
    findings.expect(len(bodies) <= 2, _name(call), "was accepted with different answers")
    for attempt in call.attempts:
        if not attempt.accepted and not attempt.unknown:
            known = (attempt.status, attempt.code) in REFUSALS[call.operation]
            findings.expect(known, _name(call), f"was answered {attempt.status} {attempt.code}")
            earlier = any(each.ended < attempt.started for each in accepted)
            findings.expect(not earlier, _name(call), f"was refused ({attempt.code}) after it had been accepted")


def _check_not_found(calls: list[Call], findings: Findings) -> None:
    """What one answer knew, a later one may not have forgotten; all ask for the same."""
    known = [each.ended for call in calls for each in call.attempts if not each.unknown and each.status != 404]
    for call in calls if calls[0].operation != "part" else ():
        for attempt in call.attempts:
            forgotten = attempt.status == 404 and any(moment < attempt.started for moment in known)
            findings.expect(not forgotten, _name(call), "was answered 404 about what was known before")


def _name(call: Call) -> str:
    return f"call {call.operation} {call.key} of {call.target or call.customer}"
