"""Stacks of their own, for tests that stop and kill what other tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from deploy.local.config import ephemeral_config
from deploy.local.stack import Stack
from tests.support.stack import Infra, temporary_state_dir

MakeStack = Callable[..., Stack]


@pytest.fixture
def make_stack(infra: Infra) -> Iterator[MakeStack]:
    """Build stacks (keyword arguments of `ephemeral_config`) on the shared servers unless told otherwise."""
    with ExitStack() as cleanup:

        def build(*, own_kafka: bool = False, own_postgres: bool = False, **options: Any) -> Stack:
            prefix = infra.topic_prefix()
            config = ephemeral_config(
                cleanup.enter_context(temporary_state_dir()),
                kafka_bootstrap_servers=None if own_kafka else infra.bootstrap_servers,
                postgres_admin_url=None if own_postgres else infra.admin_url,
                topic_prefix=prefix,
                database_prefix=prefix.replace(".", "_"),
                **options,
            )
            stack = Stack(config)
            cleanup.callback(stack.clean)
            return stack

        yield build
