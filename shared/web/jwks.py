"""The public keys that sign tokens, from a JWKS at an http(s) or file URL."""

import asyncio
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import jwt
import orjson

from shared.telemetry import get_logger
from shared.web.problems import SERVICE_UNAVAILABLE

MAX_AGE_SECONDS = 300.0
RETRY_SECONDS = 5.0
FETCH_TIMEOUT_SECONDS = 3.0
_KEY_TYPES = frozenset({"OKP", "EC", "RSA"})

log = get_logger(__name__)


class KeySet:
    """Keys by id, fetched when first needed, when five minutes old, and when a token names an unknown one.

    An unknown key id causes a fetch every few seconds at most: made-up tokens cannot flood the issuer.
    When a fetch fails, the keys of the last good one stay in use. `generation` grows when the keys change.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._document = b""
        self._fetched_at = -MAX_AGE_SECONDS
        self._tried_at = -RETRY_SECONDS
        self._lock = asyncio.Lock()
        self.generation = 0

    @property
    def stale(self) -> bool:
        """Whether the keys are due to be fetched again."""
        now = time.monotonic()
        return now - self._fetched_at > MAX_AGE_SECONDS and now - self._tried_at > RETRY_SECONDS

    async def get(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key `key_id`; a set of one key also answers for tokens that name none.

        Raises:
            Problem: 503 `service_unavailable`: no keys could be fetched yet.
        """
        if self.stale or key_id not in self._keys:
            await self._refresh()
        if not self._keys:
            raise SERVICE_UNAVAILABLE(
                "The keys that sign tokens cannot be read right now.", headers={"Retry-After": "5"}
            )
        return self._keys.get(key_id)

    async def check(self) -> None:
        """Raises RuntimeError as long as there were never any keys: no request with a token can be answered."""
        if not self._keys:
            await self._refresh()
        if not self._keys:
            raise RuntimeError("no keys that sign tokens could be fetched yet")

    async def warm(self, _app: object) -> None:
        """Fetch at the start of an application: wrong addresses are told in the log before the first token comes."""
        await self._refresh()

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() - self._tried_at < RETRY_SECONDS:
                return
            self._tried_at = time.monotonic()
            try:
                self._install(await _fetch(self._url))
            except (OSError, TimeoutError, aiohttp.ClientError, ValueError, jwt.PyJWTError) as error:
                log.warning("signing keys not fetched", url=self._url, error=type(error).__name__)

    def _install(self, document: bytes) -> None:
        if document != self._document:
            self._keys = _parse(document)
            self._document = document
            self.generation += 1
        self._fetched_at = time.monotonic()


async def _fetch(url: str) -> bytes:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return await asyncio.to_thread(Path(unquote(parts.path)).read_bytes)
    timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
        response.raise_for_status()
        return await response.read()


def _parse(document: bytes) -> dict[str | None, jwt.PyJWK]:
    try:
        entries: list[dict[str, Any]] = [
            entry
            for entry in orjson.loads(document)["keys"]
            if entry.get("kty") in _KEY_TYPES and entry.get("use", "sig") == "sig"
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("the document is not a JWKS") from error
    keys = {entry.get("kid"): key for entry in entries if (key := _key(entry)) is not None}
    if not keys:
        raise ValueError("the JWKS has no usable key")
    if len(keys) == 1:
        keys[None] = next(iter(keys.values()))
    return keys


def _key(entry: dict[str, Any]) -> jwt.PyJWK | None:
    """The key, None for one that is not usable here: an issuer may have others beside it (RFC 7517, 5)."""
    try:
        if not isinstance(entry.get("kid"), str | None):
            raise TypeError("its id is no text")
        return jwt.PyJWK(entry)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        log.warning("a signing key is passed over", key_id=str(entry.get("kid")), reason=str(error)[:100])
        return None
