"""The effect of a purchase on accounts, by hand: what a program without the framework would do in its place.

It writes what the service writes (customer, account and its sums, two entries with their hashes, activity, charge,
what the search finds, three events, inbox), row for row, with as little Python as that takes: the JSON is parsed and
trusted, nothing is validated, can be rejected or wait.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

# Columns by name, each the array of a batch, or of one event.
Columns = dict[str, list[Any]]


@dataclass
class Account:
    """An account while a batch is applied: balance in minor units, number and hash of its last entry.

    `moved` went in and out again for so many `orders`.
    """

    balance: int = 0
    last_seq: int = 0
    is_new: bool = False
    head: bytes = b""
    moved: int = 0
    orders: int = 0


@dataclass
class Effect:
    """The rows that a batch of purchases leaves, by column."""

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    charges: list[tuple[Any, ...]] = field(default_factory=list)
    activities: list[tuple[Any, ...]] = field(default_factory=list)
    customers: list[tuple[Any, ...]] = field(default_factory=list)
    identifiers: list[tuple[Any, ...]] = field(default_factory=list)
    names: list[tuple[Any, ...]] = field(default_factory=list)
    outbox: list[tuple[Any, ...]] = field(default_factory=list)


def parse(value: bytes) -> dict[str, Any]:
    """The event's data."""
    document: dict[str, Any] = orjson.loads(value)
    return document


def apply(events: Sequence[tuple[dict[str, Any], str]], accounts: dict[str, Account]) -> Effect:
    """Book each purchase (data, traceparent) of customers whose accounts are locked."""
    effect, now = Effect(), datetime.now(UTC)
    at = now.isoformat()
    for data, trace in events:
        customer, payment = data["customer"], data["payment"]
        key, order, amount, currency = customer["id"], data["order_id"], payment["amount"], payment["currency"]
        account = accounts[key]
        cause = {"kind": "order", "id": order, "order_id": order}
        if account.is_new:
            account.is_new = False
            _open(effect, customer, now, at, trace)
        for kind, sign in (("deposit", 1), ("purchase", -1)):
            account.last_seq += 1
            account.balance += sign * amount
            entry_id = uuid.uuid4()
            entry = (
                key, account.last_seq, entry_id, data["occurred_at"], now, kind, payment["method"],
                amount if sign > 0 else 0, 0 if sign > 0 else amount, currency, account.balance, order,
                f"Deposit by {payment['method']}" if sign > 0 else f"Purchase of {len(data['tickets'])} tickets",
            )  # fmt: skip
            account.head = sha256(account.head + orjson.dumps(entry)).digest()
            effect.entries.append((*entry, account.head))
            movement = {
                "customer_id": key, "entry_id": str(entry_id), "occurred_at": at, "amount": amount,
                "currency": currency, "balance": account.balance, "cause": cause, "kind": kind,
            }  # fmt: skip
            event_type = "recourse.balance.credited.v1" if sign > 0 else "recourse.balance.debited.v1"
            effect.outbox.append((uuid.uuid4(), "balances", key, event_type, orjson.dumps(movement), now, trace))
        account.moved += amount
        account.orders += 1
        effect.charges.append((key, order, amount, currency))
        effect.identifiers += [
            (order, "order", key), (data["checkout_id"], "checkout", key), (data["receipt_id"], "receipt", key),
            (payment["transaction_id"], "transaction", key), *((each["id"], "ticket", key) for each in data["tickets"]),
        ]  # fmt: skip
        details = {
            "amount": amount, "currency": currency, "description": f"Purchase of {len(data['tickets'])} tickets",
            "method": payment["method"],
        }  # fmt: skip
        effect.activities.append((key, data["occurred_at"], order, orjson.dumps(details).decode()))
    return effect


def _open(effect: Effect, customer: dict[str, Any], now: datetime, at: str, trace: str) -> None:
    key, email, phone = customer["id"], customer["email"], customer["phone"]
    phone_key = "".join(filter(str.isdigit, phone))
    names = (customer["first_name"], customer["last_name"])
    first, last = names[0].lower(), names[1].lower()
    effect.names += [(first, last, key), (last, first, key)]
    effect.customers.append((key, *names, email, email.lower(), phone, phone_key, customer["language"], now))
    changed = {
        "customer_id": key, "version": 1, "changed_at": at, "first_name": names[0], "last_name": names[1],
        "email": email, "phone": phone, "language": customer["language"], "status": "active",
    }  # fmt: skip
    row = (uuid.uuid4(), "customers", key, "recourse.customer.changed.v1", orjson.dumps(changed), now, trace)
    effect.outbox.append(row)


