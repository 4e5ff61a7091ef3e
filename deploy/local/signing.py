"""The key that signs the tokens of a local stack, and the JWKS file that its services check them against."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.local.credentials import write_private
from deploy.local.errors import StackError
from shared.web.tokens import generate_signing_key, mint_token

ISSUER = "recourse-local"
AUDIENCE = "recourse"


def jwks_path(state_dir: Path) -> Path:
    """Where the public keys are kept (JSON Web Key Set)."""
    return state_dir / "keys" / "jwks.json"


def ensure_signing_key(state_dir: Path) -> None:
    """Make a key pair unless there is one."""
    if not jwks_path(state_dir).exists():
        private_key, jwks = generate_signing_key()
        write_private(_private_key_path(state_dir), private_key)
        write_private(jwks_path(state_dir), json.dumps(jwks))


def local_token(state_dir: Path, *, role: str, subject: str, expires_in: float = 8 * 3600) -> str:
    """A bearer token that the services of this stack accept for `expires_in` seconds.

    Raises `StackError` when the stack has no key yet, `ValueError` for an unknown role.
    """
    key = _private_key_path(state_dir)
    if not key.exists():
        raise StackError("There is no key to sign tokens with yet: run `make up` first.")
    return mint_token(
        key.read_text(),
        subject=subject,
        role=role,
        issuer=ISSUER,
        audience=AUDIENCE,
        expires_in=expires_in,
    )


def _private_key_path(state_dir: Path) -> Path:
    return state_dir / "keys" / "signing.pem"
