"""What an operation may not look like is refused when the application is built."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import BaseModel, Field

from shared.contracts.base import Identifier
from shared.web import Page, RenderedReply, Reply, RequestModel, ResponseModel, operation, operations_of


class Path(RequestModel):
    customer_id: Identifier


class Unbounded(RequestModel):
    amount: int


class Lax(BaseModel):
    name: str


class LaxInside(RequestModel):
    inner: Lax


class Bounded(RequestModel):
    amount: int = Field(ge=0, lt=2**63)


class Answer(ResponseModel):
    name: str


Handler = Callable[..., Awaitable[Any]]


async def unknown_argument(request: Path) -> Answer:
    raise NotImplementedError


async def no_path() -> Answer:
    raise NotImplementedError


async def no_answer(path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN201
    raise NotImplementedError


async def unbounded(path: Path, body: Unbounded) -> Answer:
    raise NotImplementedError


async def unbounded_list(path: Path, body: list[Unbounded]) -> Answer:
    raise NotImplementedError


async def lax(path: Path, body: Lax) -> Answer:
    raise NotImplementedError


async def lax_inside(path: Path, body: LaxInside) -> Answer:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (unknown_argument, "a handler takes"),
        (no_path, "the fields of `path`"),
        (no_answer, "does not say what it returns"),
        (unbounded, "amount needs a lower and an upper bound"),
        (unbounded_list, "amount needs a lower and an upper bound"),
        (lax, "refuses unknown fields"),
        (lax_inside, "Lax accepts unknown fields"),
    ],
)
def test_what_does_not_fit_is_said(handler: Handler, complaint: str) -> None:
    declare = operation("POST", "/v1/customers/{customer_id}", permission="customers:write", summary="S")
    with pytest.raises(TypeError, match=complaint):
        operations_of(declare(handler))


def test_a_get_has_no_body() -> None:
    async def get(path: Path, body: Bounded) -> Answer:
        raise NotImplementedError

    declare = operation("GET", "/v1/customers/{customer_id}", permission="customers:read", summary="S")
    with pytest.raises(TypeError, match="a GET has no body"):
        operations_of(declare(get))


def test_an_unknown_permission_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="unknown permission"):
        operation("GET", "/v1/x", permission="everything:do", summary="S")  # type: ignore[arg-type]


def test_an_object_without_operations_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="declares no operation"):
        operations_of(object())


def test_the_answer_is_the_model_within() -> None:
    class Api:
        @operation("GET", "/v1/a", permission=None, summary="S", tags=("t",))
        async def a(self) -> Reply[Answer]:
            raise NotImplementedError

        @operation("GET", "/v1/b", permission=None, summary="S", tags=("t",))
        async def b(self) -> RenderedReply[Answer]:
            raise NotImplementedError

        @operation("GET", "/v1/c", permission=None, summary="S", tags=("t",))
        async def c(self) -> Page[Answer]:
            raise NotImplementedError

        @operation("DELETE", "/v1/d", permission=None, summary="S", tags=("t",), status=204)
        async def d(self) -> None:
            raise NotImplementedError

    found = {found.operation_id: found for found in operations_of(Api())}
    assert list(found) == ["a", "b", "c", "d"]
    for name in ("a", "b"):
        response = found[name].response
        assert response is not None
        assert response.json_schema()["title"] == "Answer"
    assert found["c"].is_paged
    assert found["d"].response is None
