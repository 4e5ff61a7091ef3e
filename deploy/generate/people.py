"""A customer as every store knows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random

from deploy.generate.names import person
from deploy.generate.rows import Rows
from services.accounts.customers.domain import Customer, Details, new_customer
from services.accounts.search.domain import word_pairs
from services.accounts.search.folding import fold, words_of

PREFIX = "gen-"
_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example")
_LANGUAGES = ("en", "en", "en", "en", "de", "fr", "es", "cs", "pl", "it")
_PHONES = ("+61 4{0:02} {1:03} {2:03}", "04{0:02} {1:03} {2:03}", "+614{0:02}{1:03}{2:03}", "(04{0:02}) {1:03}-{2:03}")
_YEARS = timedelta(days=3 * 365)


def make(rng: Random, number: int, until: datetime) -> Customer:
    """Customer `number`, who came some time in the last three years."""
    first, last = person(rng)
    mailbox = f"{_mailbox(first)}.{_mailbox(last)}{number}"
    tag = "+lotto" if rng.random() < 0.02 else ""
    email = f"{mailbox}{tag}@{rng.choice(_DOMAINS)}" if rng.random() < 0.97 else None
    place = number % 100_000_000
    phone = rng.choice(_PHONES).format(place // 1_000_000, place // 1000 % 1000, place % 1000)
    since = until - _YEARS * (rng.random() ** 0.7)
    details = Details(first, last, email, phone if rng.random() < 0.9 else None, rng.choice(_LANGUAGES))
    # All the forms are one number.
    return new_customer(f"{PREFIX}{number:07}", details, since, lambda _: f"+614{place:08}")


@lru_cache(maxsize=50_000)
def _mailbox(name: str) -> str:
    return "".join(character for character in fold(name) if character.isascii() and character.isalnum())


@lru_cache(maxsize=100_000)
def _pairs(first: str, last: str) -> Sequence[tuple[str, str]]:
    return word_pairs(words_of(first, last))


def add(rows: Rows, customer: Customer) -> None:
    """The customer's rows in all stores."""
    customer_id, first, last = customer.customer_id, customer.first_name, customer.last_name
    rows["accounts", "customers"].append(
        (customer_id, customer.version, first, last, customer.email, customer.email_key, customer.phone,
         customer.phone_key, customer.language, customer.status, customer.created_at, customer.changed_at)
    )  # fmt: skip
    rows["accounts", "customer_names"] += [(word, other, customer_id) for word, other in _pairs(first, last)]
    rows["tickets", "customers"].append((customer_id, first, last, 1, 1))
    rows["notifications", "recipients"].append((customer_id, 1, first, last, customer.email, customer.language))
