"""Who is asking: a bearer JWT, signed by a key of the configured JWKS, with a `role` claim."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import jwt

from shared.web.jwks import KeySet
from shared.web.permissions import ROLE_PERMISSIONS, Permission, Role
from shared.web.problems import PERMISSION_DENIED, UNAUTHENTICATED, Problem

ALGORITHMS = ("EdDSA", "ES256", "RS256")
LEEWAY_SECONDS = 5
MAX_TOKEN_LENGTH = 8192
_CACHED_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller: the subject of its token and what its role permits."""

    subject: str
    role: Role | None = None
    permissions: frozenset[Permission] = field(default=frozenset())

    def require(self, permission: Permission) -> None:
        """Refuse what the role does not permit.

        Raises:
            Problem: 403 `permission_denied`, naming the permission.
        """
        if permission not in self.permissions:
            raise PERMISSION_DENIED(
                f"The role {self.role or 'none'} does not include {permission}.", permission=permission
            )


ANONYMOUS = Principal(subject="")


class TokenVerifier:
    """Turns bearer tokens into principals; a token is verified once and then known until it expires."""

    def __init__(self, keys: KeySet, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._known: OrderedDict[str, tuple[Principal, float]] = OrderedDict()
        self._generation = keys.generation

    async def authenticate(self, authorization: str | None) -> Principal:
        """The caller an Authorization header names.

        Raises:
            Problem: 401 `unauthenticated`; 503 when the keys cannot be had.
        """
        if not authorization:
            raise _refused("Send the header Authorization: Bearer <token>.", challenge="Bearer")
        self._forget_after_key_change()
        known = self._known.get(authorization)
        if known is not None and known[1] > time.time() and not self._keys.stale:
            return known[0]
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_LENGTH:
            raise _refused("The Authorization header does not carry a bearer token.")
        claims = await self._verify(token.strip())
        principal = _principal(claims)
        self._remember(authorization, principal, float(claims["exp"]))
        return principal

    async def _verify(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.get(header.get("kid"))
            if key is None or header.get("alg") != key.algorithm_name:
                raise _refused("The token is signed with a key that is not known here.")
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise _refused("The token is not valid here.") from None

    def _forget_after_key_change(self) -> None:
        if self._generation != self._keys.generation:
            self._known.clear()
            self._generation = self._keys.generation

    def _remember(self, authorization: str, principal: Principal, expires: float) -> None:
        self._known[authorization] = (principal, expires)
        if len(self._known) > _CACHED_TOKENS:
            self._known.popitem(last=False)


def _principal(claims: dict[str, Any]) -> Principal:
    subject, role = claims["sub"], claims.get("role")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or "\x00" in subject:
        raise _refused("The subject of the token is not usable.")
    if not isinstance(role, str) or role not in ROLE_PERMISSIONS:
        raise _refused("The token carries no role that is known here.")
    known = Role(role)
    return Principal(subject=subject, role=known, permissions=ROLE_PERMISSIONS[known])


def _refused(detail: str, challenge: str = 'Bearer error="invalid_token"') -> Problem:
    return UNAUTHENTICATED(detail, headers={"WWW-Authenticate": challenge})
