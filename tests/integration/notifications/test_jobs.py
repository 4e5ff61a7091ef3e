"""The gauge that the alert about mails is made of."""

from services.notifications.delivery.jobs import mail_gauges
from shared.telemetry.metrics import REGISTRY
from tests.support.notifications import customer, paid
from tests.support.partition import Partition


async def test_the_gauge_shows_for_how_long_a_mail_has_been_due(partition: Partition) -> None:
    assert await _measured(partition) == 0
    await partition.deliver(customer("c1"), paid("c1", "o1"), paid("c1", "o2"))
    await partition.fetch("update outgoing set due_at = now() + interval '1 hour' returning 1")
    assert await _measured(partition) == 0
    await partition.fetch("update outgoing set due_at = now() - interval '10 minutes' returning 1")
    assert 599 < await _measured(partition) < 660


async def _measured(partition: Partition) -> float:
    await mail_gauges(partition.database).measure()
    value = REGISTRY.get_sample_value("recourse_mail_overdue_seconds")
    assert value is not None
    return value
