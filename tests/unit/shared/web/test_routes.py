"""The tree of paths: what it finds, and what it leaves to aiohttp."""

import pytest

from shared.web.routes import Routes


@pytest.fixture
def routes() -> Routes[str]:
    found: Routes[str] = Routes()
    for method, template in [
        ("GET", "/v1/customers"),
        ("POST", "/v1/customers"),
        ("GET", "/v1/customers/{customer_id}"),
        ("GET", "/v1/customers/search"),
        ("GET", "/v1/customers/{customer_id}/transactions/{seq}"),
        ("GET", "/v1/tickets/{ticket_id}"),
    ]:
        found.add(method, template, f"{method} {template}")
    return found


@pytest.mark.parametrize(
    ("method", "path", "target", "values"),
    [
        ("GET", "/v1/customers", "GET /v1/customers", {}),
        ("POST", "/v1/customers", "POST /v1/customers", {}),
        ("GET", "/v1/customers/c1", "GET /v1/customers/{customer_id}", {"customer_id": "c1"}),
        ("GET", "/v1/customers/search", "GET /v1/customers/search", {}),
        (
            "GET",
            "/v1/customers/c1/transactions/7",
            "GET /v1/customers/{customer_id}/transactions/{seq}",
            {"customer_id": "c1", "seq": "7"},
        ),
        ("GET", "/v1/tickets/t1", "GET /v1/tickets/{ticket_id}", {"ticket_id": "t1"}),
    ],
)
def test_a_plain_path_is_found(
    routes: Routes[str], method: str, path: str, target: str, values: dict[str, str]
) -> None:
    assert routes.find(method, path) == (target, values)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/customers/c1"),
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/v1"),
        ("GET", "/v1/customers/"),
        ("GET", "/v1/customers//transactions/7"),
        ("GET", "/v1/customers/c1/"),
        ("GET", "/v1/customers/c%31"),
        ("GET", "/v1/tickets/t1/more"),
    ],
)
def test_all_else_is_not(routes: Routes[str], method: str, path: str) -> None:
    assert routes.find(method, path) is None
