"""The alerting rules: what Prometheus needs is there, and they speak of metrics that the services have."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.telemetry.metrics import REGISTRY

RULES = sorted((Path(__file__).parents[3] / "deploy/alerts").glob("*.yaml"))
DURATION = re.compile(r"^(\d+(ms|s|m|h|d|w|y))+$")
METRICS = ("services.tickets.app", "services.accounts.app", "services.notifications.app", "services.loyalty.app")


def rules(path: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load(path.read_text())["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_are_complete(path: Path) -> None:
    found = rules(path)
    assert len({rule["alert"] for rule in found}) == len(found) > 0
    for rule in found:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert DURATION.match(rule["for"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["expr"].count("(") == rule["expr"].count(")")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_speak_of_metrics_that_exist(path: Path) -> None:
    for module in METRICS:
        importlib.import_module(module)
    names = {
        sample
        for metric in REGISTRY.collect()
        for sample in (metric.name, f"{metric.name}_total", f"{metric.name}_count")
    }
    for rule in rules(path):
        assert set(re.findall(r"recourse_\w+", rule["expr"])) <= names
