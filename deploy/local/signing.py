"""The key that signs the tokens of a local stack, and the JWKS file that its services check them against."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from deploy.local.credentials import write_private

ISSUER = "recourse-local"
AUDIENCE = "recourse"
KEY_ID = "local"


def private_key_path(state_dir: Path) -> Path:
    """Where the private key is kept (PEM, PKCS 8)."""
    return state_dir / "keys" / "signing.pem"


def jwks_path(state_dir: Path) -> Path:
    """Where the public keys are kept (JSON Web Key Set)."""
    return state_dir / "keys" / "jwks.json"


def ensure_signing_key(state_dir: Path) -> None:
    """Make an Ed25519 key pair unless there is one."""
    if jwks_path(state_dir).exists():
        return
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(private_key_path(state_dir), pem.decode())
    public = {
        **OKPAlgorithm.to_jwk(key.public_key(), as_dict=True),
        "kid": KEY_ID,
        "alg": "EdDSA",
        "use": "sig",
    }
    write_private(jwks_path(state_dir), json.dumps({"keys": [public]}))
