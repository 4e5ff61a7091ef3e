"""A running platform as its users see it: a Kafka to publish purchases to and four HTTP APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from deploy.local.stack import Stack
from shared.ids import uuid7
from shared.messaging import EventPublisher, KafkaSettings

SOURCE = "shop/demo"


class UnexpectedAnswerError(Exception):
    """A service answered with a problem."""

    def __init__(self, status: int, body: Any) -> None:
        code = body.get("code", "") if isinstance(body, dict) else ""
        super().__init__(f"{status} {code}: {body}")
        self.status = status
        self.body = body


@dataclass(frozen=True)
class Platform:
    """What a shop and a support agent need: a publisher, and base URLs by service name with a token."""

    publisher: EventPublisher
    http: aiohttp.ClientSession
    urls: Mapping[str, str]

    async def get(self, service: str, path: str, **query: str) -> Any:
        """The JSON answer. Raises UnexpectedAnswerError for anything but success."""
        async with self.http.get(self.urls[service] + path, params=query) as response:
            return await _answer(response)

    async def post(self, service: str, path: str, body: object, *, key: str | None = None) -> Any:
        """Post under an idempotency key, a new one unless given."""
        headers = {"Idempotency-Key": key or str(uuid7())}
        async with self.http.post(self.urls[service] + path, json=body, headers=headers) as response:
            return await _answer(response)

    async def items(self, service: str, path: str) -> list[dict[str, Any]]:
        """The first page of a list; nothing where the customer is not known yet."""
        try:
            page = await self.get(service, path, limit="100")
        except UnexpectedAnswerError as error:
            if error.status == 404:
                return []
            raise
        items: list[dict[str, Any]] = page["items"]
        return items


async def _answer(response: aiohttp.ClientResponse) -> Any:
    body = await response.json(content_type=None)
    if response.status >= 300:
        raise UnexpectedAnswerError(response.status, body)
    return body


@asynccontextmanager
async def connect(stack: Stack, *, role: str = "agent", subject: str = "agent-1") -> AsyncIterator[Platform]:
    """The platform that a local stack runs."""
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    headers = {"Authorization": f"Bearer {stack.token(role=role, subject=subject)}"}
    urls = {service: stack.service_url(service) for service in stack.config.services}
    async with (
        EventPublisher(kafka, source=SOURCE) as publisher,
        aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as http,
    ):
        yield Platform(publisher, http, urls)
