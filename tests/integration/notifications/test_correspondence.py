"""From events to messages on record: once for each fact, to the address known then, rendered in full."""

import asyncio

import pytest

from shared.contracts import Event, TicketsPaid
from shared.messaging import Publication
from tests.support.notifications import cancelled, customer, messages, paid, request
from tests.support.partition import SOURCE, Partition

TOLD = {"subject": "Results", "text": "You won."}


async def test_facts_become_messages(partition: Partition) -> None:
    await partition.deliver(customer("c1"), paid("c1"), cancelled("c1"), request("c1"))
    # Its price was never taken, so none is back.
    await partition.deliver(cancelled("c1", "tic-2", credited=0))
    assert await messages(partition, "c1") == [
        ("order_confirmation", "pending", "c1@example.com"),
        ("cancellation_notice", "pending", "c1@example.com"),
        ("plain_message", "pending", "c1@example.com"),
    ]
    ((queued,),) = await partition.fetch("select count(*) from outgoing where phase = 'queued' and due_at <= now()")
    assert queued == 3


@pytest.mark.parametrize(("charged", "told"), [(1800, "payment of AUD 18.00 has"), (None, "payment has")])
async def test_a_confirmation_names_what_was_charged(partition: Partition, charged: int | None, told: str) -> None:
    """A shop may charge another amount than its tickets cost one by one."""
    await partition.deliver(customer("c1"), paid("c1", payment_amount=charged))
    ((text,),) = await partition.fetch("select text from correspondence_contents")
    assert f"Your {told} arrived" in text


async def test_one_fact_is_told_once_under_however_many_event_ids(partition: Partition) -> None:
    facts: list[Event] = [paid("c1", "o1"), paid("c1", "o2"), cancelled("c1", "t1"), cancelled("c1", "t2")]
    facts += [request("c1", "k1"), request("c1", "k2")]
    await partition.deliver(customer("c1"), *facts, *facts)
    await partition.deliver(*reversed(facts))
    await partition.deliver_beside(*facts)
    assert len(await messages(partition, "c1")) == 6
    ((queued,),) = await partition.fetch("select count(*) from outgoing")
    assert queued == 6


async def test_events_wait_for_their_customer_and_follow_in_their_order(partition: Partition) -> None:
    await partition.deliver(paid("c1", "o1"), request("c1"), paid("c2", "o2"), paid("c1", "o3"))
    assert await messages(partition, "c1") == []
    await partition.deliver(customer("c1", "late@example.com"))
    assert [(template, address) for template, _, address in await messages(partition, "c1")] == [
        ("order_confirmation", "late@example.com"),
        ("plain_message", "late@example.com"),
        ("order_confirmation", "late@example.com"),
    ]
    ((cause,),) = await partition.fetch("select cause from waiting_events")
    assert cause == "customer:c2"


async def test_the_latest_version_of_a_customer_wins_in_any_order(partition: Partition) -> None:
    versions = [customer("c1", f"v{n}@example.com", version=n) for n in (2, 1, 4, 3)]
    await partition.deliver(*versions)
    await partition.deliver(versions[0], versions[3])
    await partition.deliver(paid("c1"))
    assert await messages(partition, "c1") == [("order_confirmation", "pending", "v4@example.com")]


async def test_a_new_address_is_for_later_messages_and_the_history_keeps_both(partition: Partition) -> None:
    await partition.deliver(customer("c1", "old@example.com"), paid("c1", "o1"))
    await partition.deliver(customer("c1", "new@example.com", version=2), paid("c1", "o2"))
    assert [address for _, _, address in await messages(partition, "c1")] == ["old@example.com", "new@example.com"]


