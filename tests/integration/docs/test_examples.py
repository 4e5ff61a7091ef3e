"""The examples in docs/examples do on the real broker what the documents say."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from shared.contracts import CartChanged, CheckoutCompleted, FeedbackLeft, LoginSucceeded, PurchaseCompleted
from shared.messaging import KafkaSettings, Received
from shared.messaging.admin import ensure_topics
from shared.messaging.follow import follow
from tests.support.containers import ROOT
from tests.support.stack import Infra


async def test_the_purchase_that_the_readme_publishes_is_an_event(infra: Infra) -> None:
    prefix = infra.topic_prefix()
    settings = KafkaSettings(infra.bootstrap_servers, prefix)
    await ensure_topics(settings, partitions=1)
    example = _load("publish_purchase")
    await example.main(infra.bootstrap_servers, f"{prefix}purchases")
    records = [item async for item in follow(settings, "purchases", from_beginning=True, to_present=True)]
    [received] = records
    assert isinstance(received, Received)
    assert isinstance(received.data, PurchaseCompleted)
    assert (received.key, received.id, received.source) == ("cus-2001", "shop-17-000001", "shop/17")


async def test_the_visit_that_the_activity_example_publishes_is_events(infra: Infra) -> None:
    prefix = infra.topic_prefix()
    settings = KafkaSettings(infra.bootstrap_servers, prefix)
    await ensure_topics(settings, partitions=1)
    example = _load("publish_activity")
    await example.main(infra.bootstrap_servers, f"{prefix}activity")
    records = [item async for item in follow(settings, "activity", from_beginning=True, to_present=True)]
    received = [item for item in records if isinstance(item, Received)]
    assert [type(item.data) for item in received] == [
        LoginSucceeded, CartChanged, CheckoutCompleted, CartChanged, FeedbackLeft,
    ]  # fmt: skip
    assert {item.key for item in received} == {"cus-2001"}


def _load(name: str) -> ModuleType:
    path = ROOT / "docs" / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
