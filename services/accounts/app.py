"""The composition root of accounts."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from services.accounts.activity import store as activities
from services.accounts.activity.api import ActivityApi
from services.accounts.activity.events import handlers as activity_handlers
from services.accounts.activity.events import record
from services.accounts.adjustments.api import AdjustmentsApi
from services.accounts.approvals.api import ApprovalsApi
from services.accounts.customers.api import CustomersApi
from services.accounts.customers.events import learn_customers
from services.accounts.customers.jobs import PhoneKeys
from services.accounts.customers.phones import Phones
from services.accounts.erasure.api import Eraser, ErasureApi, erase_audited
from services.accounts.evidence.jobs import Sealer
from services.accounts.held import SECTIONS
from services.accounts.ledger.api import LedgerApi
from services.accounts.ledger.events import Reversals, book_purchases, enter_failures, retry_payments
from services.accounts.locks import lock_accounts
from services.accounts.merges.api import MergesApi
from services.accounts.notes import store as notes
from services.accounts.notes.api import NotesApi
from services.accounts.reconciliation.api import ReconciliationApi
from services.accounts.reconciliation.events import remember_cancelled
from services.accounts.reconciliation.jobs import Reconciliation
from services.accounts.search.api import SearchApi
from services.accounts.search.events import learn_checkouts, learn_identifiers
from services.accounts.search.jobs import NameFolds
from services.accounts.settings import AccountsSettings
from services.accounts.trail.api import TrailApi
from services.accounts.withdrawals.api import WithdrawalsApi
from shared.contracts import (
    CheckoutCompleted,
    PurchaseFailed,
    TicketCancellationRequested,
    TicketCancelled,
    TicketsPaymentRetried,
    TicketsPurchased,
)
from shared.db import Connection
from shared.exports import ExportApi
from shared.messaging import AnyHandler, Batch, Handler
from shared.messaging.erasure import erase_settled_letters
from shared.service import Context, Parts, Service
from shared.web import Operation, erase_answers, operations_of


class Buyers:
    """Who bought first, so that no money is booked for a customer that nobody can look up."""

    def __init__(self, phones: Phones) -> None:
        self._key_of = phones.key

    async def purchased(self, batch: Batch[TicketsPurchased]) -> None:
        """Learn the customers, then book."""
        await learn_customers(batch, self._key_of)
        await learn_identifiers(batch.connection, await book_purchases(batch))

    async def failed(self, batch: Batch[PurchaseFailed]) -> None:
        """A failed purchase may be the first that is heard of a customer."""
        await learn_customers(batch, self._key_of)
        await learn_identifiers(batch.connection, await enter_failures(batch))


async def ticket_cancelled(batch: Batch[TicketCancelled]) -> None:
    """A line of the timeline, and the word of tickets for the reconciliation."""
    await record(batch)
    await remember_cancelled(batch)


async def checkout_completed(batch: Batch[CheckoutCompleted]) -> None:
    """A line of the timeline, and ids to search by: its purchase may be long in coming."""
    await record(batch)
    await learn_checkouts(batch.connection, [event.data for event in batch.events])


async def _erase_answers(connection: Connection, customer_ids: Sequence[str]) -> None:
    await erase_answers(connection, ("register_customer", "merge_customer", "add_note"), customer_ids)


# What takes personal data out of each feature that keeps any besides the customers' own rows.
ERASERS: list[Eraser] = [
    erase_audited, activities.erase, partial(notes.erase, text="Erased"), erase_settled_letters, _erase_answers,
]  # fmt: skip


def build(context: Context[AccountsSettings]) -> Parts:
    """The parts of the service."""
    settings = context.settings
    phones = Phones(settings.phone_region)
    sealer = Sealer(
        context.unit_of_work,
        interval=timedelta(seconds=settings.ledger_seal_seconds),
        key=settings.ledger_seal_key.get_secret_value().encode() if settings.ledger_seal_key else b"",
    )
    reconciliation = Reconciliation(
        context.unit_of_work, grace=timedelta(seconds=settings.reconciliation_grace_seconds)
    )
    return Parts(
        operations=_operations(context, phones),
        handlers=_handlers(settings, phones),
        lock=lock_accounts,
        jobs=[
            sealer.run,
            reconciliation.run,
            PhoneKeys(context.unit_of_work, phones).run,
            NameFolds(context.unit_of_work).run,
        ],
    )


def _operations(context: Context[AccountsSettings], phones: Phones) -> list[Operation]:
    return operations_of(
        CustomersApi(context.unit_of_work, activities.recent, phones),
        TrailApi(context.unit_of_work),
        MergesApi(context.unit_of_work),
        SearchApi(context.database, phones),
        ErasureApi(context.unit_of_work, ERASERS),
        ExportApi(
            context.unit_of_work,
            "accounts",
            SECTIONS,
            ids_of=activities.known_ids,
            others=("tickets", "notifications", "loyalty"),
        ),
        LedgerApi(context.database),
        WithdrawalsApi(context.unit_of_work, context.settings.withdrawal_approval_threshold),
        ApprovalsApi(context.unit_of_work),
        AdjustmentsApi(context.unit_of_work),
        ReconciliationApi(context.database),
        ActivityApi(context.database),
        NotesApi(context.unit_of_work),
    )


def _handlers(settings: AccountsSettings, phones: Phones) -> list[AnyHandler]:
    reversals = Reversals(timedelta(seconds=settings.cause_timeout_seconds))
    buyers = Buyers(phones)

    async def cancellation_requested(batch: Batch[TicketCancellationRequested]) -> None:
        await record(batch)
        await reversals.reverse(batch)

    return [
        Handler(TicketsPurchased, buyers.purchased),
        Handler(PurchaseFailed, buyers.failed),
        Handler(TicketCancellationRequested, cancellation_requested),
        Handler(TicketsPaymentRetried, retry_payments),
        Handler(TicketCancelled, ticket_cancelled, ordered=False),
        Handler(CheckoutCompleted, checkout_completed, ordered=False),
        *activity_handlers(),
    ]


SERVICE = Service(
    name="accounts",
    title="Recourse accounts",
    version="0.1.0",
    settings=AccountsSettings,
    migrations=Path(__file__).parent / "migrations",
    build=build,
    grants={"ledger_entries": "select, insert", "ledger_seals": "select, insert"},
)
