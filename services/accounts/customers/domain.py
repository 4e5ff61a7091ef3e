"""What may change about a customer, and who may change it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Status = Literal["active", "suspended", "closed"]

_PHONE = re.compile(r"[0-9+() ./-]+")
_NO_DIGIT = re.compile(r"[^0-9]")

LEARNED_FIELDS = ("email", "phone", "language")
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
    """A customer as it is at `version`. `edited_fields` were set by an agent and are no longer learned."""

    customer_id: str
    version: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    language: str | None
    time_zone: str | None
    status: Status
    edited_fields: frozenset[str]
    created_at: datetime
    changed_at: datetime

    @property
    def email_key(self) -> str | None:
        """The address as lookups compare it."""
        return normalize_email(self.email) if self.email else None

    @property
    def phone_key(self) -> str | None:
        """The number as lookups compare it."""
        return normalize_phone(self.phone) if self.phone else None


def normalize_email(email: str) -> str:
    """Without surrounding blanks and case: no mail provider of note tells addresses apart by case."""
    return email.strip().lower()


def normalize_phone(phone: str) -> str | None:
    """The digits, with an international prefix as `+` or `00` left out; None when it is no phone number.

    A national number stays as it is: the country that it belongs to is not known.
    """
    if not _PHONE.fullmatch(phone):
        return None
    return _NO_DIGIT.sub("", phone).removeprefix("00") or None


def new_customer(
    customer_id: str, details: Details, now: datetime, *, edited: frozenset[str] = frozenset()
) -> Customer:
    """The first version of a customer."""
    return Customer(
        customer_id=customer_id,
        version=1,
        first_name=details.first_name,
        last_name=details.last_name,
        email=details.email,
        phone=details.phone,
        language=details.language,
        time_zone=details.time_zone,
        status="active",
        edited_fields=edited,
        created_at=now,
        changed_at=now,
    )


def learn(known: Customer | None, customer_id: str, details: Details, now: datetime) -> Customer | None:
    """The customer after a purchase that names it; None when that says nothing new.

    A purchase opens the record and fills in what is missing; it never overwrites and never brings back what an
    agent took away.
    """
    if known is None:
        return new_customer(customer_id, details, now)
    missing = {
        name: value
        for name in LEARNED_FIELDS
        if getattr(known, name) is None
        and name not in known.edited_fields
        and (value := getattr(details, name)) is not None
    }
    return _changed(known, missing, now) if missing else None


def edit(known: Customer, values: Mapping[str, str | None], now: datetime) -> Customer | None:
    """The customer after an agent set these fields; None when they change nothing."""
    different = {name: value for name, value in values.items() if getattr(known, name) != value}
    if not different:
        return None
    return replace(_changed(known, different, now), edited_fields=known.edited_fields | different.keys())


def _changed(known: Customer, values: Mapping[str, str | None], now: datetime) -> Customer:
    return replace(known, **values, version=known.version + 1, changed_at=now)  # type: ignore[arg-type]
