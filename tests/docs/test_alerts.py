"""Each alert says who must act and how, and is tested firing and not firing."""

from pathlib import Path
from typing import Any

import pytest

from dcops.core import yaml

ROOT = Path(__file__).resolve().parents[2]


def rules() -> list[dict[str, Any]]:
    found = []
    for path in sorted((ROOT / "monitors/rules").glob("*.yml")):
        for group in yaml.load(path)["groups"]:
            found += [rule for rule in group["rules"] if "alert" in rule]
    return found


def expectations(alert: str) -> list[bool]:
    """For each place a promtool test asks for this alert, whether it must fire there."""
    cases = []
    for path in sorted((ROOT / "monitors/tests").glob("*.yml")):
        for test in yaml.load(path)["tests"]:
            cases += [bool(case["exp_alerts"]) for case in test["alert_rule_test"] if case["alertname"] == alert]
    return cases


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_alert_is_complete(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    assert rule["labels"]["owner"]
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page.name == f"{rule['alert']}.md"
    text = page.read_text()
    for heading in ("# " + rule["alert"], "## Meaning", "## Impact", "## Diagnosis", "## Mitigation"):
        assert f"{heading}\n" in text, f"{page.name} lacks {heading}"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_alert_is_tested_both_ways(rule: dict[str, Any]) -> None:
    cases = expectations(rule["alert"])
    assert True in cases
    if rule["alert"] != "Watchdog":  # it fires always
        assert False in cases
