"""The tickets service, put together."""

from pathlib import Path

from services.tickets.autoplay.api import AutoplaysApi
from services.tickets.autoplay.commands import AutoplayCommandsApi
from services.tickets.autoplay.ending import cancel_of_erased
from services.tickets.autoplay.jobs import AutoplayRunner
from services.tickets.autoplay.outcomes import Outcomes as AutoplayOutcomes
from services.tickets.autoplay.run_contexts import RunContexts
from services.tickets.bulk.api import BulkApi
from services.tickets.bulk.jobs import BulkRunner
from services.tickets.bulk.previews import BulkPreviewsApi
from services.tickets.cancellations.api import CancellationsApi
from services.tickets.customers import store as customers
from services.tickets.customers.events import CustomerEvents
from services.tickets.draws.api import DrawsApi
from services.tickets.draws.catalogue import LotteriesApi
from services.tickets.erasure.store import erase_reasons
from services.tickets.held import SECTIONS
from services.tickets.lifecycle.api import TicketsApi
from services.tickets.limbo.api import LimboApi
from services.tickets.limbo.jobs import limbo_gauges
from services.tickets.orders import events as purchases
from services.tickets.orders.api import OrdersApi
from services.tickets.prizes import events as prizes
from services.tickets.settings import TicketsSettings
from services.tickets.settlement.events import BalanceEvents
from services.tickets.settlement.jobs import OverduePayments
from shared.contracts import CustomerErased
from shared.exports import ExportApi
from shared.messaging import Batch
from shared.service import Context, Parts, Service
from shared.web import erase_answers, operations_of

# Operations whose answers name a customer or say what was written about one.
_TOLD_OF_CUSTOMERS = (
    "cancel_ticket", "resolve_ticket", "create_autoplay", "pause_autoplay", "resume_autoplay", "skip_next_draw",
    "cancel_autoplay",
)  # fmt: skip


async def _forget(batch: Batch[CustomerErased]) -> None:
    """End what goes on for customers that were erased, and erase what agents wrote and were answered about them."""
    await cancel_of_erased(batch)
    customer_ids = [event.key for event in batch.events]
    bulk_ids = await erase_reasons(batch.connection, customer_ids)
    await erase_answers(batch.connection, _TOLD_OF_CUSTOMERS, customer_ids)
    if bulk_ids:
        await erase_answers(batch.connection, ("cancel_in_bulk",), bulk_ids)


def build(context: Context[TicketsSettings]) -> Parts:
    """Give every feature what it needs."""
    settings = context.settings
    overdue = OverduePayments(context.unit_of_work, timeout=settings.payment_timeout)
    run_contexts = RunContexts(settings.time_zone)
    lead = settings.autoplay_lead
    runner = AutoplayRunner(context.unit_of_work, run_contexts, lead=lead, pause=settings.autoplay_pause_seconds)
    balances = BalanceEvents(AutoplayOutcomes(settings.retry_policy))
    bulk = BulkRunner(context.unit_of_work)
    return Parts(
        operations=operations_of(
            OrdersApi(context.database, context.settings.zone),
            ExportApi(context.unit_of_work, "tickets", SECTIONS),
            TicketsApi(context.database),
            CancellationsApi(context.database, context.unit_of_work),
            LotteriesApi(context.unit_of_work),
            DrawsApi(context.unit_of_work),
            AutoplaysApi(context.unit_of_work, run_contexts, lead=lead),
            AutoplayCommandsApi(context.unit_of_work, run_contexts, lead=lead),
            BulkApi(context.unit_of_work, bulk.wake),
            BulkPreviewsApi(context.database),
            LimboApi(context.unit_of_work),
        ),
        handlers=[
            *purchases.handlers(),
            *prizes.handlers(),
            *balances.handlers(),
            *CustomerEvents(_forget).handlers(),
        ],
        lock=customers.lock,
        jobs=[overdue.run, runner.run, bulk.run, limbo_gauges(context.database).run],
    )


SERVICE = Service(
    name="tickets",
    title="Recourse tickets",
    version="0.1.0",
    settings=TicketsSettings,
    migrations=Path(__file__).parent / "migrations",
    build=build,
)
