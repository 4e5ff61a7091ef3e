"""What may change about a customer, and who may change it."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Status = Literal["active", "suspended", "closed"]
# What lookups compare a number by; None when there is nothing to compare.
KeyOf = Callable[[str], str | None]

_PHONE = re.compile(r"[0-9+() ./-]+")
_NO_DIGIT = re.compile(r"[^0-9]")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")

LEARNED_FIELDS = ("email", "phone", "language")
# Names cannot be empty: these stand in the place of an erased customer's.
ERASED_DETAILS: dict[str, str | None] = {
    "first_name": "Erased", "last_name": "customer", "email": None, "phone": None, "phone_key": None, "language": None,
    "time_zone": None,
}  # fmt: skip
PERSONAL_FIELDS = frozenset({"first_name", "last_name", "email", "phone"})


@dataclass(frozen=True, slots=True)
class Details:
    """What a purchase or an agent says of a customer."""

    first_name: str
    last_name: str
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as it is at `version`. `edited_fields` were set by an agent and are no longer learned.

    `phone_key` is the number as lookups compare it. `merged_into` is the customer that this one was found to be; of
    one that was erased nothing personal is kept.
    """

    customer_id: str
    version: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    phone_key: str | None
    language: str | None
    time_zone: str | None
    status: Status
    edited_fields: frozenset[str]
    created_at: datetime
    changed_at: datetime
    status_reason: str | None = None
    erased_at: datetime | None = None
    merged_into: str | None = None

    @property
    def email_key(self) -> str | None:
        """The address as lookups compare it."""
        return normalize_email(self.email) if self.email else None


def normalize_email(email: str) -> str:
    """Without surrounding blanks and case: no mail provider of note tells addresses apart by case.

    Letters are composed, and a domain is in its own letters, however either was typed; what cannot be seen is left out.
    """
    email = without_invisible(email).strip().lower()
    if email.isascii() and "xn--" not in email:
        return email
    name, at, domain = unicodedata.normalize("NFC", email).rpartition("@")
    try:
        return name + at + domain.encode("ascii").decode("idna")
    except UnicodeError:
        return name + at + domain


def plain_phone(text: str) -> str:
    """The text with plain digits, blanks and dashes in the place of others that look like them, as pages have them."""
    return text if text.isascii() else unicodedata.normalize("NFKC", without_invisible(text)).translate(_DASHES)


def without_invisible(text: str) -> str:
    """The text without the marks of direction, joiners and the like that are copied along from pages."""
    return text if text.isascii() else "".join(each for each in text if unicodedata.category(each) != "Cf")


def normalize_phone(phone: str) -> str | None:
    """The digits, with an international prefix as `+` or `00` left out; None when it is no phone number."""
    if not _PHONE.fullmatch(phone):
        return None
    return _NO_DIGIT.sub("", phone).removeprefix("00") or None


def new_customer(
    customer_id: str, details: Details, now: datetime, key_of: KeyOf, *, edited: frozenset[str] = frozenset()
) -> Customer:
    """The first version of a customer."""
    return Customer(
        customer_id=customer_id,
        version=1,
        first_name=details.first_name,
        last_name=details.last_name,
        email=details.email,
        phone=details.phone,
        phone_key=key_of(details.phone) if details.phone else None,
        language=details.language,
        time_zone=details.time_zone,
        status="active",
        edited_fields=edited,
        created_at=now,
        changed_at=now,
    )


def learn(known: Customer | None, customer_id: str, details: Details, now: datetime, key_of: KeyOf) -> Customer | None:
    """The customer after a purchase that names it; None when that says nothing new.

    A purchase opens the record and fills in what is missing; it never overwrites and never brings back what an
    agent took away, and of an erased customer it teaches nothing.
    """
    if known is None:
        return new_customer(customer_id, details, now, key_of)
    if known.erased_at is not None:
        return None
    missing = {
        name: value
        for name in LEARNED_FIELDS
        if getattr(known, name) is None
        and name not in known.edited_fields
        and (value := getattr(details, name)) is not None
    }
    return _changed(known, _with_key(missing, key_of), now) if missing else None


def edit(known: Customer, values: Mapping[str, str | None], now: datetime, key_of: KeyOf) -> Customer | None:
    """The customer after an agent set these fields; None when they change nothing."""
    different = {name: value for name, value in values.items() if getattr(known, name) != value}
    if not different:
        return None
    changed = _changed(known, _with_key(different, key_of), now)
    return replace(changed, edited_fields=known.edited_fields | different.keys())


def merge(known: Customer, survivor_id: str, now: datetime) -> Customer:
    """The customer after it was found to be another one, whose id stands for both."""
    return _changed(known, {"merged_into": survivor_id}, now)


def unmerge(known: Customer, now: datetime) -> Customer:
    """The customer as one of its own again."""
    return _changed(known, {"merged_into": None}, now)


def erase(known: Customer, now: datetime) -> Customer:
    """What is left of a customer: ids, and that it is closed. Its record stays for the money that it speaks of."""
    return replace(_changed(known, ERASED_DETAILS, now), status="closed", status_reason="erased", erased_at=now)


def never_named(customer_id: str, now: datetime) -> Customer:
    """A customer of whom nothing but activities came, as it is before its first version."""
    blank = Details(first_name="Erased", last_name="customer")
    return replace(new_customer(customer_id, blank, now, lambda _: None), version=0)


def _with_key(values: Mapping[str, str | None], key_of: KeyOf) -> Mapping[str, str | None]:
    if "phone" not in values:
        return values
    phone = values["phone"]
    return {**values, "phone_key": key_of(phone) if phone else None}


def _changed(known: Customer, values: Mapping[str, str | None], now: datetime) -> Customer:
    return replace(known, **values, version=known.version + 1, changed_at=now)  # type: ignore[arg-type]
