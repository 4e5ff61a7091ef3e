"""Bulk cancellations: each job, its counters, and what became of each ticket of its order or draw."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.chaos.model.facts import Call, Facts, Findings, Json
from tests.chaos.model.lives import explains


@dataclass(frozen=True)
class Fate:
    """What became of a ticket: its life in letters, its status, and by reason what each request to cancel it led to."""

    life: str
    status: str
    requests: dict[str, str]


@dataclass
class Bulks:
    """What outsiders asked for, and which tickets that is about: by order id, and by lottery and draw number."""

    facts: Facts
    fates: dict[str, Fate]
    findings: Findings
    tickets: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_reason: dict[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.calls = self.facts.others_of("cancel_order", "cancel_draw", "sweep_draw")
        self.reasons = {reason for fate in self.fates.values() for reason in fate.requests}
        for customer in self.facts.customers.values():
            for purchase in customer.completed:
                for ticket in purchase.data["tickets"]:
                    self.tickets[purchase.id].add(ticket["id"])
                    self.tickets[draw_of(ticket)].add(ticket["id"])

    def check(self, jobs: list[Json], draws: list[Json]) -> Json:
        """Compare all jobs and draws; returns figures."""
        for job in jobs:
            self._check_job(job)
        for call in self.calls.values():
            self._check_call(call)
        self._check_draws(draws)
        return {
            "bulk cancellations": len(jobs),
            "tickets cancelled in bulk": sum(job["accepted"] for job in jobs),
            "draws cancelled": sum(draw["state"] == "cancelled" for draw in draws),
        }

    def _check_job(self, job: Json) -> None:
        where, findings, call = f"bulk {job['bulk_id']}", self.findings, self.calls.get(job["reason"])
        if call is None or job["reason"] in self.by_reason:
            findings.wrong(where, "nobody asked for it, or not twice")
            return
        self.by_reason[job["reason"]] = job
        target = job["order_id"] if job["kind"] == "order" else draw_of(job)
        findings.expect(call.accepted or call.open, where, "was refused and is there")
        findings.equal((job["requested_by"], target), (call.who, call.target), where, "who asked, and for what")
        findings.equal(job["state"], "completed", where, "state")
        findings.equal(job["done"], job["total"], where, "done")
        findings.equal(job["accepted"] + sum(job["refused"].values()), job["total"], where, "accepted and refused")
        findings.equal(job["refunded"] + job["refused_by_accounts"], job["accepted"], where, "settled")
        self._check_tickets(job, self.tickets[target], where)

    def _check_tickets(self, job: Json, tickets: set[str], where: str) -> None:
        findings, refused = self.findings, {row["ticket_id"]: row["code"] for row in job["refusals"]}
        accepted = {ticket for ticket in tickets if job["reason"] in self._fate(ticket).requests}
        # Late payments in a cancelled draw are asked back with the job's reason, and not by the job.
        own = {ticket for ticket in accepted if not re.search("[RO]PC", self._fate(ticket).life)}
        findings.expect(len(own) <= job["accepted"] <= len(accepted), where, f"accepted {job['accepted']}, not {own}")
        lives = Counter(self._fate(ticket).requests[job["reason"]] == "V" for ticket in accepted)
        if own == accepted:
            findings.equal(job["refunded"], lives[True], where, "refunded")
            findings.equal(job["refused_by_accounts"], lives[False], where, "refused_by_accounts")
        findings.equal(Counter(refused.values()), Counter(job["refused"]), where, "the refusals listed")
        findings.expect(refused.keys() <= tickets, where, f"refused tickets of others: {refused.keys() - tickets}")
        twice = own & refused.keys()
        findings.expect(not twice, where, f"tickets both cancelled and refused: {sorted(twice)}")
        if job["kind"] == "order":
            findings.equal(job["total"], len(tickets), where, "the number of tickets")
        for ticket, code in refused.items():
            life = self._fate(ticket).life
            findings.expect(explains(code, life), where, f"{ticket} refused as {code}: {life}")

    def _fate(self, ticket: str) -> Fate:
        return self.fates.get(ticket, Fate("", "missing", {}))

    def _check_call(self, call: Call) -> None:
        where, job = f"call {call.operation} {call.key} of {call.target}", self.by_reason.get(call.text)
        if call.accepted is not None:
            body = call.accepted.body
            shown = body["bulk"] if call.operation == "cancel_draw" else body
            self.findings.equal(shown["bulk_id"], job and job["bulk_id"], where, "the job")
        if call.operation == "cancel_order" and call.target not in self.tickets:
            self.findings.expect(job is None, where, "has a job, and nobody bought such an order")
        if job is None:
            self.findings.expect(call.text not in self.reasons, where, "cancelled tickets, and has no job")

    def _check_draws(self, draws: list[Json]) -> None:
        cancelled = {draw_of(draw): draw for draw in draws if draw["state"] == "cancelled"}
        causes: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls.values():
            if call.operation == "cancel_draw" and call.text in self.by_reason:
                causes[call.target or ""].append(call)
            self._check_refusals(call, cancelled)
        self.findings.equal(sorted(causes), sorted(cancelled), "draws", "the cancelled draws")
        for name, calls in causes.items():
            reasons = [call.text for call in calls]
            self.findings.equal(reasons, [cancelled.get(name, {}).get("reason")], f"draw {name}", "who cancelled it")
            for ticket in self.tickets[name]:
                status = self._fate(ticket).status
                left = status not in {"cancelled", "limbo"} and "Z" not in self._fate(ticket).life
                self.findings.expect(not left, f"draw {name}", f"is cancelled, and the ticket {ticket} is {status}")

    def _check_refusals(self, call: Call, cancelled: dict[str, Json]) -> None:
        where = f"call {call.operation} {call.key} of {call.target}"
        earlier = [
            each.accepted.ended
            for each in self.calls.values()
            if each.operation == "cancel_draw" and each.target == call.target and each.accepted
        ]
        for attempt in call.attempts:
            if attempt.code == "draw_already_cancelled":
                other = cancelled.get(call.target or "", {}).get("reason") not in {None, call.text} or call.open
                self.findings.expect(other, where, "was refused as cancelled, and nobody else did")
            if attempt.code == "draw_not_cancelled":
                known = any(moment < attempt.started for moment in earlier)
                self.findings.expect(not known, where, "was refused, although the draw was cancelled before")


def draw_of(named: Json) -> str:
    """The draw of a ticket, of a job, or itself, as calls name it."""
    return f"{named['lottery']}/{named['draw_number']}"
