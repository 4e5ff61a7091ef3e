"""Operations declared once: the handler's signature says what it takes and answers, the decorator the rest.

    @operation("POST", "/v1/customers/{customer_id}/withdrawals", permission="ledger:withdraw", status=201,
               idempotent=True, summary="Pay money out", tags=("ledger",), problems=(CUSTOMER_NOT_FOUND,))
    async def withdraw(self, ctx: RequestContext, path: CustomerPath, body: Order) -> Reply[Withdrawal]:

A handler takes any of `ctx`, `path`, `query`, `body`. The models are resolved once, when the application is
built, and both the validation of requests and the OpenAPI document come from them.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter

from shared.web.models import RequestModel
from shared.web.paging import Page
from shared.web.permissions import PERMISSIONS, Permission
from shared.web.problems import ProblemType
from shared.web.replies import Content, RenderedReply, Reply

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])

_DECLARATION = "__recourse_operation__"
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
    if_match: bool
    problems: tuple[ProblemType, ...]
    produces: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A declaration with its handler and the models of its signature; no `response` is an empty answer."""

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


def operation(
    method: Method,
    path: str,
    *,
    permission: Permission | None,
    summary: str,
    tags: Sequence[str] = (),
    status: int = 200,
    idempotent: bool = False,
    if_match: bool = False,
    problems: Sequence[ProblemType] = (),
    produces: str = "application/json",
) -> Callable[[Handler], Handler]:
    """Declare a handler as an operation. Its docstring becomes the description, its name the operation id.

    Args:
        permission: what the caller's role must include; None lets everybody in, without a token.
        status: of a successful answer.
        idempotent: requires an Idempotency-Key; answer through `ctx.once` or `claim` and `record`.
        if_match: requires If-Match (428); compare with `ctx.require_version` (412).
        problems: what it may refuse besides the problems every operation has.
        produces: media type of a `Content` answer.
    """
    if permission is not None and permission not in PERMISSIONS:
        raise ValueError(f"{method} {path}: unknown permission {permission}")
    declaration = Declaration(
        method=method,
        path=path,
        permission=permission,
        summary=summary,
        tags=tuple(tags),
        status=status,
        idempotent=idempotent,
        if_match=if_match,
        problems=tuple(problems),
        produces=produces,
    )

    def declare(handler: Handler) -> Handler:
        setattr(handler, _DECLARATION, declaration)
        return handler

    return declare


def operations_of(*sources: object) -> list[Operation]:
    """The operations among `sources`: declared functions, or objects with declared methods, in their order.

    Raises:
        TypeError: a signature does not fit its declaration.
    """
    return [_resolve(handler) for source in sources for handler in _declared_handlers(source)]


def _declared_handlers(source: object) -> Iterator[Callable[..., Awaitable[Any]]]:
    if hasattr(source, _DECLARATION):
        if callable(source):
            yield source
        return
    names = [name for base in type(source).__mro__ for name in vars(base)]
    found = [name for name in dict.fromkeys(names) if hasattr(getattr(type(source), name), _DECLARATION)]
    if not found:
        raise TypeError(f"{source!r} declares no operation")
    for name in found:
        yield getattr(source, name)


def _resolve(handler: Callable[..., Awaitable[Any]]) -> Operation:
    declared: Declaration = getattr(handler, _DECLARATION)
    where = f"{declared.method} {declared.path} ({getattr(handler, '__qualname__', handler)})"
    hints = get_type_hints(inspect.unwrap(handler))
    arguments = tuple(inspect.signature(handler).parameters)
    if unknown := set(arguments) - _ARGUMENTS:
        raise TypeError(f"{where}: a handler takes {sorted(_ARGUMENTS)}, not {sorted(unknown)}")
    path_model = _parameters_model(hints.get("path"), where)
    if set(_PATH_PARAMETER.findall(declared.path)) != set(path_model.model_fields if path_model else ()):
        raise TypeError(f"{where}: the fields of `path` are not the parameters of the path")
    if "body" in arguments and declared.method in {"GET", "DELETE"}:
        raise TypeError(f"{where}: a {declared.method} has no body")
    answer = _answer_type(hints, where)
    return Operation(
        declared=declared,
        operation_id=str(getattr(handler, "__name__", "")),
        description=inspect.cleandoc(handler.__doc__ or ""),
        handler=handler,
        arguments=arguments,
        path_model=path_model,
        query_model=_parameters_model(hints.get("query"), where),
        body=_body_adapter(hints.get("body"), where),
        response=None if answer in {type(None), Content} else TypeAdapter(answer),
        is_paged=get_origin(answer) is Page,
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


def _answer_type(hints: dict[str, Any], where: str) -> Any:
    if "return" not in hints:
        raise TypeError(f"{where}: the handler does not say what it returns")
    hint = hints["return"]
    return get_args(hint)[0] if get_origin(hint) in {Reply, RenderedReply} else hint
