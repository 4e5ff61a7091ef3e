"""The alerting rules: what Prometheus needs is there, and they speak of metrics that the services have."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from shared.setbacks import LONGEST_APART
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


@pytest.fixture(scope="module", autouse=True)
def _metrics() -> None:
    for module in METRICS:
        importlib.import_module(module)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_speak_of_metrics_that_exist(path: Path) -> None:
    names = {
        sample
        for metric in REGISTRY.collect()
        for sample in (metric.name, f"{metric.name}_total", f"{metric.name}_count")
    }
    for rule in rules(path):
        assert set(re.findall(r"recourse_\w+", rule["expr"])) <= names


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_group_by_labels_that_the_metrics_have(path: Path) -> None:
    for rule in rules(path):
        for labels, metric in re.findall(r"by \(([^)]+)\) \((?:\w+\()?(recourse_\w+)", rule["expr"]):
            known = {"job", *_labels(metric)}
            assert known >= set(labels.split(", ")), f"{rule['alert']}: {metric}"
            assert known >= set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["description"]))


def _labels(sample: str) -> tuple[str, ...]:
    collector = REGISTRY._names_to_collectors[sample]
    assert isinstance(collector, MetricWrapperBase)
    labels: tuple[str, ...] = collector._labelnames
    return labels


def rule(name: str) -> dict[str, Any]:
    (found,) = [rule for path in RULES for rule in rules(path) if rule["alert"] == name]
    return found


def test_a_partition_that_stands_beside_others_of_its_topic_is_told() -> None:
    assert re.findall(r"by \(([^)]+)\)", rule("ConsumerStands")["expr"]) == ["job, topic, partition"] * 2


def test_a_row_that_goes_on_failing_goes_on_being_told() -> None:
    (hours, most) = re.findall(r"\[(\d+)h\]\)\) > (\d+)", rule("BackgroundJobFails")["expr"])[0]
    # At the ends of the window one may be missed.
    assert int(hours) * 3600 // LONGEST_APART - 1 > int(most)


def test_what_wants_a_look_when_it_is_not_zero_is_told() -> None:
    assert rule("MoneyAndTicketsDisagree")["expr"] == "max by (missing) (recourse_reconciliation_differences) > 0"
