"""A short form of `make chaos`, whether its model would notice anything, and a rolling restart of what is left."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.chaos.model.check import compare
from tests.chaos.rolling import roll
from tests.chaos.run import REPLICAS, Plan, Run, chaos_stack
from tests.chaos.situations import NeverHappenedError
from tests.chaos.tampering import TAMPERING
from tests.support.stack import temporary_state_dir

HAPPENED = (
    "tickets cancelled", "payments refused", "held withdrawals decided", "tickets cancelled in bulk", "draws cancelled",
    "orders of autoplays", "decisions on tickets in limbo", "payments asked for again", "prizes",
    "merges and partings", "customers erased",
)  # fmt: skip
SHORT = Plan(rounds=14, seed=20261122, purchases=6, calls=13)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of this module's own, to kill."""
    with temporary_state_dir() as state_dir:
        running = chaos_stack(state_dir)
        try:
            running.up()
            yield running
        finally:
            running.clean()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run leaves what the model was given."""
    return tmp_path_factory.mktemp("chaos")


async def test_nothing_is_lost_or_doubled_whatever_is_killed(stack: Stack, folder: Path) -> None:
    result = await Run(stack, SHORT, folder).run()
    assert result.damage.kills.total() == SHORT.rounds
    assert result.damage.deaths == []
    assert result.quiet is not None, result.waiting_for
    assert result.differences == []
    for what in HAPPENED:
        assert result.comparison["totals"].get(what, 0) > 0, what


@pytest.mark.parametrize("what", TAMPERING)
def test_the_model_notices_when(what: str, folder: Path) -> None:
    facts = json.loads((folder / "facts.json").read_text())
    observed = json.loads((folder / "observed.json").read_text())
    assert compare(facts, observed)["differences"] == []
    try:
        TAMPERING[what](observed)
    except NeverHappenedError as situation:
        pytest.skip(f"in this run {situation}")
    assert compare(facts, observed)["differences"] != []


def test_the_model_notices_an_order_of_an_autoplay_under_two_event_ids(folder: Path) -> None:
    facts = json.loads((folder / "facts.json").read_text())
    observed = json.loads((folder / "observed.json").read_text())
    order = next(record for record in facts["purchases"] if record["data"]["purchase_id"].startswith("ap-"))
    facts["purchases"].append(order | {"offset": order["offset"] + 10**6, "event_id": "another"})
    assert "the number of event ids" in compare(facts, observed)["differences"][0]["what"]


async def test_a_rolling_restart_fails_no_request(
    stack: Stack, folder: Path, record_property: Callable[[str, object], None]
) -> None:
    observed = json.loads((folder / "observed.json").read_text())
    for service, seen in (await roll(stack, list(observed["customers"]), replicas=REPLICAS)).items():
        record_property(service, seen.as_json())
        assert seen.failed == [], service
        assert len(seen.milliseconds) > 50
    await asyncio.to_thread(stack.up)
