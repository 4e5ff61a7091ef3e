"""Erased customers have no name in tickets any more, whatever comes late."""

from datetime import UTC, datetime

import pytest

from shared.contracts import CustomerErased
from tests.support.autoplays import act, create, customer, sell
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import debited, failed_purchase, purchase, renamed


@pytest.mark.requirement("A4")
async def test_the_name_goes_and_does_not_come_back(partition: Partition) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), renamed("c1", "Ada", 1))
    erased = CustomerErased(customer_id="c1", version=3, erased_at=datetime.now(UTC))
    await partition.deliver(erased, erased)
    await partition.deliver(renamed("c1", "Ada", 2), purchase("c1", "o2", "t2"))
    assert await partition.fetch("select first_name, last_name, details_version from customers") == [(None, None, 3)]
    assert await partition.fetch("select count(*) from tickets") == [(2,)]


async def test_a_customer_that_is_not_known_yet_stays_without_a_name(partition: Partition) -> None:
    await partition.deliver(CustomerErased(customer_id="c1", version=3, erased_at=datetime.now(UTC)))
    await partition.deliver(purchase("c1", "o1", "t1"))
    assert await partition.fetch("select first_name, last_name from customers") == [(None, None)]


WORDS = "Ada of ada@example.com, 0491 570 156, has moved"


async def everything(partition: Partition, *, but: tuple[str, ...] = ()) -> str:
    """All that the tables say of anybody, answers as text."""
    tables = await partition.fetch("select tablename from pg_tables where schemaname = 'public'")
    rows = [f"select t::text as row from {name} t" for (name,) in tables if name not in but]  # noqa: S608
    answers = "select convert_from(body, 'UTF8') from idempotency_keys"
    return str(await partition.fetch(" union all ".join([*rows, answers])))


@pytest.mark.requirement("A4", "A7")
async def test_what_agents_wrote_and_were_answered_goes_as_well(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(*(purchase(f"c{n}", f"o{n}", f"t{n}", f"u{n}") for n in (1, 2)), customer("c1"))
    await partition.deliver(debited("c1", "o1"), debited("c2", "o2"))
    await sell(partition, 12, 36)
    body = {"reason": WORDS, "confirm": True}
    await api.post("/v1/tickets/t1/cancellation", body, key="k1")
    bulk = await api.post("/v1/bulk-cancellations", body | {"order_id": "o1"}, key="k2")
    autoplay_id = (await create(api, "c1")).body["autoplay_id"]
    await act(api, autoplay_id, "pause", {"reason": WORDS})
    other = await api.post("/v1/tickets/t2/cancellation", body | {"reason": "Bob did"}, key="k3")
    assert (await api.post("/v1/tickets/t1/cancellation", body, key="k1")).status == 202
    await partition.deliver(CustomerErased(customer_id="c1", version=3, erased_at=datetime.now(UTC)))
    # Audit entries stay as they are, and the outbox is on its way.
    assert WORDS not in await everything(partition, but=("audit_entries", "outbox"))
    assert "Bob did" in await everything(partition)
    again = await api.post("/v1/tickets/t1/cancellation", body, key="k1")
    assert (again.status, again.body["code"]) == (409, "answer_erased")
    assert (await api.get(f"/v1/bulk-cancellations/{bulk.body['bulk_id']}")).body["reason"] == "Erased"
    assert (await api.get("/v1/tickets/t1/cancellation")).body["reason"] == "Erased"
    kept = await api.post("/v1/tickets/t2/cancellation", body | {"reason": "Bob did"}, key="k3")
    assert (kept.status, kept.body) == (202, other.body)


@pytest.mark.requirement("A4")
async def test_who_may_not_see_personal_data_sees_none_in_reasons(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), failed_purchase("c1", "o2", reason=WORDS), customer("c1"))
    await sell(partition, 12, 36)
    await api.post("/v1/tickets/t1/cancellation", {"reason": WORDS, "confirm": True}, key="k1")
    autoplay_id = (await create(api, "c1")).body["autoplay_id"]
    await act(api, autoplay_id, "pause", {"reason": WORDS})
    for path in ("tickets/t1/cancellation", "tickets/t1/timeline", "orders/o2", "customers/c1/autoplays",
                 f"autoplays/{autoplay_id}", f"autoplays/{autoplay_id}/timeline"):  # fmt: skip
        assert WORDS in str((await api.get(f"/v1/{path}", role="agent")).body)
        masked = str((await api.get(f"/v1/{path}", role="viewer")).body)
        assert "a•••@example.com, •••• ••• 156, has moved" in masked, masked


@pytest.mark.requirement("A4")
async def test_why_an_order_failed_is_erased(partition: Partition, api: ApiClient) -> None:
    for customer_id in ("c1", "c2"):
        await partition.deliver(failed_purchase(customer_id, f"o-{customer_id}", "card of Ada Novák declined"))
    await partition.deliver(CustomerErased(customer_id="c1", version=3, erased_at=datetime.now(UTC)))
    await partition.deliver(failed_purchase("c1", "o-late", "card of Ada Novák declined"))
    reasons = [(await api.get(f"/v1/orders/o-{name}")).body["failure_reason"] for name in ("c1", "late", "c2")]
    assert reasons == ["Erased", "Erased", "card of Ada Novák declined"]
