"""Each operation, called with whatever its OpenAPI document allows and with what it does not: no 500, and no answer
that the document does not name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.local.stack import Stack
from shared.messaging import EventPublisher, KafkaSettings
from tests.support.messaging import eventually
from tests.support.stack import Infra, stack_factory
from tests.support.tickets import purchase

SERVICES = ("accounts", "tickets", "notifications", "loyalty")
CUSTOMER, ORDER, TICKETS = "cus-known", "ord-known", ("tic-known-1", "tic-known-2")
# Half of the calls name something that exists, where the path names a thing of that kind.
KNOWN = {"customer_id": [CUSTOMER], "order_id": [ORDER], "ticket_id": list(TICKETS)}
CALLS_EACH = 6
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def stack(infra: Infra) -> Iterator[Stack]:
    """All services as processes, and a customer with an order."""
    with stack_factory(infra) as build:
        running = build(services=SERVICES, mail=True)
        running.up()
        asyncio.run(_fill(running))
        yield running


async def _fill(stack: Stack) -> None:
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    headers = {"Authorization": f"Bearer {stack.token(role='administrator')}"}
    async with EventPublisher(kafka, source="tests/shop") as publisher, aiohttp.ClientSession(headers=headers) as http:
        await publisher.publish(purchase(CUSTOMER, ORDER, *TICKETS))

        async def is_paid() -> bool:
            async with http.get(f"{stack.service_url('tickets')}/v1/tickets/{TICKETS[0]}") as answer:
                return answer.status == 200 and (await answer.json())["status"] == "paid"

        await eventually(is_paid, seconds=60)


def _operations(stack: Stack, service: str) -> Iterator[Any]:
    schema: Any = schemathesis.openapi.from_url(f"{stack.service_url(service)}/openapi.json")
    for result in schema.get_all_operations():
        yield result.ok()


def _call(operation: Any, headers: dict[str, str], mode: GenerationMode) -> None:
    @settings(
        max_examples=CALLS_EACH, deadline=None, database=None, phases=[Phase.generate], derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def call(case: Any, data: st.DataObject) -> None:
        for name in case.path_parameters or {}:
            if name in KNOWN and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(KNOWN[name]))
        response = case.call(headers=headers, timeout=20)
        if case.method == "GET" and response.status_code == 200:
            documented = operation.definition.raw["responses"]["200"].get("headers", {})
            assert ("etag" in response.headers) == ("ETag" in documented), case.as_curl_command()
        try:
            case.validate_response(response, checks=CHECKS, headers=headers)
        except* Exception as group:  # noqa: BLE001 - told with what was asked and answered
            asked, answered = case.as_curl_command(), response.text[:300]
            raise AssertionError(f"{group.exceptions[0]}\n{asked}\n{answered}") from None

    call()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_answers_as_its_document_says(stack: Stack, service: str, mode: GenerationMode) -> None:
    headers = {"Authorization": f"Bearer {stack.token(role='administrator')}"}
    failures = []
    for operation in _operations(stack, service):
        try:
            _call(operation, headers, mode)
        except AssertionError as error:
            failures.append(f"{operation.label}: {error}")
    assert not failures, "\n\n".join(failures)
