"""From bytes and strings to validated models, and from what is wrong with them to a problem document."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import orjson
from aiohttp import hdrs, web
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from shared.web.compression import unpacked
from shared.web.models import RequestModel, WrongFieldError
from shared.web.problems import (
    MALFORMED_JSON,
    MALFORMED_REQUEST,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_FAILED,
    FieldError,
    Problem,
)

ModelT = TypeVar("ModelT", bound=RequestModel)

_MAX_ERRORS = 20
_SMALL_BYTES = 64 * 1024
_MAX_NAME_LENGTH = 200
_DIGITS = re.compile(r"[+-]?[0-9]+")
_NO_NUMBER = "Input should be a valid integer, in digits."
_REPEATED = "It is given more than once."
_NUL = "The character U+0000 is not allowed."


async def read_body(request: web.Request) -> bytes:
    """The body of a request that says it is JSON.

    Raises:
        Problem: 415 `unsupported_media_type`, 413 `body_too_large`, 400 `malformed_request` when it cannot be read.
    """
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise UNSUPPORTED_MEDIA_TYPE("Send the body as application/json in UTF-8.")
    content = request.content
    try:
        is_there = content.is_eof() and content.total_bytes <= _SMALL_BYTES
        body = content.read_nowait() if is_there else await request.read()
    except (web.RequestPayloadError, ConnectionResetError) as error:
        raise MALFORMED_REQUEST("The body could not be read.") from error
    coding = request.headers.get(hdrs.CONTENT_ENCODING)
    return unpacked(body, coding.strip().lower(), limit=request.client_max_size) if coding else body


def parse_body(adapter: TypeAdapter[Any], body: bytes) -> Any:
    """The validated body. Nothing is taken for what it is not: neither `"100"` nor `true` is a number.

    Raises:
        Problem: 400 `malformed_json` or 422 `validation_failed`.
    """
    if not body:
        raise MALFORMED_JSON("The body is empty.")
    try:
        value = adapter.validate_json(body, strict=True)
    except ValidationError as error:
        raise _problem_of(error, "body", body) from None
    if b"\\u0000" in body and (nul := list(_fields_with_nul(orjson.loads(body), "body"))):
        raise _refused(nul, _NUL)
    return value


def parse_path(model: type[ModelT], values: Mapping[str, str]) -> ModelT:
    """The validated path parameters.

    Raises:
        Problem: 422 `validation_failed`.
    """
    return _parse_strings(model, dict(values), "path")


def parse_query(model: type[ModelT], request: web.Request) -> ModelT:
    """The validated query; a parameter may be given more than once when its field is a list.

    Raises:
        Problem: 422 `validation_failed`.
    """
    if not request.query_string:
        return _parse_strings(model, {}, "query")
    values: dict[str, Any] = {}
    for name, value in request.query.items():
        values.setdefault(name, []).append(value)
    lists = _lists(model)
    if repeated := [_name("query", (name,)) for name, given in values.items() if len(given) > 1 and name not in lists]:
        raise _refused(repeated, _REPEATED)
    return _parse_strings(
        model, {name: given if name in lists else given[0] for name, given in values.items()}, "query"
    )


@cache
def _lists(model: type[RequestModel]) -> frozenset[str]:
    kinds = {list, tuple, set, frozenset}
    return frozenset(name for name, field in model.model_fields.items() if get_origin(field.annotation) in kinds)


def _parse_strings(model: type[ModelT], values: dict[str, Any], place: str) -> ModelT:
    if nul := list(_fields_with_nul(values, place)):
        raise _refused(nul, _NUL)
    # pydantic would take "10.00" and "1_0" for ten, which is hardly meant by an amount in minor units.
    if wrong := [name for name in values.keys() & _whole_numbers(model) if not _DIGITS.fullmatch(values[name])]:
        raise _refused([_name(place, (name,)) for name in sorted(wrong)], _NO_NUMBER)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _problem_of(error, place) from None


@cache
def _whole_numbers(model: type[RequestModel]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if _is_whole_number(field.annotation))


def _is_whole_number(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_whole_number(get_args(annotation)[0])
    return annotation is int or (
        get_origin(annotation) in {Union, UnionType} and any(map(_is_whole_number, get_args(annotation)))
    )


def _refused(fields: Sequence[str], message: str) -> Problem:
    """The same is wrong with all of these, as `_name` names them."""
    errors: list[FieldError] = [{"field": field, "message": message} for field in fields[:_MAX_ERRORS]]
    return VALIDATION_FAILED(errors=errors)


def _problem_of(error: ValidationError, place: str, body: bytes | None = None) -> Problem:
    details = error.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        return MALFORMED_JSON(details[0]["msg"])
    sent = None if body is None else from_json(body)
    return VALIDATION_FAILED(errors=[_field_error(detail, place, sent) for detail in details[:_MAX_ERRORS]])


def _field_error(detail: ErrorDetails, place: str, sent: Any) -> FieldError:
    cause = detail.get("ctx", {}).get("error")
    location = detail["loc"] if sent is None else tuple(_without_tags(detail["loc"], sent))
    if isinstance(cause, WrongFieldError):
        location = (*location, cause.field)
    # Of what a validator of ours says, pydantic makes "Value error, ...".
    return {"field": _name(place, location), "message": detail["msg"] if cause is None else str(cause)}


def _without_tags(location: tuple[int | str, ...], sent: Any) -> Iterable[int | str]:
    """The place of an error in what was sent: pydantic also names which model of a union it took."""
    for part, following in pairwise(location):
        inside = _inside(sent, part)
        if isinstance(inside, list if isinstance(following, int) else dict) or following == "[key]":
            sent = inside
            yield part
    yield from location[-1:]


def _inside(value: Any, part: int | str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


def _name(place: str, location: Iterable[int | str]) -> str:
    name = ".".join([place, *(str(part) for part in location)])[:_MAX_NAME_LENGTH]
    # The names of unknown fields are the caller's own and need not be text.
    return name.encode(errors="replace").decode()


def _fields_with_nul(value: Any, name: str) -> Iterable[str]:
    if isinstance(value, str):
        if "\x00" in value:
            yield _name(name, ())
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _fields_with_nul(key, name)
        yield from _fields_with_nul(item, f"{name}.{key}")
