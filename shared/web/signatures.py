"""What an operation is: its declaration, and what its handler's signature says."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import GenericAlias
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter

from shared.web.models import RequestModel
from shared.web.paging import Page, Rows
from shared.web.permissions import Permission
from shared.web.personal import is_personal
from shared.web.problems import ProblemType
from shared.web.replies import RenderedReply, Reply, Stream

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_ARGUMENTS = frozenset({"ctx", "path", "query", "body"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the decorator says of an operation."""

    method: Method
    path: str
    permission: Permission | None
    summary: str
    tags: tuple[str, ...]
    status: int
    idempotent: bool
    if_match: bool | Literal["optional"]
    problems: tuple[ProblemType, ...]
    produces: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A declaration with its handler and the models of its signature; no `response` is an empty answer.

    `is_personal`: the answer has fields that not everybody may see. `has_etag`: a GET whose `Reply` says its version.
    """

    declared: Declaration
    operation_id: str
    description: str
    handler: Callable[..., Awaitable[Any]]
    arguments: tuple[str, ...]
    path_model: type[RequestModel] | None
    query_model: type[RequestModel] | None
    body: TypeAdapter[Any] | None
    response: TypeAdapter[Any] | None
    is_paged: bool
    is_personal: bool
    has_etag: bool


def resolve(handler: Callable[..., Awaitable[Any]], declared: Declaration) -> Operation:
    """The operation a declared handler is.

    Raises:
        TypeError: its signature does not fit the declaration.
    """
    function = getattr(handler, "__func__", handler)
    return replace(_resolve(function, declared, is_method=function is not handler), handler=handler)


@cache
def _resolve(function: Callable[..., Awaitable[Any]], declared: Declaration, *, is_method: bool) -> Operation:
    where = f"{declared.method} {declared.path} ({getattr(function, '__qualname__', function)})"
    hints = get_type_hints(inspect.unwrap(function))
    arguments = tuple(inspect.signature(function).parameters)[is_method:]
    if unknown := set(arguments) - _ARGUMENTS:
        raise TypeError(f"{where}: a handler takes {sorted(_ARGUMENTS)}, not {sorted(unknown)}")
    path_model = _parameters_model(hints.get("path"), where)
    query_model = _parameters_model(hints.get("query"), where)
    if set(_PATH_PARAMETER.findall(declared.path)) != set(path_model.model_fields if path_model else ()):
        raise TypeError(f"{where}: the fields of `path` are not the parameters of the path")
    if "body" in arguments and declared.method in {"GET", "DELETE"}:
        raise TypeError(f"{where}: a {declared.method} has no body")
    body = _body_adapter(hints.get("body"), where)
    requested: list[type[RequestModel] | TypeAdapter[Any] | None] = [path_model, query_model, body]
    for model in requested:
        if model is not None:
            _refuse_loose_parts(model, where)
    answer = _answer_type(hints, where)
    response: TypeAdapter[Any] | None = None if answer in {type(None), Stream} else TypeAdapter(answer)
    return Operation(
        declared=declared,
        operation_id=str(getattr(function, "__name__", "")),
        description=inspect.cleandoc(function.__doc__ or ""),
        handler=function,
        arguments=arguments,
        path_model=path_model,
        query_model=query_model,
        body=body,
        response=response,
        is_paged=get_origin(answer) is Page,
        is_personal=response is not None and is_personal(response.json_schema(mode="serialization")),
        has_etag=declared.method == "GET" and get_origin(hints["return"]) is Reply,
    )


def _parameters_model(hint: Any, where: str) -> type[RequestModel] | None:
    if hint is None:
        return None
    if not (isinstance(hint, type) and issubclass(hint, RequestModel)):
        raise TypeError(f"{where}: `path` and `query` are subclasses of RequestModel")
    return hint


def _body_adapter(hint: Any, where: str) -> TypeAdapter[Any] | None:
    if hint is None:
        return None
    if isinstance(hint, type) and issubclass(hint, BaseModel) and not issubclass(hint, RequestModel):
        raise TypeError(f"{where}: `body` is a subclass of RequestModel, which refuses unknown fields")
    return TypeAdapter(hint)


def _refuse_loose_parts(model: type[RequestModel] | TypeAdapter[Any], where: str) -> None:
    """Refuse models, nested ones too, that would let in what only the database refuses, or ignore a field."""
    schema = model.json_schema() if isinstance(model, TypeAdapter) else model.model_json_schema()
    for name, part in _schemas_in(schema, "request"):
        if part.get("type") == "integer" and not _is_bounded(part):
            raise TypeError(f"{where}: the integer {name} needs a lower and an upper bound")
        if "properties" in part and part.get("type") == "object" and part.get("additionalProperties", True):
            raise TypeError(f"{where}: {name} accepts unknown fields; make it a subclass of RequestModel")


def _is_bounded(integer: dict[str, Any]) -> bool:
    low, high = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
    return bool({"const", "enum"} & integer.keys() or (low & integer.keys() and high & integer.keys()))


def _schemas_in(schema: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield name, schema
        for key, part in schema.items():
            yield from _schemas_in(part, key)
    elif isinstance(schema, list):
        for part in schema:
            yield from _schemas_in(part, name)


def _answer_type(hints: dict[str, Any], where: str) -> Any:
    if "return" not in hints:
        raise TypeError(f"{where}: the handler does not say what it returns")
    hint = hints["return"]
    inner = get_args(hint)
    if get_origin(hint) is Rows:
        return GenericAlias(Page, inner)
    return inner[0] if get_origin(hint) in {Reply, RenderedReply} else hint
