"""Bodies of the operations on customers."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from services.accounts.customers.domain import Status
from services.accounts.customers.store import Profile
from shared.contracts.base import NO_NUL, EmailAddress, Language, PhoneNumber
from shared.web import PageQuery, Personal, RequestModel, ResponseModel

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)]
Email = Annotated[EmailAddress, StringConstraints(strip_whitespace=True)]
# A number without a digit could not be looked up.
Phone = Annotated[PhoneNumber, StringConstraints(strip_whitespace=True, pattern=r"[0-9]")]
TimeZone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")]


class Registration(RequestModel):
    """A customer to register."""

    first_name: Name
    last_name: Name
    email: Email
    phone: Phone
    language: Language | None = None
    time_zone: TimeZone | None = Field(default=None, description="A name of the IANA time zone database.")


class Changes(RequestModel):
    """Fields to change; those that are absent stay as they are. null takes a detail away."""

    first_name: Name | None = None
    last_name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    language: Language | None = None
    time_zone: TimeZone | None = Field(default=None, description="A name of the IANA time zone database.")
    status: Status | None = None

    @model_validator(mode="after")
    def _some_cannot_be_taken_away(self) -> Self:
        for name in ("first_name", "last_name", "status"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        return self

    def given(self) -> dict[str, str | None]:
        """The fields that the caller named."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class CustomerQuery(PageQuery):
    """Exact lookups, apart from blanks and case; what is given is combined by `or`."""

    q: str | None = Field(default=None, min_length=1, max_length=254, description="An id, e-mail or phone number.")
    email: str | None = Field(default=None, min_length=1, max_length=254)
    phone: str | None = Field(default=None, min_length=1, max_length=40)


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
    created_at: datetime
    changed_at: datetime


class AccountSummary(ResponseModel):
    """The customer's account: `balance` in minor units of `currency`, which the first movement fixes."""

    balance: int
    currency: str | None


class ProfileView(CustomerView):
    """A customer's details with the account."""

    account: AccountSummary

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The view of a stored profile."""
        details = CustomerView.model_validate(profile.customer)
        account = AccountSummary(balance=profile.balance, currency=profile.currency)
        return cls(**dict(details), account=account)
