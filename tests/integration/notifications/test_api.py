"""Correspondence over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.http import ApiClient
from tests.support.messaging import eventually
from tests.support.notifications import (
    MailSink,
    cancelled,
    customer,
    message_id,
    outcomes,
    paid,
    report,
    request,
    working,
)
from tests.support.partition import Partition

HISTORY = "/v1/customers/c1/correspondence"
MERGED = "/v1/customers/c2/correspondence"


async def test_the_history_shows_what_the_customer_was_told(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1"), paid("c1", "o1"), cancelled("c1", "t1"), customer("c2"), paid("c2"))
    page = (await api.get(HISTORY, role="agent")).body
    assert page["next_cursor"] is None
    assert [(row["template"], row["subject"], row["status"]) for row in page["items"]] == [
        ("cancellation_notice", "Your ticket t1 was cancelled", "pending"),
        ("order_confirmation", "Your order o1 is confirmed", "pending"),
    ]
    newest = page["items"][0]
    assert set(newest) == {
        "id", "customer_id", "created_at", "channel", "template", "subject", "recipient_address", "status",
        "status_changed_at", "withheld_reason",
    }  # fmt: skip
    assert (newest["channel"], newest["recipient_address"]) == ("email", "c1@example.com")
    masked = (await api.get(HISTORY, role="viewer")).body["items"][0]
    assert masked == newest | {"recipient_address": "c•••@example.com"}


async def test_the_history_pages_and_filters(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1"), *(request("c1", f"k{n}") for n in range(30)))
    ids = await partition.fetch("select id from correspondence order by created_at desc, id desc")
    bounced = [str(row[0]) for row in ids[::3]]
    await partition.deliver(*(report("c1", identity, "soft_bounce") for identity in bounced))
    assert await _all_ids(api, limit=7) == [str(row[0]) for row in ids]
    assert await _all_ids(api, limit=4, status="soft_bounce") == bounced
    assert len(await _all_ids(api, limit=100, status="pending", channel="email")) == 20
    assert await _all_ids(api, limit=5, status="delivered") == []


async def test_the_history_of_merged_customers_is_one_until_they_are_parted(
    partition: Partition, api: ApiClient
) -> None:
    both = [(name, f"{name}-k{n}") for n in range(10) for name in ("c1", "c2")]
    await partition.deliver(customer("c1"), customer("c2"), *(request(*each) for each in both))
    rows = await partition.fetch("select id from correspondence order by created_at desc, id desc")
    ids = [str(row[0]) for row in rows]
    await partition.deliver(customer("c2", version=2, merged_into="c1"))
    assert await _all_ids(api, limit=7) == ids
    assert await _all_ids(api, MERGED, limit=7) == ids
    shown = (await api.get(HISTORY)).body["items"]
    assert {row["customer_id"] for row in shown} == {"c1", "c2"}
    await partition.deliver(customer("c2", version=3), customer("c2", version=2, merged_into="c1"))
    assert set(await _all_ids(api, limit=7)) | set(await _all_ids(api, MERGED, limit=7)) == set(ids)
    assert {row["customer_id"] for row in (await api.get(HISTORY)).body["items"]} == {"c1"}


async def test_an_unknown_customer_was_told_nothing(api: ApiClient) -> None:
    answer = await api.get(HISTORY)
    assert (answer.status, answer.body) == (200, {"items": [], "next_cursor": None})


async def test_a_message_opens_in_full(partition: Partition, api: ApiClient, sink: MailSink) -> None:
    sink.rcpt["c1@example.com"] = ["450 4.2.1 busy"]
    await partition.deliver(customer("c1"), paid("c1", "o1"))
    identity = await message_id(partition, "c1")
    async with working(partition):
        await eventually(lambda: _tried(partition, 1))
        waiting = (await api.get(f"/v1/correspondence/{identity}")).body
        assert waiting["next_attempt_at"] > waiting["attempts"][0]["ended_at"]
        async with partition.unit_of_work.begin() as transaction:
            await transaction.connection.execute("update outgoing set due_at = now()")
        await eventually(lambda: _tried(partition, 2))
    await partition.deliver(report("c1", identity, "delivered", occurred_at="2099-01-01T00:00:00Z"))
    opened = (await api.get(f"/v1/correspondence/{identity}", role="viewer")).body
    assert (opened["customer_id"], opened["recipient_name"], opened["template_version"]) == ("c1", "Ada Novák", 2)
    assert (opened["status"], opened["next_attempt_at"]) == ("delivered", None)
    assert opened["html"].startswith("<!DOCTYPE html>")
    assert "Saturday Lotto" in opened["html"]
    assert "Saturday Lotto" in opened["text"]
    assert [(each["attempt"], each["outcome"], each["status_code"]) for each in opened["attempts"]] == [
        (1, "deferred", "4.2.1"),
        (2, "accepted", "2.0.0"),
    ]
    assert [(step["state"], step["source"], step["attempt"]) for step in opened["timeline"]] == [
        ("queued", "notifications", None),
        ("claimed", "notifications", 1),
        ("deferred", "notifications", 1),
        ("claimed", "notifications", 2),
        ("handing_over", "notifications", 2),
        ("accepted", "notifications", 2),
        ("delivered", "smtp-local", None),
    ]


async def test_a_message_that_was_not_sent_says_why(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1", None), paid("c1"))
    opened = (await api.get(f"/v1/correspondence/{await message_id(partition, 'c1')}")).body
    assert (opened["status"], opened["withheld_reason"], opened["attempts"]) == ("not_sent", "no_address", [])
    assert [(step["state"], step["diagnostic"]) for step in opened["timeline"]] == [("not_sent", "no_address")]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"status": "lost"}, 422, "query.status.0"),
        ({"channel": "pigeon"}, 422, "query.channel.0"),
        ({"limit": 10**9}, 422, "query.limit"),
        ({"cursor": "x"}, 400, "query.cursor"),
        ({"colour": "red"}, 422, "query.colour"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_field(
    api: ApiClient, query: dict[str, Any], status: int, field: str
) -> None:
    answer = await api.get(HISTORY, **query)
    assert (answer.status, answer.body["errors"][0]["field"]) == (status, field)


async def test_an_unknown_message_is_not_found(api: ApiClient) -> None:
    answer = await api.get(f"/v1/correspondence/{uuid4()}")
    assert (answer.status, answer.body["code"]) == (404, "correspondence_not_found")
    assert (await api.get("/v1/correspondence/what")).status == 422


async def _all_ids(api: ApiClient, path: str = HISTORY, **query: Any) -> list[str]:
    return [row["id"] for row in await api.items(path, **query)]


async def _tried(partition: Partition, times: int) -> bool:
    return len(await outcomes(partition, "c1")) == times
