"""Operations served on a real socket, with tokens of their own issuer, and a client that reads the answers."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from shared.settings import ServiceSettings, SettingsT
from shared.web import Operation, build_app, generate_signing_key, mint_token, serving

ISSUER, AUDIENCE = "https://issuer.test", "recourse-tests"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is the parsed JSON, None when there is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


def settings_for_tests(settings_class: type[SettingsT], **settings: Any) -> SettingsT:
    """Settings for parts of a service that run inside a test: what is not given is not used."""
    given: dict[str, Any] = {
        "database_url": SecretStr("postgresql://unused"),
        "kafka_bootstrap_servers": "unused",
        "http_port": 0,
        "auth_jwks_url": "file:///unused",
        "auth_issuer": ISSUER,
        "auth_audience": AUDIENCE,
    }
    return settings_class(**given | settings)


class ApiClient:
    """Calls one server as a subject with a role."""

    def __init__(self, session: aiohttp.ClientSession, url: str, private_key: str) -> None:
        self.url = url
        self._session = session
        self._private_key = private_key

    def token(self, role: str = "administrator", subject: str = "tester") -> str:
        """A bearer token that the server accepts."""
        return mint_token(self._private_key, subject=subject, role=role, issuer=ISSUER, audience=AUDIENCE)

    async def get(self, path: str, *, role: str = "administrator", **query: Any) -> Answer:
        """GET with a query."""
        return await self._call("GET", path, role, params={name: str(value) for name, value in query.items()})

    async def items(
        self, path: str, *, limit: int = 100, role: str = "administrator", **query: Any
    ) -> list[dict[str, Any]]:
        """All items of a list, page by page; every page but the last must be full."""
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self.get(path, role=role, limit=limit, **query, **cursor)
            assert answer.status == 200, answer.body
            items += answer.body["items"]
            if answer.body["next_cursor"] is None:
                return items
            assert len(answer.body["items"]) == limit
            cursor = {"cursor": answer.body["next_cursor"]}

    async def text(self, path: str, *, role: str = "administrator", **query: Any) -> str:
        """The body of an answer that is not JSON."""
        sent = {"Authorization": f"Bearer {self.token(role)}"}
        async with self._session.get(self.url + path, headers=sent, params=query) as response:
            response.raise_for_status()
            return await response.text()

    async def patch(
        self, path: str, body: object, *, etag: str | None, role: str = "administrator", subject: str = "tester"
    ) -> Answer:
        """PATCH JSON from what an ETag names, if any."""
        headers = {"If-Match": etag} if etag is not None else {}
        return await self._call("PATCH", path, role, subject, json=body, headers=headers)

    async def post(
        self,
        path: str,
        body: object,
        *,
        key: str | None,
        etag: str | None = None,
        role: str = "administrator",
        subject: str = "tester",
    ) -> Answer:
        """POST JSON under an Idempotency-Key, from what an ETag names, if any."""
        headers = {"Idempotency-Key": key} if key is not None else {}
        headers |= {"If-Match": etag} if etag is not None else {}
        return await self._call("POST", path, role, subject, json=body, headers=headers)

    async def _call(
        self,
        method: str,
        path: str,
        role: str,
        subject: str = "tester",
        *,
        headers: Mapping[str, str] = {},
        **options: Any,
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.token(role, subject)}", **headers}
        async with self._session.request(method, self.url + path, headers=sent, **options) as response:
            text = await response.text()
            return Answer(response.status, dict(response.headers), json.loads(text) if text else None)


@asynccontextmanager
async def serving_operations(operations: Sequence[Operation], folder: Path) -> AsyncIterator[ApiClient]:
    """Serve the operations for the duration of the block; `folder` takes the issuer's keys."""
    private_key, jwks = generate_signing_key()
    keys = folder / "jwks.json"
    keys.write_text(json.dumps(jwks))
    settings = settings_for_tests(ServiceSettings, auth_jwks_url=keys.as_uri())
    app = build_app(title="Test", version="0", operations=operations, settings=settings)
    async with serving(app, "127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        yield ApiClient(session, url, private_key)
