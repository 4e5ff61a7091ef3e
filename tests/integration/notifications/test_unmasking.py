"""One address of a message in clear: for a reason, and written down."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.contracts import CustomerErased
from tests.support.http import ApiClient
from tests.support.notifications import customer, message_id, paid
from tests.support.partition import Partition

WHY = {"field": "recipient_address", "reason": "The customer asks where the mail went"}


async def _entries(partition: Partition) -> list[tuple[str, ...]]:
    rows = await partition.fetch("select action, role, object_id, customer_id, reason, after::text from audit_entries")
    return [tuple(row) for row in rows]


@pytest.mark.requirement("A18")
async def test_a_viewer_sees_one_address_for_a_reason_that_is_kept(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1"), paid("c1", "o1"))
    identity = await message_id(partition, "c1")
    masked = (await api.get(f"/v1/correspondence/{identity}", role="viewer")).body["recipient_address"]
    assert masked == "c•••@example.com"
    answer = await api.post(f"/v1/correspondence/{identity}/unmaskings", WHY, role="viewer", key=None)
    assert (answer.status, answer.body) == (
        200,
        {"message_id": identity, "customer_id": "c1", "field": "recipient_address", "value": "c1@example.com"},
    )
    (entry,) = await _entries(partition)
    assert entry[:5] == (
        "personal_data.unmask", "viewer", f"{identity}/recipient_address", "c1", WHY["reason"],
    )  # fmt: skip
    assert "c1@example.com" not in str(entry)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"reason": ""}, "body.reason"), ({"reason": None}, "body.reason"), ({"field": "html"}, "body.field")],
)
async def test_a_look_needs_a_reason_and_one_field(
    partition: Partition, api: ApiClient, change: dict[str, str], field: str
) -> None:
    await partition.deliver(customer("c1"), paid("c1", "o1"))
    path = f"/v1/correspondence/{await message_id(partition, 'c1')}/unmaskings"
    answer = await api.post(path, WHY | change, role="viewer", key=None)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, [field])
    assert await _entries(partition) == []


async def test_nothing_is_shown_of_what_is_not_there_or_was_erased(partition: Partition, api: ApiClient) -> None:
    assert (await api.post(f"/v1/correspondence/{uuid4()}/unmaskings", WHY, role="viewer", key=None)).status == 404
    await partition.deliver(customer("c1"), paid("c1", "o1"))
    await partition.deliver(CustomerErased(customer_id="c1", version=9, erased_at=datetime.now(UTC)))
    identity = await message_id(partition, "c1")
    assert (await api.post(f"/v1/correspondence/{identity}/unmaskings", WHY, role="viewer", key=None)).body[
        "value"
    ] is None
