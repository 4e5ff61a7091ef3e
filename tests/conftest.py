"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.stack import Infra, MakeStack, running_infra, stack_factory

# How long an example takes says something about the machine, not about the code.
settings.register_profile("recourse", deadline=None)
settings.load_profile("recourse")


@pytest.fixture(scope="session")
def infra() -> Iterator[Infra]:
    """Real PostgreSQL and Kafka, started once for the session."""
    with running_infra() as servers:
        yield servers


@pytest.fixture
def bootstrap_servers(infra: Infra) -> str:
    """The address of Kafka."""
    return infra.bootstrap_servers


@pytest.fixture
def topic_prefix(infra: Infra) -> str:
    """A prefix for the topics and groups of this test alone."""
    return infra.topic_prefix()


@pytest.fixture
def make_stack(infra: Infra) -> Iterator[MakeStack]:
    """Builds stacks of services and mail server for this test, on the shared servers or on its own."""
    with stack_factory(infra) as build:
        yield build
