"""Bodies of the operations on customers."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from services.accounts.activity.models import ActivityView
from services.accounts.customers.domain import Status, plain_phone, without_invisible
from services.accounts.customers.profile import Account, Profile
from shared.contracts.base import Language
from shared.time_zones import zone_named
from shared.web import Personal, Prose, RequestModel, ResponseModel, WrongFieldError, in_words, refuse_nulls


def known_time_zone(name: str) -> str:
    """The name, if the IANA time zone database has it."""
    if zone_named(name) is None:
        raise ValueError("No time zone has this name.")
    return name


def visible(name: str) -> str:
    """The name, if it has anything that can be seen."""
    if all(unicodedata.category(character)[0] in "CZ" for character in name):
        raise ValueError("There is nothing to be seen in it.")
    return name


# One line: names stand in the heads of mails.
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"),
    AfterValidator(visible),
    in_words("A name is one line of text."),
]
# One address that mail can be sent to and nothing around it, such as `<...>` of a mail program.
_ATOM = r"[^@.\s\x00<>()\[\],;\"]+"
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=rf"^{_ATOM}(\.{_ATOM})*@{_ATOM}(\.{_ATOM})*$"),
    BeforeValidator(lambda text: without_invisible(text) if isinstance(text, str) else text),
    in_words("Not an e-mail address, such as ada@example.com."),
]
# What events may say, and with a digit: a number without one could not be looked up. One pattern, since of two
# the later one alone would count.
Phone = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=40, pattern=r"^[0-9+() ./-]*[0-9][0-9+() ./-]*$"),
    BeforeValidator(lambda text: plain_phone(text) if isinstance(text, str) else text),
    in_words("Not a phone number: digits, and + ( ) . / - or blanks between them, without an extension."),
]
TimeZone = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,64}$"),
    AfterValidator(known_time_zone),
    in_words("No time zone has this name."),
]
LanguageTag = Annotated[Language, in_words("Not a language tag, such as en or pt-BR.")]


class Registration(RequestModel):
    """A customer to register."""

    first_name: Name
    last_name: Name
    email: Email
    phone: Phone
    language: LanguageTag | None = None
    time_zone: TimeZone | None = Field(default=None, description="A name of the IANA time zone database.")


class Changes(RequestModel):
    """Fields to change; those that are absent stay as they are. null takes a detail away."""

    first_name: Name | None = None
    last_name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    language: LanguageTag | None = None
    time_zone: TimeZone | None = Field(default=None, description="A name of the IANA time zone database.")
    status: Status | None = None
    status_reason: Prose | None = Field(default=None, description="Why; required with `status`.")

    @model_validator(mode="after")
    def _some_cannot_be_taken_away(self) -> Self:
        refuse_nulls(self, "first_name", "last_name", "status")
        if self.status is not None and self.status_reason is None:
            raise WrongFieldError("status_reason", "Say why the status changes.")
        if self.status is None and self.status_reason is not None:
            raise WrongFieldError("status", "A status_reason goes with a status.")
        return self

    def given(self) -> dict[str, str | None]:
        """The fields that the caller named."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class CustomerView(ResponseModel):
    """A customer's details."""

    customer_id: str
    version: int
    first_name: str
    last_name: str
    email: Annotated[str | None, Personal("email")]
    phone: Annotated[str | None, Personal("phone")]
    language: str | None
    time_zone: str | None
    status: Status
    status_reason: Annotated[str | None, Personal("prose")]
    created_at: datetime
    changed_at: datetime
    erased_at: datetime | None = Field(description="Since when nothing personal is kept of the customer.")
    merged_into: str | None = Field(description="The customer that this one was found to be.")


class AccountSummary(ResponseModel):
    """The customer's account: `balance` in minor units of `currency`, which the first movement fixes."""

    balance: int
    currency: str | None


class ProfileView(CustomerView):
    """A customer's details with the account. `merged_ids` are other ids of the same customer; money is of all."""

    account: AccountSummary
    merged_ids: list[str]

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The view of a stored profile."""
        return cls(**_fields_of(profile))


class Sum(ResponseModel):
    """Booked movements of one kind: their sum in minor units, and how many there are."""

    total: int
    count: int


class AccountBalance(ResponseModel):
    """What lies on the account of one id."""

    customer_id: str
    currency: str | None
    balance: int


class FinancialSummary(ResponseModel):
    """The money of a customer in minor units of `currency`; only booked movements count.

    `accounts` has one line for each id of the customer: a withdrawal is made from one of them.
    """

    currency: str | None
    balance: int
    available: int = Field(description="The balance less what pending withdrawals hold.")
    deposits: Sum
    purchases: Sum
    reversals: Sum
    withdrawals: Sum
    adjustments: Sum = Field(description="Money in less money out.")
    last_movement_at: datetime | None
    accounts: list[AccountBalance]

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The summary of all accounts of a profile."""
        united: Account = profile.united
        moved = united.totals
        return cls(
            currency=united.currency,
            balance=united.balance,
            available=united.balance - united.held,
            deposits=Sum(total=moved.deposits, count=moved.deposit_count),
            purchases=Sum(total=moved.purchases, count=moved.purchase_count),
            reversals=Sum(total=moved.reversals, count=moved.reversal_count),
            withdrawals=Sum(total=moved.withdrawals, count=moved.withdrawal_count),
            adjustments=Sum(total=moved.adjustments, count=moved.adjustment_count),
            last_movement_at=united.last_movement_at,
            accounts=[
                AccountBalance(customer_id=each.customer_id, currency=each.currency, balance=each.balance)
                for each in profile.accounts
            ],
        )


class FullProfileView(ProfileView):
    """All that an agent sees first of a customer: details, money, and the last activities, the newest first."""

    financial_summary: FinancialSummary
    recent_activities: list[ActivityView]

    @classmethod
    def with_activities(cls, profile: Profile, activities: Sequence[object]) -> Self:
        """The view of a stored profile with its last activities."""
        return cls(
            **_fields_of(profile),
            financial_summary=FinancialSummary.of(profile),
            recent_activities=[ActivityView.model_validate(each) for each in activities],
        )


def _fields_of(profile: Profile) -> dict[str, Any]:
    united = profile.united
    details = CustomerView.model_validate(profile.customer)
    account = AccountSummary(balance=united.balance, currency=united.currency)
    return {**dict(details), "account": account, "merged_ids": profile.merged_ids}
