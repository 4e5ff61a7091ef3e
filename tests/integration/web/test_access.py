"""Who gets in: tokens, roles, keys and their rotation."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from shared.web import Problem, Role, generate_signing_key, mint_token, serving
from shared.web.auth import TokenVerifier
from shared.web.jwks import KeySet
from tests.integration.web.sample import AUDIENCE, ISSUER, JWKS, PRIVATE_KEY, SampleApi, bearer, running, token
from tests.integration.web.test_problems import problem_of


async def test_no_token(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/customers/c1", headers={"Authorization": ""}) as response:
        await problem_of(response, 401, "unauthenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def _unsigned() -> str:
    claims = {"sub": "a", "role": "administrator", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60}
    return jwt.encode(claims, "", "none", headers={"kid": JWKS["keys"][0]["kid"]})


def _signed_with_the_public_key_as_secret() -> str:
    claims = {"sub": "a", "role": "administrator", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60}
    public_key = JWKS["keys"][0]["x"]
    return jwt.encode(claims, public_key.ljust(64, "x"), "HS256", headers={"kid": JWKS["keys"][0]["kid"]})


def _without(claim: str) -> str:
    claims = {"sub": "a", "role": "viewer", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60}
    del claims[claim]
    return jwt.encode(claims, PRIVATE_KEY, "EdDSA", headers={"kid": JWKS["keys"][0]["kid"]})


@pytest.mark.parametrize(
    "credentials",
    [
        "Bearer",
        "Bearer ",
        "Basic YWRhOmFkYQ==",
        "Bearer not.a.token",
        "Bearer " + "x" * 8000,
        "Bearer a.b.c" + "." * 50,
        f"Bearer {token()[:-4]}AAAA",
        f"Bearer {token(issuer='https://another.example')}",
        f"Bearer {token(audience='another')}",
        f"Bearer {token(expires_in=-60)}",
        f"Bearer {_unsigned()}",
        f"Bearer {_signed_with_the_public_key_as_secret()}",
        *(f"Bearer {_without(claim)}" for claim in ("sub", "role", "iss", "aud", "exp")),
        "Bearer " + mint_token(generate_signing_key()[0], subject="a", role="viewer", issuer=ISSUER, audience=AUDIENCE),
    ],
)
async def test_a_token_that_is_not_valid(client: aiohttp.ClientSession, credentials: str) -> None:
    async with client.get("/v1/customers/c1", headers={"Authorization": credentials}) as response:
        await problem_of(response, 401, "unauthenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
async def test_a_missing_permission_is_named(client: aiohttp.ClientSession, role: Role) -> None:
    async with client.delete("/v1/customers/c1", headers=bearer(role)) as response:
        document = await problem_of(response, 403, "permission_denied")
    assert document["permission"] == "dead_letters:manage"
    assert role.value in document["detail"]


async def test_the_right_is_checked_before_the_request_is_read(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/orders", data=b"{", headers=bearer(Role.VIEWER)) as response:
        await problem_of(response, 403, "permission_denied")


async def test_the_handler_knows_who_asks(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/seen", headers=bearer(Role.VIEWER, subject="agent-7")) as response:
        assert (await response.json())["subject"] == "agent-7"


class Issuer:
    """A token issuer on a real socket; counts how often its keys are asked for."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.fetched = 0
        self.failing = False

    async def _keys(self, _request: web.Request) -> web.Response:
        self.fetched += 1
        return web.json_response(self.document, status=500 if self.failing else 200)

    @asynccontextmanager
    async def verifier(self) -> AsyncIterator[TokenVerifier]:
        app = web.Application()
        app.router.add_get("/jwks", self._keys)
        async with serving(app, "127.0.0.1", 0) as url:
            yield TokenVerifier(KeySet(f"{url}/jwks"), issuer=ISSUER, audience=AUDIENCE)


async def test_keys_are_fetched_once_and_not_for_every_made_up_key() -> None:
    issuer = Issuer(JWKS)
    stranger = mint_token(generate_signing_key()[0], subject="a", role="viewer", issuer=ISSUER, audience=AUDIENCE)
    async with issuer.verifier() as verifier:
        await asyncio.gather(*(verifier.authenticate(f"Bearer {token(subject=f'a{i}')}") for i in range(20)))
        for _ in range(20):
            with pytest.raises(Problem, match="401"):
                await verifier.authenticate(f"Bearer {stranger}")
    assert issuer.fetched == 1


