"""`python -m deploy.compose.tokens`: the signing key of a compose installation, and tokens signed with it.

An installation with an issuer of its own sets RECOURSE_AUTH_JWKS_URL, _ISSUER and _AUDIENCE and needs none of it.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from shared.web.permissions import Role
from shared.web.tokens import generate_signing_key, mint_token


def ensure_key(private_key: Path, jwks: Path) -> bool:
    """Make a key pair unless there is one; returns whether it was made."""
    if private_key.exists() and jwks.exists():
        return False
    pem, document = generate_signing_key()
    _write(private_key, pem, mode=0o600)
    _write(jwks, json.dumps(document), mode=0o644)
    return True


def _write(path: Path, content: str, *, mode: int) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    temporary.write_text(content, encoding="utf-8")
    # `touch` would take away what the umask forbids: the services, of other accounts, read the public keys.
    temporary.chmod(mode)
    temporary.replace(path)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.compose.tokens")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ensure-key", help="make a key pair unless there is one")
    mint = commands.add_parser("mint", help="print a bearer token")
    mint.add_argument("--role", choices=[role.value for role in Role], default=Role.AGENT.value)
    mint.add_argument("--subject", default="agent-1", help="who the bearer is; shown in the audit trail")
    mint.add_argument("--hours", type=float, default=8.0, help="how long the token is valid")
    return parser.parse_args()


def main() -> int:
    """Make the key or print a token, as the arguments say. The environment names the files and the claims."""
    arguments = _parse()
    private_key = Path(os.environ["RECOURSE_SIGNING_KEY_FILE"])
    if arguments.command == "ensure-key":
        made = ensure_key(private_key, Path(os.environ["RECOURSE_JWKS_FILE"]))
        sys.stdout.write("signing key created\n" if made else "signing key present\n")
        return 0
    token = mint_token(
        private_key.read_text(encoding="utf-8"),
        subject=arguments.subject,
        role=arguments.role,
        issuer=os.environ["RECOURSE_AUTH_ISSUER"],
        audience=os.environ["RECOURSE_AUTH_AUDIENCE"],
        expires_in=arguments.hours * 3600,
    )
    sys.stdout.write(f"{token}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
