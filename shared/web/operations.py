"""Operations declared once: the handler's signature says what it takes and answers, the decorator the rest.

    @operation("POST", "/v1/customers/{customer_id}/withdrawals", permission="ledger:withdraw", status=201,
               idempotent=True, summary="Pay money out", tags=("ledger",), problems=(CUSTOMER_NOT_FOUND,))
    async def withdraw(self, ctx: RequestContext, path: CustomerPath, body: Order) -> Reply[Withdrawal]:

A handler takes any of `ctx`, `path`, `query`, `body`. The models are resolved once, when the application is
built, and both the validation of requests and the OpenAPI document come from them.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Literal, TypeVar

from shared.web.permissions import PERMISSIONS, Permission
from shared.web.problems import ProblemType
from shared.web.signatures import Declaration, Method, Operation, resolve

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])

_DECLARATION = "__recourse_operation__"


def operation(
    method: Method,
    path: str,
    *,
    permission: Permission | None,
    summary: str,
    tags: Sequence[str] = (),
    status: int = 200,
    idempotent: bool = False,
    if_match: bool | Literal["optional"] = False,
    problems: Sequence[ProblemType] = (),
    produces: str = "application/json",
) -> Callable[[Handler], Handler]:
    """Declare a handler as an operation. Its docstring becomes the description, its name the operation id.

    Args:
        permission: what the caller's role must include; None lets everybody in, without a token.
        status: of a successful answer.
        idempotent: requires an Idempotency-Key; answer through `ctx.once` or `claim` and `record`.
        if_match: requires If-Match (428), or takes it when it is sent; compare with `ctx.require_version` (412).
        problems: what it may refuse besides the problems every operation has.
        produces: media type of a `Stream` answer.
    """
    if permission is not None and permission not in PERMISSIONS:
        raise ValueError(f"{method} {path}: unknown permission {permission}")
    return _declaring(
        Declaration(
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
    )


def _declaring(declaration: Declaration) -> Callable[[Handler], Handler]:
    def declare(handler: Handler) -> Handler:
        setattr(handler, _DECLARATION, declaration)
        return handler

    return declare


def operations_of(*sources: object) -> list[Operation]:
    """The operations among `sources`: declared functions, or objects with declared methods, in their order.

    Raises:
        TypeError: a signature does not fit its declaration.
    """
    return [
        resolve(handler, getattr(handler, _DECLARATION)) for source in sources for handler in _declared_handlers(source)
    ]


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
