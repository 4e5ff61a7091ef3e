"""AutoPlays: what became of each draw that they met, and of what agents did to them."""

from collections import defaultdict

from tests.chaos.model.facts import Call, Facts, Findings, Json, Purchase, instant

# What the timeline has for each operation.
EVENTS = {
    "autoplay_pause": "paused",
    "autoplay_resumption": "resumed",
    "autoplay_skips": "skipped",
    "autoplay_cancellation": "cancelled",
}
RUNNING = {"active", "retrying"}
UNTOUCHED = {"created", "ran", "not_run", "payment_confirmed", "payment_refused", "payments_settled"}


class Autoplays:
    """All AutoPlays of all customers against the orders that were published for them; `charged` is by order."""

    def __init__(self, facts: Facts, charged: dict[str, bool], draws: list[Json], findings: Findings) -> None:
        self._charged = charged
        self._draws = {draw["draw_number"]: draw for draw in draws}
        self._findings = findings
        self._actions = facts.others_of(*EVENTS)
        self._creations = list(facts.others_of("create_autoplay").values())
        self._additions = list(facts.others_of("add_draw").values())
        self._orders: dict[str, dict[int, list[Purchase]]] = defaultdict(lambda: defaultdict(list))
        for customer in facts.customers.values():
            for purchase in customer.completed:
                if purchase.of_autoplay:
                    ticket = purchase.data["tickets"][0]
                    self._orders[ticket["autoplay_id"]][ticket["draw_number"]].append(purchase)
        self._terms: dict[str, Call] = {}
        self._done: set[str] = set()

    def check(self, found: list[Json]) -> Json:
        """Compare; returns figures."""
        findings, listed = self._findings, {autoplay["autoplay_id"] for autoplay in found}
        for call in self._creations:
            if call.accepted is not None:
                self._terms[call.accepted.body["autoplay_id"]] = call
        unknown = listed - self._terms.keys()
        possible = sum(call.open for call in self._creations)
        findings.expect(len(unknown) <= possible, "autoplays", f"nobody created {sorted(unknown)}")
        findings.expect(self._terms.keys() <= listed, "autoplays", f"are lost: {sorted(self._terms.keys() - listed)}")
        strange = self._orders.keys() - listed
        findings.expect(not strange, "autoplays", f"orders of none: {sorted(strange)}")
        for autoplay in found:
            self._check(autoplay)
        for call in self._actions.values():
            had = call.text in self._done
            findings.expect(had or call.accepted is None, f"call {call.key}", "was accepted and had no effect")
        self._check_draws()
        orders = [order for draws in self._orders.values() for each in draws.values() for order in each]
        return {
            "autoplays": len(found),
            "draws met by autoplays": sum(len(autoplay["runs"]) for autoplay in found),
            "orders of autoplays": len(orders),
            "orders of autoplays refused": sum(not self._charged.get(order.id) for order in orders),
        }

    def _check(self, autoplay: Json) -> None:
        name = autoplay["autoplay_id"]
        where, orders, timeline = f"autoplay {name}", self._orders[name], autoplay["timeline"]
        runs = {run["draw_number"]: run for run in autoplay["runs"]}
        self._findings.equal(len(runs), len(autoplay["runs"]), where, "the number of draws met")
        lost = orders.keys() - runs.keys()
        self._findings.expect(not lost, where, f"ordered without a run: {sorted(lost)}")
        for number, run in runs.items():
            self._check_run(run, orders.get(number, []), f"{where} draw {number}")
        for purchases in orders.values():
            for purchase in purchases:
                self._check_order(purchase, autoplay, where)
        self._check_timeline(timeline, autoplay["status"], where)
        ran = [entry["order_id"] for entry in timeline if entry["event"] == "ran"]
        published = sorted(purchase.id for each in orders.values() for purchase in each)
        self._findings.equal(sorted(ran), published, where, "the orders in the timeline")
        if {entry["event"] for entry in timeline} <= UNTOUCHED:
            self._check_untouched(autoplay, runs, where)

    def _check_run(self, run: Json, orders: list[Purchase], where: str) -> None:
        findings = self._findings
        findings.equal(run["attempts"], len(orders), where, "attempts")
        charged = [order.id for order in orders if self._charged.get(order.id)]
        findings.expect(len(charged) <= 1, where, f"is bought twice: {charged}")
        findings.equal(run["status"] == "paid", bool(charged), where, "whether it is paid")
        findings.expect(run["status"] != "pending", where, "is not settled")
        findings.expect(run["status"] != "skipped" or not orders, where, "was skipped and ordered")
        if orders:
            findings.equal(run["order_id"], orders[-1].id, where, "the latest order")
        if charged:
            findings.equal(orders[-1].id, charged[0], where, "the order after which it is not ordered again")

    def _check_order(self, purchase: Purchase, autoplay: Json, where: str) -> None:
        findings, data, wanted = self._findings, purchase.data, self._terms.get(autoplay["autoplay_id"])
        where = f"{where} order {purchase.id}"
        findings.equal(len(purchase.event_ids), 1, where, "the number of event ids")
        findings.equal(data["customer"]["id"], autoplay["customer_id"], where, "customer")
        findings.equal(len(data["tickets"]), autoplay["games"], where, "tickets")
        findings.equal(purchase.amount, sum(ticket["price"] for ticket in data["tickets"]), where, "amount")
        findings.equal(data["payment"]["method"], autoplay["payment_method"], where, "method")
        if wanted is not None:
            terms = (wanted.body["games"], wanted.body["payment_method"])
            findings.equal((autoplay["games"], autoplay["payment_method"]), terms, where, "terms")
        draw = self._draws.get(data["tickets"][0]["draw_number"])
        findings.expect(draw is not None, where, "is for a draw that nobody added")

    def _check_timeline(self, timeline: list[Json], status: str, where: str) -> None:
        findings, before = self._findings, "active"
        for number, entry in enumerate(timeline, 1):
            findings.equal(entry["sequence"], number, where, "sequence in the timeline")
            if entry["event"] == "ran":
                findings.expect(before in RUNNING, where, f"ran while it was {before}")
            if entry["event"] in EVENTS.values():
                self._check_action(entry, where)
            before = entry["status"]
        findings.equal(status, before, where, "status")

    def _check_action(self, entry: Json, where: str) -> None:
        findings, reason = self._findings, entry["reason"]
        call = self._actions.get(reason)
        if call is None:
            findings.wrong(where, f"nobody asked for {entry['event']}: {reason}")
            return
        findings.equal(EVENTS[call.operation], entry["event"], where, f"the effect of {call.key}")
        findings.equal((call.target, call.who), (where.removeprefix("autoplay "), entry["actor"]), where, "whose")
        findings.expect(call.accepted or call.open, where, f"the refused call {call.key} took effect")
        findings.expect(reason not in self._done, where, f"the call {call.key} took effect twice")
        self._done.add(reason)

    def _check_untouched(self, autoplay: Json, runs: dict[int, Json], where: str) -> None:
        """Nobody did anything to it, so it has ordered each draw that closed since and was not cancelled."""
        created = instant(autoplay["created_at"])
        for number, draw in self._draws.items():
            if instant(draw["closes_at"]) > created and draw["state"] != "cancelled":
                bought = number in runs and runs[number]["attempts"] > 0
                self._findings.expect(bought, where, f"has not ordered draw {number}")
                paid = autoplay["payment_method"] == "balance" or (bought and runs[number]["status"] == "paid")
                self._findings.expect(paid, where, f"has not paid draw {number}")

    def _check_draws(self) -> None:
        accepted: dict[str, list[Call]] = defaultdict(list)
        for call in self._additions:
            if call.accepted is not None:
                accepted[call.target or ""].append(call)
                number = call.accepted.body["draw_number"]
                self._findings.expect(number in self._draws, f"draw {call.target}", "was added and is lost")
        for name, calls in accepted.items():
            self._findings.equal(len(calls), 1, f"draw {name}", "how often it was added")
