"""`python3 -m deploy.compose.environment`: writes `.env` with random secrets for docker-compose.yml.

Standard library only: it runs on a machine that has Docker and a bare Python.
"""

import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / ".env.example"
TARGET = ROOT / ".env"


def render(template: str) -> str:
    """The template with a random secret behind each assignment that has no value."""
    return "".join(f"{_fill(line)}\n" for line in template.splitlines())


def _fill(line: str) -> str:
    is_empty = line.endswith("=") and not line.startswith("#")
    return line + secrets.token_urlsafe(32) if is_empty else line


def write(template: Path, target: Path) -> None:
    """Write `target`, readable by its owner only.

    Raises:
        FileExistsError: there is one already, and the volumes know its passwords.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(render(template.read_text(encoding="utf-8")))


def main() -> int:
    """Write `.env` unless it exists."""
    try:
        write(TEMPLATE, TARGET)
    except FileExistsError:
        sys.stderr.write(f"{TARGET} exists and was left as it is: the databases were created with its passwords.\n")
        return 0
    sys.stdout.write(f"Wrote {TARGET} with random secrets. Next: docker compose up --build --wait\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