async def test_a_new_key_is_found_and_an_old_one_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.web.jwks.RETRY_SECONDS", 0.0)
    new_key, new_document = generate_signing_key()
    old = f"Bearer {token()}"
    new = "Bearer " + mint_token(new_key, subject="n", role="viewer", issuer=ISSUER, audience=AUDIENCE)
    issuer = Issuer(JWKS)
    async with issuer.verifier() as verifier:
        assert (await verifier.authenticate(old)).role is Role.ADMINISTRATOR
        issuer.document = new_document
        assert (await verifier.authenticate(new)).subject == "n"
        with pytest.raises(Problem, match="401"):
            await verifier.authenticate(old)


async def test_known_keys_outlive_an_issuer_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.web.jwks.RETRY_SECONDS", 0.0)
    issuer = Issuer(JWKS)
    async with issuer.verifier() as verifier:
        await verifier.authenticate(f"Bearer {token()}")
        issuer.failing = True
        monkeypatch.setattr("shared.web.jwks.MAX_AGE_SECONDS", -1.0)
        assert (await verifier.authenticate(f"Bearer {token(subject='later')}")).subject == "later"
    assert issuer.fetched > 1


@pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}, {"keys": 7}])
async def test_without_keys_the_service_cannot_answer(document: dict[str, Any]) -> None:
    async with Issuer(document).verifier() as verifier:
        with pytest.raises(Problem, match="503 service_unavailable"):
            await verifier.authenticate(f"Bearer {token()}")


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "EC", "crv": "brainpoolP256r1", "x": "AA", "y": "AA", "kid": "curve"},
        {"kty": "RSA", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB", "kid": "encrypts"},
        {"kty": "OKP", "crv": "X25519", "x": "AAAA", "kid": "agrees"},
        {"kty": "RSA", "kid": "broken"},
        {**generate_signing_key()[1]["keys"][0], "kid": ["a"]},
    ],
)
async def test_a_key_that_is_not_usable_does_not_spoil_the_others(other: dict[str, Any]) -> None:
    async with Issuer({"keys": [other, *JWKS["keys"]]}).verifier() as verifier:
        assert (await verifier.authenticate(f"Bearer {token()}")).role is Role.ADMINISTRATOR


async def test_a_file_url_that_names_nothing(tmp_path: Path) -> None:
    verifier = TokenVerifier(KeySet((tmp_path / "none.json").as_uri()), issuer=ISSUER, audience=AUDIENCE)
    with pytest.raises(Problem, match="503 service_unavailable"):
        await verifier.authenticate(f"Bearer {token()}")


async def test_a_process_is_not_ready_before_it_has_had_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shared.web.jwks.RETRY_SECONDS", 0.0)
    jwks = tmp_path / "none.json"
    async with running(SampleApi(), tmp_path, auth_jwks_url=jwks.as_uri()) as client:
        async with client.get("/health/ready") as response:
            assert (response.status, (await response.json())["failed"]) == (503, ["keys"])
        jwks.write_text(json.dumps(JWKS))
        async with client.get("/health/ready") as response:
            assert response.status == 200
        # An issuer that is away for a while takes nobody out of service.
        jwks.unlink()
        monkeypatch.setattr("shared.web.jwks.MAX_AGE_SECONDS", -1.0)
        async with client.get("/health/ready") as response:
            assert response.status == 200


async def test_a_token_is_refused_from_the_moment_it_expires(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps(JWKS))
    verifier = TokenVerifier(KeySet((tmp_path / "jwks.json").as_uri()), issuer=ISSUER, audience=AUDIENCE)
    credentials = f"Bearer {token(expires_in=60)}"
    await verifier.authenticate(credentials)
    real_time = time.time
    monkeypatch.setattr("shared.web.auth.time.time", lambda: real_time() + 61)
    with monkeypatch.context() as patched:
        patched.setattr("shared.web.auth.LEEWAY_SECONDS", -61)
        with pytest.raises(Problem, match="401"):
            await verifier.authenticate(credentials)


async def test_browsers_of_other_origins_only_when_configured(client: aiohttp.ClientSession, tmp_path: Path) -> None:
    origin = {"Origin": "https://desk.example"}
    async with client.get("/v1/seen", headers=origin) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
    async with running(SampleApi(), tmp_path, cors_origins="https://desk.example") as open_client:
        preflight = origin | {"Access-Control-Request-Method": "PATCH"}
        async with open_client.options("/v1/customers/c1", headers=preflight) as response:
            assert response.status == 204
            assert "If-Match" in response.headers["Access-Control-Allow-Headers"]
        async with open_client.get("/v1/customers/c2", headers=origin) as response:
            assert response.status == 404
            assert response.headers["Access-Control-Allow-Origin"] == "https://desk.example"
        async with open_client.get("/v1/seen", headers={"Origin": "https://evil.example"}) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
