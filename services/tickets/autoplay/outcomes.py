"""What accounts made of the orders of AutoPlays: their runs are paid, tried again later, or failed for good."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from services.tickets.autoplay import attempt_store, run_store, store
from services.tickets.autoplay.attempt_store import Attempt
from services.tickets.autoplay.domain import Changes, Entry, Event, Fact, State
from services.tickets.autoplay.events import announcements, stopped_by_payment
from services.tickets.autoplay.run_contexts_store import draws_by_number
from services.tickets.autoplay.run_store import RunKey
from services.tickets.autoplay.runs import ORDER_PREFIX, AfterFailure, RetryPolicy, Run, RunEvent, RunState
from shared.messaging import Batch, Received
from shared.telemetry.logging import get_logger

log = get_logger(__name__)


class Outcome(NamedTuple):
    """Whether an order is paid, as an event says it; a refusal has code and reason."""

    cause: Received[Any]
    customer_id: str
    order_id: str
    paid: bool
    at: datetime
    code: str | None
    reason: str | None


class Outcomes:
    """Settles runs in the transaction that settles their tickets."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy

    async def settle(self, batch: Batch[Any], outcomes: Sequence[Outcome]) -> None:
        """Apply outcomes in their order. Those of other orders, and those known already, change nothing."""
        own = [outcome for outcome in outcomes if outcome.order_id.startswith(ORDER_PREFIX)]
        if not own:
            return
        connection = batch.connection
        attempts = await attempt_store.attempts_by_order(
            connection, [(each.customer_id, each.order_id) for each in own]
        )
        keys = sorted({(each.customer_id, each.autoplay_id) for each in attempts.values()})
        runs = await run_store.runs_by_key(connection, sorted({_run_key(each) for each in attempts.values()}))
        for others in (await run_store.retrying_of(connection, keys)).values():
            runs |= {(run.customer_id, run.autoplay_id, run.draw.number): run for run in others}
        # It counts until when each takes tickets now: somebody may have moved it since.
        draws = await draws_by_number(connection, [(run.draw.lottery, run.draw.number) for run in runs.values()])
        runs = {
            key: replace(run, draw=draws.get((run.draw.lottery, run.draw.number), run.draw))
            for key, run in runs.items()
        }
        settling = _Settling(batch, self._policy, attempts, runs, Changes(await store.by_keys(connection, keys)))
        for outcome in own:
            settling.apply(outcome)
        await attempt_store.save_outcomes(connection, list(settling.settled.values()))
        await run_store.save_runs(connection, [settling.runs[key] for key in settling.changed])
        await store.save(connection, settling.changes.made)


def _run_key(attempt: Attempt) -> RunKey:
    return attempt.customer_id, attempt.autoplay_id, attempt.draw_number


class _Settling:
    def __init__(
        self,
        batch: Batch[Any],
        policy: RetryPolicy,
        attempts: dict[store.Key, Attempt],
        runs: dict[RunKey, Run],
        changes: Changes,
    ) -> None:
        self.runs = runs
        self.changes = changes
        self.settled: dict[str, Attempt] = {}
        self.changed: set[RunKey] = set()
        self._batch = batch
        self._policy = policy
        self._attempts = attempts

    def apply(self, outcome: Outcome) -> None:
        key = (outcome.customer_id, outcome.order_id)
        attempt = self._attempts.get(key)
        if attempt is None or attempt.outcome == "paid" or (attempt.outcome == "refused" and not outcome.paid):
            return
        attempt = attempt._replace(outcome="paid" if outcome.paid else "refused")
        self._attempts[key] = self.settled[outcome.order_id] = attempt
        if outcome.paid:
            self._confirm(outcome, attempt)
        else:
            self._refuse(outcome, attempt)

    def _confirm(self, outcome: Outcome, attempt: Attempt) -> None:
        run = self.runs[_run_key(attempt)]
        if attempt.attempt != run.attempts:
            log.error("an earlier attempt was paid after a later one was made", order_id=outcome.order_id)
        paid = run.after(RunEvent.CONFIRMED)
        if paid is None:
            return
        self._keep(paid)
        self._enter(_Step(Event.PAYMENT_CONFIRMED, outcome, paid))
        if not self._is_retrying(run.autoplay_id):
            self._enter(_Step(Event.PAYMENTS_SETTLED, outcome, paid))

    def _refuse(self, outcome: Outcome, attempt: Attempt) -> None:
        run = self.runs[_run_key(attempt)]
        code, reason = outcome.code or "refused", outcome.reason or "refused"
        stopped = self.changes.autoplay(run.autoplay_id).state in {State.CANCELLED, State.PAYMENT_FAILED}
        refused = self._policy.refuse(run, attempt.attempt, outcome.at, code=code, reason=reason, stopped=stopped)
        if refused is None:
            return
        self._keep(refused)
        if refused.state is RunState.RETRYING:
            self._enter(_Step(Event.PAYMENT_REFUSED, outcome, refused))
            return
        entry = self._enter(_Step(Event.PAYMENT_FAILED, outcome, refused))
        if entry is None or stopped:
            return
        if self._policy.after_failure is AfterFailure.CANCEL:
            self._enter(_Step(Event.CANCELLED, outcome, refused, code="payment_failed"))
        else:
            self._batch.publish(stopped_by_payment(entry), cause=outcome.cause)

    def _enter(self, step: "_Step") -> Entry | None:
        entry = self.changes.apply(step.run.autoplay_id, step.fact())
        if not isinstance(entry, Entry):
            return None
        for event in announcements(entry, step.run):
            self._batch.publish(event, cause=step.outcome.cause)
        return entry

    def _keep(self, run: Run) -> None:
        key = (run.customer_id, run.autoplay_id, run.draw.number)
        self.runs[key] = run
        self.changed.add(key)

    def _is_retrying(self, autoplay_id: str) -> bool:
        return any(run.autoplay_id == autoplay_id and run.state is RunState.RETRYING for run in self.runs.values())


@dataclass(frozen=True, slots=True)
class _Step:
    event: Event
    outcome: Outcome
    run: Run
    code: str | None = None

    def fact(self) -> Fact:
        outcome = self.outcome
        return Fact(
            self.event,
            at=outcome.at,
            actor=outcome.cause.source[:200],
            code=self.code or outcome.code,
            reason=outcome.reason,
            draw_number=self.run.draw.number,
            order_id=outcome.order_id,
        )
