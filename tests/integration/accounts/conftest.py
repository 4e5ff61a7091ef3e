"""The accounts service for its tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.accounts import Accounts, running_accounts
from tests.support.stack import Infra


@pytest.fixture
async def accounts(infra: Infra, tmp_path: Path) -> AsyncIterator[Accounts]:
    """The service's handlers and HTTP application on a database of their own."""
    async with running_accounts(infra, tmp_path) as running:
        yield running
