"""What is published of AutoPlays: their purchases, and what happens to them."""

from typing import Any

from services.tickets.autoplay.domain import Autoplay, Entry, Terms
from services.tickets.autoplay.domain import Event as Happened
from services.tickets.autoplay.run_contexts_store import CustomerFacts
from services.tickets.autoplay.runs import Run
from services.tickets.autoplay.schedule import Cadence, Schedule
from services.tickets.draws.domain import Offer
from shared.contracts import (
    AutoplayCancelled,
    AutoplayChanged,
    AutoplayCreated,
    AutoplayNotRun,
    AutoplayPaused,
    AutoplayPaymentFailed,
    AutoplayRan,
    AutoplayResumed,
    AutoplaySkipped,
    Event,
    PurchaseCompleted,
)
from shared.contracts.autoplays import AutoplaySchedule, AutoplayTerms
from shared.contracts.purchases import Customer, Payment, PurchasedTicket


def created(autoplay: Autoplay, *, actor: str) -> AutoplayCreated:
    """Says that there is a new AutoPlay."""
    return AutoplayCreated(
        customer_id=autoplay.customer_id,
        autoplay_id=autoplay.autoplay_id,
        occurred_at=autoplay.created_at,
        actor=actor,
        terms=_terms(autoplay.terms),
    )


def announcements(entry: Entry, run: Run | None = None) -> list[Event]:
    """What to publish of one entry of a timeline; `run` is the one that it is about, as it stands now."""
    fact, autoplay = entry.fact, entry.autoplay
    common: dict[str, Any] = {
        "customer_id": autoplay.customer_id,
        "autoplay_id": autoplay.autoplay_id,
        "occurred_at": fact.at,
        "actor": fact.actor,
    }
    match fact.event:
        case Happened.CHANGED:
            return [AutoplayChanged(**common, terms=_terms(autoplay.terms), reason=fact.reason)]
        case Happened.PAUSED:
            return [AutoplayPaused(**common, code="paused", reason=fact.reason, until=fact.resume_at)]
        case Happened.RESUMED | Happened.PAUSE_ELAPSED:
            return [AutoplayResumed(**common, reason=fact.reason)]
        case Happened.CANCELLED:
            return [AutoplayCancelled(**common, code=autoplay.code or "cancelled", reason=fact.reason)]
        case Happened.PAYMENT_CONFIRMED | Happened.PAYMENTS_SETTLED:
            return []
    if run is None:
        raise ValueError(f"{fact.event} is about a run")
    return [_of_run(entry, run, common)]


def _of_run(entry: Entry, run: Run, common: dict[str, Any]) -> Event:
    fact = entry.fact
    common |= {"lottery": run.draw.lottery, "draw_number": run.draw.number}
    match fact.event:
        case Happened.SKIPPED:
            return AutoplaySkipped(**common, reason=fact.reason)
        case Happened.RAN:
            common |= {"order_id": run.order_id, "attempt": run.attempts}
            return AutoplayRan(**common, cost=run.cost, currency=run.currency or "")
        case Happened.NOT_RUN:
            return AutoplayNotRun(**common, code=fact.code or fact.event, reason=fact.reason or fact.event)
        case _:
            return AutoplayPaymentFailed(
                **common,
                order_id=run.order_id or "",
                attempt=run.attempts,
                code=fact.code or fact.event,
                reason=fact.reason or fact.event,
                next_attempt_at=run.next_attempt_at,
            )


def stopped_by_payment(entry: Entry) -> AutoplayPaused:
    """Says that an AutoPlay waits for somebody because its payment was refused for good."""
    return AutoplayPaused(
        customer_id=entry.autoplay.customer_id,
        autoplay_id=entry.autoplay.autoplay_id,
        occurred_at=entry.fact.at,
        actor=entry.fact.actor,
        code=Happened.PAYMENT_FAILED,
        reason=entry.fact.reason,
    )


def purchase(autoplay: Autoplay, run: Run, offer: Offer, customer: CustomerFacts) -> PurchaseCompleted:
    """The order of a run as any shop would report one. Its id and those of its tickets follow from the attempt."""
    order_id = run.order_id or ""
    return PurchaseCompleted(
        purchase_id=order_id,
        occurred_at=run.at,
        customer=Customer(
            id=autoplay.customer_id, first_name=customer.first_name or "", last_name=customer.last_name or ""
        ),
        checkout_id=order_id,
        payment=Payment(
            transaction_id=order_id,
            method=autoplay.terms.payment_method,
            amount=run.cost,
            currency=offer.currency,
        ),
        tickets=[_ticket(autoplay, run, offer, number) for number in range(1, autoplay.terms.games + 1)],
    )


def _ticket(autoplay: Autoplay, run: Run, offer: Offer, number: int) -> PurchasedTicket:
    return PurchasedTicket(
        id=f"{run.order_id}-{number}",
        lottery=run.draw.lottery,
        draw_number=run.draw.number,
        draw_at=run.draw.draw_at,
        draw_closes_at=run.draw.closes_at,
        offer_id=offer.offer_id,
        offer_label=offer.label,
        price=offer.price,
        autoplay_id=autoplay.autoplay_id,
    )


def _terms(terms: Terms) -> AutoplayTerms:
    return AutoplayTerms(
        lottery=terms.lottery,
        offer_id=terms.offer_id,
        games=terms.games,
        schedule=_schedule(terms.schedule),
        payment_method=terms.payment_method,
        spending_limit=terms.spending_limit,
    )


def _schedule(schedule: Schedule) -> AutoplaySchedule:
    cadence = schedule.cadence
    return AutoplaySchedule(
        cadence=cadence.value,
        weekdays=[day.value for day in schedule.weekdays] if cadence is Cadence.WEEKDAYS else None,
        every=schedule.every if cadence is Cadence.EVERY_NTH else None,
        day_of_month=schedule.day_of_month if cadence is Cadence.MONTHLY else None,
    )
