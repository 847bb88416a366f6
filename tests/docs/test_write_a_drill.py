"""The page on writing drills: its example runs and lints, and it names everything there is to use."""

import dataclasses
import re
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest
import yaml as pyyaml

from dcops.core import yaml
from dcops.core.errors import Unreachable
from dcops.drills.context import DrillContext
from dcops.drills.describe import describe_all
from dcops.drills.entrypoints import load_catalogue
from dcops.drills.kinds import Action, Catalogue, Probe
from dcops.drills.spec import lint
from tests.unit.drills.test_spec import KNOWN

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/write-a-drill.md").read_text()
CATALOGUE = load_catalogue(ROOT)


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "timer"}
    exec(compile(block("python"), "docs/write-a-drill.md", "exec"), space)
    return space


class Hosts:
    """A server with one timer."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.is_there, self.runs = is_there, True

    def run(self, device: str, argv: list[str]) -> str:
        self.ran.append((device, *argv))
        self.runs = argv[1] == "start"
        return ""

    def status(self, device: str, argv: list[str]) -> int:
        if not self.is_there:
            raise Unreachable("no route", where=device)
        return 0 if self.runs else 3


def test_the_example_does_what_the_page_says(example: dict[str, Any]) -> None:
    hosts = Hosts()
    context = cast(DrillContext, type("C", (), {"hosts": hosts})())
    where = example["Timer"](device="drc-app1", timer="naskah-clean.timer")
    assert example["PAUSED"].run(context, where).reason == "runs"
    example["PAUSE"].run(context, where)
    assert example["PAUSED"].run(context, where).is_ok
    example["RESUME"].run(context, where)
    assert hosts.ran == [("drc-app1", "systemctl", verb, "naskah-clean.timer") for verb in ("stop", "start")]
    absent = cast(DrillContext, type("C", (), {"hosts": Hosts(is_there=False)})())
    assert example["PAUSED"].run(absent, where).is_ok is None


def problems(example: dict[str, Any], *, with_rollback: bool) -> list[str]:
    document: Any = deepcopy(yaml.load(ROOT / "dr_drills/scenarios/naskah-db-loss.yml"))
    steps = pyyaml.safe_load(block("yaml"))
    document["spec"]["recover"] += steps["recover"]
    document["spec"]["verify"] += steps["verify"]
    document["spec"]["rollbacks"]["steps"] += steps["rollbacks"] if with_rollback else []
    made = [each for each in example.values() if isinstance(each, Action)]
    kinds = Catalogue(
        {**CATALOGUE.actions, **{each.name: each for each in made}},
        {**CATALOGUE.probes, "timer.paused": example["PAUSED"]},
    ).describe()
    known = dataclasses.replace(KNOWN, kinds=kinds)
    _, found = lint(document, name="naskah-db-loss", file="x.yml", known=known, locate=lambda _: 1)
    return [str(each) for each in found]


def test_the_examples_steps_lint_and_need_their_way_back(example: dict[str, Any]) -> None:
    assert problems(example, with_rollback=True) == []
    (found,) = problems(example, with_rollback=False)
    told = re.search(r"the lint says: `(.*?)`", PAGE)
    assert told is not None
    assert found.endswith(told[1])


def test_the_entry_points_of_the_page_name_what_the_example_has(example: dict[str, Any]) -> None:
    named = dict(re.findall(r'^"([a-z.]+)" = "dr_drills\.actions\.timer:([A-Z]+)"$', block("toml"), re.MULTILINE))
    assert {name: example[attribute].name for name, attribute in named.items()} == {name: name for name in named}
    assert len(named) == 3


@pytest.mark.parametrize("kind", [Action, Probe, DrillContext])
def test_every_field_is_explained(kind: Any) -> None:
    fields = {field.name for field in dataclasses.fields(kind)}
    cells = set(re.findall(r"`([a-z_]+)(?:\(\))?`", "\n".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    assert fields <= cells, fields - cells


def test_every_action_and_probe_is_described_by_the_verb_the_page_names() -> None:
    assert "dcops drill actions" in PAGE
    text = (ROOT / "pyproject.toml").read_text()
    groups = re.findall(
        r'^\[project\.entry-points\."dcops\.drill_\w+"\]\n(.*?)(?=^\[|\Z)', text, re.MULTILINE | re.DOTALL
    )
    entries = {name for group in groups for name in re.findall(r'^"([a-z_.]+)" =', group, re.MULTILINE)}
    described = {each.name: each for each in describe_all(CATALOGUE)}
    assert set(described) == entries
    for name, each in described.items():
        assert re.match(r"^[A-Z].{10,99}[^.]$", each.summary), f"{name}: {each.summary}"
        assert all(not re.search(r"[\[\]<>]|typing|pydantic", parameter.type) for parameter in each.parameters), name
