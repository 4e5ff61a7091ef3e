"""Signing keys and tokens for the local stack and the tests; a real installation has an issuer for that."""

import secrets
import time
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm

from shared.web.permissions import Role


def generate_signing_key() -> tuple[str, dict[str, Any]]:
    """A new Ed25519 key: the private key as PEM, and the JWKS document with the public one."""
    private_key = Ed25519PrivateKey.generate()
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, {"keys": [_public_jwk(private_key)]}


def mint_token(
    private_key_pem: str,
    *,
    subject: str,
    role: Role | str,
    issuer: str,
    audience: str,
    expires_in: float = 3600,
) -> str:
    """A signed token; `expires_in` is in seconds.

    Raises:
        ValueError: an unknown role.
        TypeError: not an Ed25519 key.
    """
    private_key = load_pem_private_key(private_key_pem.encode(), password=None)
    if not isinstance(private_key, Ed25519PrivateKey):
        raise TypeError("the signing key is not an Ed25519 key")
    now = int(time.time())
    claims = {
        "sub": subject,
        "role": Role(role).value,
        "iss": issuer,
        "aud": audience,
        "iat": now,
        "exp": now + int(expires_in),
        "jti": secrets.token_hex(8),
    }
    return jwt.encode(claims, private_key, "EdDSA", headers={"kid": _public_jwk(private_key)["kid"]})


def _public_jwk(private_key: Ed25519PrivateKey) -> dict[str, Any]:
    jwk: dict[str, Any] = orjson.loads(OKPAlgorithm.to_jwk(private_key.public_key()))
    jwk.pop("key_ops", None)
    return jwk | {"kid": jwk["x"][:16], "use": "sig", "alg": "EdDSA"}
