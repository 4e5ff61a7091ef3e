"""Bases of request and response bodies. Field types such as `Identifier` come from `shared.contracts`."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from shared.contracts.base import END_OF_TIME, FIRST_MOMENT, NO_NUL
from shared.contracts.moments import WrittenOut


def _in_utc(moment: datetime) -> datetime:
    if not FIRST_MOMENT <= moment < END_OF_TIME:
        raise ValueError("The year is not between 1900 and 9998.")
    return moment.astimezone(UTC)


# A time with its zone in a request, as UTC, that every clock and database can hold.
Instant = Annotated[AwareDatetime, WrittenOut(), AfterValidator(_in_utc)]

# What a person writes, such as a reason: blanks alone say nothing.
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=NO_NUL)]


def in_words(message: str) -> WrapValidator:
    """Say `message` of a text that its pattern refuses: the pattern tells people nothing."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if error.errors(include_input=False)[0]["type"] == "string_pattern_mismatch":
                raise ValueError(message) from None
            raise

    return WrapValidator(check)


class WrongFieldError(ValueError):
    """What a validator of a whole model raises when one field is to blame."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


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


ModelT = TypeVar("ModelT", bound=RequestModel)


def refuse_nulls(changes: RequestModel, *names: str) -> None:
    """Refuse an edit that takes away what has to be there; what is not given at all stays as it is.

    Raises:
        WrongFieldError: it names the field.
    """
    for name in names:
        if name in changes.model_fields_set and getattr(changes, name) is None:
            raise WrongFieldError(name, "It cannot be taken away.")


def require_order(*ranges: tuple[str, str]) -> Any:
    """A validator to be named in the class of a query: refuses a range whose end is before its beginning.

    It would find nothing, and hardly anybody means that. Each range names two fields; the problem names the later one.
    """

    def in_order(query: ModelT) -> ModelT:
        for low, high in ranges:
            first, last = getattr(query, low), getattr(query, high)
            if first is not None and last is not None and last < first:
                raise WrongFieldError(high, f"It is below {low}." if isinstance(last, int) else f"It is before {low}.")
        return query

    return model_validator(mode="after")(in_order)


class ResponseModel(BaseModel):
    """Base of response bodies; `from_attributes` makes one from a row or a domain object."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
