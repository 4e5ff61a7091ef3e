"""Bases of request and response bodies. Field types such as `Identifier` come from `shared.contracts`."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict


def _in_utc(moment: datetime) -> datetime:
    # The ends of the calendar cannot be moved to another time zone.
    if not 1900 <= moment.year <= 9998:
        raise ValueError("The year is not between 1900 and 9998.")
    return moment.astimezone(UTC)


# A time with its zone in a request, as UTC, that every clock and database can hold.
Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]


def _is_flag(value: object) -> object:
    # To Python 1 and 1.0 are True as well.
    if value is not None and not isinstance(value, bool):
        raise ValueError("Input should be true.")
    return value


# An explicit confirmation in a request.
ConfirmFlag = Annotated[Literal[True], BeforeValidator(_is_flag)]


class RequestModel(BaseModel):
    """Base of bodies, queries and path parameters: a field it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ResponseModel(BaseModel):
    """Base of response bodies; `from_attributes` makes one from a row or a domain object."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
