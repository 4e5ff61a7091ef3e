"""A running sample application for the tests of the HTTP layer."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.integration.web.sample import SampleApi, running


@pytest.fixture(scope="module")
def api() -> SampleApi:
    return SampleApi()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(api: SampleApi, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[aiohttp.ClientSession]:
    async with running(api, tmp_path_factory.mktemp("web")) as session:
        yield session
