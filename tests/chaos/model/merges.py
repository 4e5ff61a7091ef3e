"""Merges and partings of customers: who is whom in the end, and that each id is answered with all of the customer."""

from collections import Counter

from tests.chaos.model.facts import Facts, Findings, Json

ACTIONS = {"customers.merge": "merge", "customers.unmerge": "part"}


class Merges:
    """All merges in the order of the audit trail: each has one step, and is taken back by itself."""

    def __init__(self, facts: Facts, balances: dict[str, int], findings: Findings) -> None:
        self._calls = facts.others_of("merge", "part")
        self._balances = balances
        self._findings = findings
        self._done: Counter[str] = Counter()
        self._into: dict[str, str] = {}

    def check(self, trail: list[Json], customers: dict[str, Json]) -> Json:
        """Compare; returns figures."""
        for entry in trail:
            self._apply(entry)
        for call in self._calls.values():
            done, where = self._done[call.text], f"call {call.operation} {call.key}"
            # Merging has an idempotency key; parting again does nothing unless they were merged again meanwhile.
            unknown = sum(attempt.unknown for attempt in call.attempts)
            most = 1 if call.operation == "merge" else unknown + 1
            least = call.accepted is not None
            self._findings.expect(least <= done <= most, where, f"took effect {done} times")
        for name, seen in customers.items():
            self._check_customer(name, seen, customers)
        return {"merges and partings": len(trail), "customers merged in the end": len(self._into)}

    def _apply(self, entry: Json) -> None:
        findings, where, call = self._findings, f"merge {entry['id']}", self._calls.get(entry["reason"])
        if call is None:
            findings.wrong(where, f"nobody asked for it: {entry['reason']}")
            return
        self._done[call.text] += 1
        survivor, merged = call.customer, call.target or ""
        what = (entry["action"], entry["object"], entry["actor"])
        actions = {operation: action for action, operation in ACTIONS.items()}
        findings.equal(what, (actions[call.operation], f"customer:{merged}", call.who), where, "what was done")
        findings.expect(call.accepted or call.open, where, f"the refused call {call.key} took effect")
        if call.operation == "part":
            findings.equal(self._into.pop(merged, None), survivor, where, f"who {merged} was")
            return
        busy = {*self._into, *self._into.values()} & {merged} | self._into.keys() & {survivor}
        findings.expect(not busy, where, f"is a second step: {busy}")
        self._into[merged] = survivor

    def _check_customer(self, name: str, seen: Json, customers: dict[str, Json]) -> None:
        findings, profile, survivor = self._findings, seen["profile"], self._into.get(name, name)
        merged = sorted(each for each, into in self._into.items() if into == survivor)
        all_ids = [survivor, *merged]
        findings.equal(profile["customer_id"], survivor, name, "who it is")
        findings.equal(sorted(profile["merged_ids"]), merged, name, "who is merged")
        balance = sum(self._balances.get(each, 0) for each in all_ids)
        findings.equal(profile["account"]["balance"], balance, name, "the money of all ids")
        for what, key in {"tickets": "ticket_id", "correspondence": "id", "autoplays": "autoplay_id"}.items():
            wanted = sorted(row[key] for each in all_ids for row in customers[each][what])
            findings.equal(sorted(seen["united"][what]), wanted, name, f"the {what} of all ids")
