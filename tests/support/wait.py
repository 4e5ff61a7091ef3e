"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_POLL_SECONDS = 0.05


async def eventually(condition: Callable[[], bool], *, timeout: float = 30.0) -> None:
    """Wait until `condition()`, which may block, is true; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"still not so after {timeout} s"
        await asyncio.sleep(_POLL_SECONDS)