# All rows of a batch in one statement; parameters as `arguments` gives them.
WRITE = """
    with entries_written as (
        insert into ledger_entries
            (customer_id, seq, entry_id, occurred_at, recorded_at, kind, status, method, amount_in, amount_out,
             currency, balance, cause_kind, cause_id, order_id, description, hash)
        select c, seq, id, at::timestamptz, now, kind, 'booked', method, i, o, currency, balance, 'order', cause,
               cause, text, hash
        from unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
                    $8::bigint[], $9::bigint[], $10::text[], $11::bigint[], $12::text[], $13::text[], $41::bytea[])
             as e (c, seq, id, at, now, kind, method, i, o, currency, balance, cause, text, hash)),
    charges_written as (
        insert into charges (customer_id, order_id, charged, amount, currency)
        select c, o, true, amount, currency
        from unnest($14::text[], $15::text[], $16::bigint[], $17::text[]) as e (c, o, amount, currency)),
    customers_written as (
        insert into customers
            (customer_id, version, first_name, last_name, email, email_key, phone, phone_key, language, status,
             created_at, changed_at)
        select c, 1, first, last, email, email_key, phone, phone_key, language, 'active', now, now
        from unnest($18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[],
                    $25::text[], $26::timestamptz[])
             as e (c, first, last, email, email_key, phone, phone_key, language, now)),
    accounts_written as (
        update accounts a
        set currency = 'AUD', balance = e.balance, last_seq = e.seq, head = e.head, last_movement_at = now(),
            deposits = deposits + e.moved, deposit_count = deposit_count + e.orders,
            purchases = purchases + e.moved, purchase_count = purchase_count + e.orders
        from unnest($27::text[], $28::bigint[], $29::bigint[], $42::bytea[], $43::bigint[], $44::bigint[])
             as e (c, balance, seq, head, moved, orders)
        where customer_id = c and customer_id = any($27::text[])),
    activities_written as (
        insert into activities (customer_id, kind, occurred_at, reference, details)
        select c, 'purchase_completed', at::timestamptz, o, details::jsonb
        from unnest($37::text[], $38::text[], $39::text[], $40::text[]) as e (c, at, o, details)),
    identifiers_written as (
        insert into identifiers (value, kind, customer_id) select * from unnest($45::text[], $46::text[], $47::text[])),
    names_written as (
        insert into customer_names (word, other, customer_id)
        select * from unnest($48::text[], $49::text[], $50::text[])),
    words_written as (
        insert into name_words (word) select distinct word from unnest($48::text[]) as new (word)
        where not exists (select from name_words w where w.word = new.word offset 0))
    insert into outbox (id, aggregatetype, aggregateid, type, payload, occurred_at, traceparent)
    select id, topic, key, type, payload, at, trace
    from unnest($30::uuid[], $31::text[], $32::text[], $33::text[], $34::bytea[], $35::timestamptz[], $36::text[])
         with ordinality as e (id, topic, key, type, payload, at, trace, n)
    order by n"""


def arguments(effect: Effect, accounts: dict[str, Account]) -> list[Sequence[Any]]:
    """The parameters of `WRITE`."""
    keys = list(accounts)
    *entries, hashes = zip(*effect.entries, strict=True)
    return [
        *entries,
        *zip(*effect.charges, strict=True),
        *(zip(*effect.customers, strict=True) if effect.customers else [[]] * 9),
        keys,
        [accounts[key].balance for key in keys],
        [accounts[key].last_seq for key in keys],
        *zip(*effect.outbox, strict=True),
        *zip(*effect.activities, strict=True),
        hashes,
        [accounts[key].head for key in keys],
        [accounts[key].moved for key in keys],
        [accounts[key].orders for key in keys],
        *zip(*effect.identifiers, strict=True),
        *(zip(*effect.names, strict=True) if effect.names else [[]] * 3),
    ]
