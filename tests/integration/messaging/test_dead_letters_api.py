"""Dead letters over HTTP: what operators see, what they may do, and that it is written down."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.audit import AuditApi
from shared.contracts import PointsAwarded
from shared.dead_letters import DeadLettersApi
from shared.dead_letters.models import SHOWN_BYTES
from shared.web import operations_of
from tests.support.dead_letters import Faults, Ward, run, ward_of
from tests.support.http import ApiClient, serving_operations
from tests.support.messaging import points
from tests.support.poison import record, violation
from tests.support.stack import Infra

LETTERS = "/v1/dead-letters"


@pytest.fixture
async def ward(infra: Infra) -> AsyncIterator[Ward]:
    async with ward_of(infra, Faults()) as running:
        yield running


@pytest.fixture
async def api(ward: Ward, tmp_path: Path) -> AsyncIterator[ApiClient]:
    unit_of_work = ward.partition.unit_of_work
    operations = operations_of(DeadLettersApi(unit_of_work, ward.partition.processor), AuditApi(unit_of_work.database))
    async with serving_operations(operations, tmp_path) as client:
        yield client


async def _kill(ward: Ward, *customers: str) -> None:
    """One dead letter for each customer, and three events behind it."""
    ward.faults.throws = lambda customer, entry: int(entry) == 1
    for customer in customers:
        await ward.deliver(*run(customer, range(1, 5)))


async def test_groups_and_lists_show_what_died_of_what(ward: Ward, api: ApiClient) -> None:
    await _kill(ward, "c1", "c2", "c3")
    await ward.deliver(violation("c4"))
    groups = (await api.get(f"{LETTERS}/groups")).body["items"]
    assert [(group["code"], group["count"], group["topic"]) for group in groups] == [
        ("handler_failed", 3, "loyalty"),
        ("schema_violation", 1, "loyalty"),
    ]
    assert groups[0]["event_type"] == PointsAwarded.type
    assert groups[0]["sample_detail"] == "ValueError: cannot take entry 000001"
    page = (await api.get(LETTERS, fingerprint=groups[0]["fingerprint"], limit=2)).body
    assert [item["customer_id"] for item in page["items"]] == ["c3", "c2"]
    rest = (await api.get(LETTERS, fingerprint=groups[0]["fingerprint"], limit=2, cursor=page["next_cursor"])).body
    assert [item["customer_id"] for item in rest["items"]] == ["c1"]
    assert rest["next_cursor"] is None
    assert len((await api.get(LETTERS)).body["items"]) == 4
    assert (await api.get(LETTERS, state="discarded")).body["items"] == []
    assert groups[0]["sample_id"] == rest["items"][0]["id"]


async def test_a_letter_is_shown_with_its_record_and_what_waits_behind_it(ward: Ward, api: ApiClient) -> None:
    await _kill(ward, "c1")
    (letter,) = await ward.letters()
    shown = (await api.get(f"{LETTERS}/{letter}")).body
    assert shown["value"]["encoding"] == "text"
    assert '"customer_id":"c1"' in shown["value"]["data"]
    assert shown["key"]["data"] == "c1"
    assert {header["name"]: header["value"]["data"] for header in shown["headers"]}["ce_type"] == PointsAwarded.type
    assert (shown["state"], shown["attempts"], shown["parked_events"]) == ("dead", 1, 3)


@pytest.mark.parametrize(
    ("value", "encoding", "data"),
    [
        (b"\xff\x00", "base64", base64.b64encode(b"\xff\x00").decode()),
        ("é".encode() * SHOWN_BYTES, "text", "é" * (SHOWN_BYTES // 2)),
        (b"", "text", ""),
    ],
)
async def test_values_are_text_or_base64_and_long_ones_are_cut(
    ward: Ward, api: ApiClient, value: bytes, encoding: str, data: str
) -> None:
    await ward.deliver(record(value))
    (letter,) = await ward.letters()
    shown = (await api.get(f"{LETTERS}/{letter}")).body["value"]
    assert shown == {
        "encoding": encoding, "data": data, "size": len(value), "truncated": len(value) > SHOWN_BYTES,
    }  # fmt: skip


async def test_a_replay_is_done_once_and_written_down(ward: Ward, api: ApiClient) -> None:
    await _kill(ward, "c1")
    (letter,) = await ward.letters()
    first = await api.post(f"{LETTERS}/{letter}/replay", {"note": "try again"}, key="k1", subject="op-1")
    assert (first.status, first.body["state"], first.body["attempts"]) == (200, "dead", 2)
    ward.faults.mend()
    second = await api.post(
        f"{LETTERS}/{letter}/replay", {"note": "mended"}, key="k2", role="supervisor", subject="op-2"
    )
    assert (second.status, second.body["state"]) == (200, "replayed")
    assert await ward.effects("c1") == [1, 2, 3, 4]
    again = await api.post(
        f"{LETTERS}/{letter}/replay", {"note": "mended"}, key="k2", role="supervisor", subject="op-2"
    )
    assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (200, second.body, "true")
    settled = await api.post(f"{LETTERS}/{letter}/replay", {"note": "mended"}, key="k3")
    assert (settled.status, settled.body["code"]) == (409, "dead_letter_settled")
    actions = (await api.get("/v1/audit", object=f"dead_letter:{letter}")).body["items"]
    assert [(each["actor"], each["role"], each["action"], each["reason"]) for each in actions] == [
        ("op-2", "supervisor", "dead_letters.replay", "mended"),
        ("op-1", "administrator", "dead_letters.replay", "try again"),
    ]
    assert actions[0]["before"] == {"state": "dead"}
    assert actions[0]["after"]["state"] == "replayed"
    assert actions[0]["customer_id"] == "c1"
    assert actions[0]["request_id"]


async def test_a_discard_lets_the_others_go_and_keeps_the_letter(ward: Ward, api: ApiClient) -> None:
    await _kill(ward, "c1")
    (letter,) = await ward.letters()
    answer = await api.post(f"{LETTERS}/{letter}/discard", {"note": "a test order"}, key="k", subject="op-1")
    assert (answer.status, answer.body["state"]) == (200, "discarded")
    assert await ward.effects("c1") == [2, 3, 4]
    shown = (await api.get(f"{LETTERS}/{letter}")).body
    assert (shown["settled_by"], shown["settled_note"], shown["parked_events"]) == ("op-1", "a test order", 0)
    assert (await api.get("/v1/audit")).body["items"][0]["action"] == "dead_letters.discard"


async def test_a_group_is_replayed_in_steps(ward: Ward, api: ApiClient) -> None:
    customers = [f"c{n}" for n in range(7)]
    await _kill(ward, *customers)
    fingerprint = (await api.get(f"{LETTERS}/groups")).body["items"][0]["fingerprint"]
    ward.faults.throws = lambda customer, entry: customer == "c2" and int(entry) == 1
    after, steps = None, list[tuple[int, int]]()
    while True:
        body = {"fingerprint": fingerprint, "limit": 3, "note": "mended", "after": after}
        step = await api.post(f"{LETTERS}/replay", body, key=f"step-{len(steps)}")
        steps.append((step.body["replayed"], step.body["still_dead"]))
        after = step.body["next_after"]
        if after is None:
            break
    assert steps == [(2, 1), (3, 0), (1, 0)]
    for customer in customers:
        assert await ward.effects(customer) == ([] if customer == "c2" else [1, 2, 3, 4])
    assert len((await api.get("/v1/audit")).body["items"]) == 7


async def test_a_group_is_discarded_in_steps_and_written_down(ward: Ward, api: ApiClient) -> None:
    await _kill(ward, "c1", "c2", "c3")
    fingerprint = (await api.get(f"{LETTERS}/groups")).body["items"][0]["fingerprint"]
    body = {"fingerprint": fingerprint, "limit": 2, "note": "test orders"}
    for role in ("viewer", "agent"):
        assert (await api.post(f"{LETTERS}/discard", body, key="k", role=role)).status == 403
    first = await api.post(f"{LETTERS}/discard", body, key="k1", role="supervisor", subject="op-1")
    assert (first.status, first.body["discarded"]) == (200, 2)
    rest = await api.post(f"{LETTERS}/discard", body | {"after": first.body["next_after"]}, key="k2")
    assert rest.body == {"discarded": 1, "next_after": None}
    for customer in ("c1", "c2", "c3"):
        assert await ward.effects(customer) == [2, 3, 4]
    actions = (await api.get("/v1/audit", action="dead_letters.discard")).body["items"]
    assert {(each["customer_id"], each["actor"], each["role"], each["reason"]) for each in actions} == {
        ("c1", "op-1", "supervisor", "test orders"), ("c2", "op-1", "supervisor", "test orders"),
        ("c3", "tester", "administrator", "test orders"),
    }  # fmt: skip


async def test_of_large_letters_a_step_takes_few(ward: Ward, api: ApiClient) -> None:
    for _ in range(3):
        await ward.deliver(record(b"\xff" * 9_000_000))
    fingerprint = (await api.get(f"{LETTERS}/groups")).body["items"][0]["fingerprint"]
    body: dict[str, object] = {"fingerprint": fingerprint, "note": "sent again, smaller"}
    first = (await api.post(f"{LETTERS}/discard", body, key="k1")).body
    assert (first["discarded"], first["next_after"] is None) == (2, False)
    rest = await api.post(f"{LETTERS}/discard", body | {"after": first["next_after"]}, key="k2")
    assert rest.body == {"discarded": 1, "next_after": None}


async def test_a_group_is_settled_once_by_two_operators_at_once(ward: Ward, api: ApiClient) -> None:
    customers = [f"c{n}" for n in range(6)]
    await _kill(ward, *customers)
    ward.faults.mend()
    fingerprint = (await api.get(f"{LETTERS}/groups")).body["items"][0]["fingerprint"]
    body = {"fingerprint": fingerprint, "note": "mended"}
    answers = await asyncio.gather(
        *[api.post(f"{LETTERS}/replay", body, key=f"r{n}") for n in range(3)],
        *[api.post(f"{LETTERS}/discard", body, key=f"d{n}") for n in range(2)],
    )
    assert {each.status for each in answers} == {200}
    assert sum(each.body.get("replayed", 0) + each.body.get("discarded", 0) for each in answers) == len(customers)
    assert sum(each.body.get("still_dead", 0) for each in answers) == 0
    assert len((await api.get("/v1/audit")).body["items"]) == len(customers)
    assert await ward.letters() == []


async def test_what_may_not_be_is_refused(ward: Ward, api: ApiClient) -> None:
    await _kill(ward, "c1")
    (letter,) = await ward.letters()
    path, body = f"{LETTERS}/{letter}/replay", {"note": "x"}
    for role in ("viewer", "agent"):
        assert (await api.get(f"{LETTERS}/{letter}", role=role)).status == 403
        assert (await api.post(path, body, key="k", role=role)).status == 403
    assert (await api.post(path, body, key=None)).body["code"] == "idempotency_key_required"
    assert (await api.post(path, {}, key="k")).body["errors"][0]["field"] == "body.note"
    assert (await api.post(f"{LETTERS}/{uuid4()}/discard", body, key="k")).body["code"] == "dead_letter_not_found"
    assert (await api.get(f"{LETTERS}/{uuid4()}")).status == 404
    assert (await api.get(f"{LETTERS}/nonsense")).body["errors"][0]["field"] == "path.letter_id"
    assert (await api.get(LETTERS, fingerprint="'; drop table")).status == 422
    unknown = {"fingerprint": "0" * 16, "note": "x"}
    assert (await api.post(f"{LETTERS}/replay", unknown, key="k")).body == {
        "replayed": 0, "still_dead": 0, "next_after": None,
    }  # fmt: skip
    assert await ward.count("audit_entries") == 0
    assert len(await ward.letters()) == 1


async def test_if_the_action_cannot_be_written_down_nothing_happens(ward: Ward, api: ApiClient) -> None:
    await _kill(ward, "c1")
    (letter,) = await ward.letters()
    async with ward.partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute("alter table audit_entries add check (reason <> 'forbidden')")
    answer = await api.post(f"{LETTERS}/{letter}/discard", {"note": "forbidden"}, key="k")
    assert answer.status == 500
    assert await ward.letters() == [letter]
    assert await ward.effects("c1") == []
    await ward.deliver(points("c1", 9))
    assert await ward.count("parked_events") == 4
