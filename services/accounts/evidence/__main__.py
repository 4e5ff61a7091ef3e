"""`python -m services.accounts.evidence`: verify the ledger of the database in RECOURSE_DATABASE_URL."""

import asyncio
import os
import sys

from services.accounts.evidence.verification import LedgerUnreadableError, verify_database


async def _verify(url: str, key: bytes) -> int:
    status = 0
    async for finding in verify_database(url, key=key):
        sys.stdout.write(f"{finding}\n")
        status = 1
    return status


def main() -> int:
    """Print each finding; the status is 1 when there is one, 2 when the ledger could not be read."""
    url = os.environ.get("RECOURSE_DATABASE_URL")
    if not url:
        sys.stderr.write("RECOURSE_DATABASE_URL is not set\n")
        return 2
    try:
        return asyncio.run(_verify(url, os.environ.get("RECOURSE_LEDGER_SEAL_KEY", "").encode()))
    except LedgerUnreadableError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
