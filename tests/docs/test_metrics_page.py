"""docs/metrics.md lists exactly the metrics that the code writes, and all that the rules ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry

from dcops.api.own_metrics import ApiMetrics
from dcops.backup import exposition
from dcops.kit import exposition as kit_exposition
from dcops.snmp.walk import Walk
from exporters.collectors import MODULES
from exporters.service_metrics import SelfMetrics

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([a-z_]+)` \| (gauge|counter|histogram) \|", re.MULTILINE)


def page() -> dict[str, str]:
    return dict(ROW.findall((ROOT / "docs" / "metrics.md").read_text()))


def of_registry(registry: CollectorRegistry) -> Iterable[tuple[str, str]]:
    for family in registry.collect():
        yield (f"{family.name}_total" if family.type == "counter" else family.name), family.type


def of_source(path: str) -> Iterable[tuple[str, str]]:
    """Families written out in a module: `Family("name", "kind", ...)`."""
    return re.findall(r'Family\(\s*"([a-z_]+)",\s*"(gauge|counter)"', (ROOT / path).read_text())


def written() -> dict[str, str]:
    found: dict[str, str] = {}
    for collector in MODULES.values():
        found |= {family.name: family.kind for family in collector.collect(Walk([]))}
    found |= dict(of_source("exporters/app.py"))
    found |= dict(of_registry(SelfMetrics().registry))
    found |= dict(of_registry(ApiMetrics().registry))
    for module in (exposition, kit_exposition):
        text = Path(module.__file__).read_text()
        found |= dict.fromkeys(re.findall(r'^    "(dcops_[a-z_]+)":', text, re.MULTILINE), "gauge")
    return found


def test_the_page_lists_every_metric_and_no_other() -> None:
    assert page() == written()


def test_every_metric_that_a_rule_asks_for_is_on_the_page() -> None:
    known = set(page())
    for path in (ROOT / "monitors" / "rules").glob("*.yml"):
        asked = set(re.findall(r"\b(?:dcops|snmp)_[a-z_]+\b", path.read_text()))
        assert asked <= known, f"{path.name}: {sorted(asked - known)}"


def test_names_keep_the_rules_of_naming() -> None:
    for name, kind in page().items():
        assert name.endswith("_total") is (kind == "counter"), name