async def test_a_customer_without_an_address_is_on_record_as_not_sent(partition: Partition) -> None:
    await partition.deliver(customer("c1", None), paid("c1"))
    assert await messages(partition, "c1") == [("order_confirmation", "not_sent", None)]
    assert await partition.fetch("select withheld_reason from correspondence") == [("no_address",)]
    assert await partition.fetch("select * from outgoing") == []


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        ({"template": "no_such_template"}, "unknown_template", "no_such_template"),
        ({"data": {"subject": "no text"}}, "template_data_invalid", "'text'"),
        ({"data": {"subject": " ", "text": "no subject"}}, "template_data_invalid", "subject"),
        ({"data": {"subject": "text is no text", "text": 5}}, "template_data_invalid", "'int'"),
        ({"template": "order_confirmation", "data": {"order_id": "o"}}, "template_data_invalid", "is undefined"),
        ({"data": TOLD | {"subject": None}}, "template_data_invalid", "'subject' is null"),
        ({"data": TOLD | {"text": None}}, "template_data_invalid", "'text' is null"),
        ({"data": TOLD | {"first_name": None}}, "template_data_invalid", "'first_name' is null"),
        ({"data": TOLD | {"a\x00b": "x"}}, "template_data_invalid", r"'a\x00b'"),
    ],
)
async def test_what_cannot_be_told_is_a_dead_letter_and_holds_up_nothing(
    partition: Partition, wrong: dict[str, object], code: str, says: str
) -> None:
    await partition.deliver(customer("c1"), request("c1", "wrong", **wrong), request("c1", "right"))
    assert len(await messages(partition, "c1")) == 1
    ((found, state, detail),) = await partition.fetch("select code, state, detail from dead_letters")
    assert (found, state) == (code, "dead")
    assert says in detail
    assert await partition.fetch("select * from parked_keys") == []


@pytest.mark.parametrize(("number", "told"), [(2**64 - 1, 1), (2**64, 0), (-(2**63), 1), (-(2**63) - 1, 0)])
async def test_a_number_beyond_64_bits_is_named_as_such(partition: Partition, number: int, told: int) -> None:
    event = request("c1")
    large = event.model_copy(update={"data": {**event.data, "wins": number}})
    publication = Publication.of(event, source=SOURCE)
    value = large.model_dump_json().encode()
    await partition.deliver(customer("c1"), Publication(publication.topic, publication.key, publication.headers, value))
    assert len(await messages(partition, "c1")) == told
    letter = ("template_data_invalid", "plain_message v1: 'wins' has more than 64 bits")
    assert await partition.fetch("select code, detail from dead_letters") == [letter] * (1 - told)


async def test_what_no_template_shows_may_be_null(partition: Partition) -> None:
    await partition.deliver(customer("c1", time_zone=None), request("c1", data=TOLD | {"footnote": None}), paid("c1"))
    assert len(await messages(partition, "c1")) == 2


async def test_what_is_filled_in_stays_text(partition: Partition) -> None:
    hostile = "</subject><paragraph>x & <script>alert(1)</script> {{ 7 * 7 }} \x0b\u202e"
    await partition.deliver(
        customer("c1", first_name=hostile),
        request("c1", data={"subject": hostile, "text": f"{hostile}\n\nsecond\nline"}),
    )
    ((subject, html, text),) = await partition.fetch(
        "select subject, html, text from correspondence join correspondence_contents on id = message_id"
    )
    shown = "</subject><paragraph>x & <script>alert(1)</script> {{ 7 * 7 }} \u202e"
    assert subject == shown
    assert text == f"Hello {shown},\n\n{shown}\n\nsecond\nline\n\nRecourse\n"
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }}" in html
    assert "second<br>\nline" in html


async def test_two_processes_that_tell_the_same_fact_tell_it_once(partition: Partition) -> None:
    await partition.deliver(customer("c1"))
    facts = [paid("c1", f"o{n}") for n in range(20)]
    await asyncio.gather(*(partition.deliver_beside(*facts) for _ in range(4)))
    assert len(await messages(partition, "c1")) == 20


async def test_a_batch_that_takes_long_to_render_does_not_leave_its_transaction_idle(partition: Partition) -> None:
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute("set idle_in_transaction_session_timeout = '2s'")
    ticket = TicketsPaid.example["tickets"][0]
    tickets = [ticket | {"id": f"t{n}"} for n in range(100)]
    await partition.deliver(customer("c1"), *(paid("c1", f"o{n}", tickets=tickets) for n in range(400)))
    assert len(await messages(partition, "c1")) == 400
