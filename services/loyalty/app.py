"""The loyalty service, put together."""

from pathlib import Path

from services.loyalty.held import SECTIONS
from services.loyalty.points import store
from services.loyalty.points.api import PointsApi
from services.loyalty.points.events import PointsEvents
from services.loyalty.settings import LoyaltySettings
from shared.exports import ExportApi
from shared.service import Context, Parts, Service
from shared.web import operations_of


def build(context: Context[LoyaltySettings]) -> Parts:
    """Give every feature what it needs."""
    points = PointsEvents(points_per_major_unit=context.settings.points_per_major_unit)
    return Parts(
        operations=operations_of(PointsApi(context.database), ExportApi(context.unit_of_work, "loyalty", SECTIONS)),
        handlers=points.handlers(),
        lock=store.lock_accounts,
    )


SERVICE = Service(
    name="loyalty",
    title="Recourse loyalty",
    version="0.1.0",
    settings=LoyaltySettings,
    migrations=Path(__file__).parent / "migrations",
    build=build,
)
