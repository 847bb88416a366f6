"""Every rule of the lint, each with its exact message, on the shipped scenario changed in one place."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from dcops.core import yaml
from dcops.drills.entrypoints import load_catalogue
from dcops.drills.spec import Known, lint

HOME = Path(__file__).parents[3]
NAME = "naskah-db-loss"
DOCUMENT = yaml.load(HOME / f"dr_drills/scenarios/{NAME}.yml")
TABLETOP = yaml.load(HOME / "dr_drills/scenarios/pdn-ransomware-tabletop.yml")
DECLARE = {"id": "declared", "uses": "declare.automatic", "with": {"text": "x"}}
MANUAL = deepcopy(TABLETOP["spec"]["declare"][0])
KNOWN = Known(
    kinds=load_catalogue(HOME).describe(),
    devices=frozenset({"jkt-db1", "jkt-app1", "drc-db1", "drc-app1"}),
    applications=frozenset({"naskah_dinas_elektronik"}),
    services=frozenset({"naskah"}),
    sites=frozenset({"jkt", "drc", "pdn"}),
    links=frozenset({"w1", "w2", "jkt-db1"}),
    upstreams=frozenset({"pdn"}),
)
Change = Callable[[dict[str, Any]], None]


def problems(change: Change) -> list[str]:
    document = deepcopy(DOCUMENT)
    change(document)
    _, found = lint(document, name=NAME, file="drill.yml", known=KNOWN, locate=lambda _: 7)
    return [str(problem) for problem in found]


def put(path: str, value: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        place: Any = document
        for key in way:
            place = place[key]
        place[last] = value

    return change


def test_the_shipped_scenario_is_clean() -> None:
    assert problems(lambda _: None) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("metadata/name", "other"), 'metadata.name: "other" is not the file\'s name. Write "naskah-db-loss".'),
        (
            put("spec/scope/app", "naska_dinas_elektronik"),
            'spec.scope.app: "naska_dinas_elektronik" is unknown. Did you mean "naskah_dinas_elektronik"?',
        ),
        (
            put("spec/recover/0/uses", "service.withdrew"),
            'spec.recover.0.uses: "service.withdrew" is unknown. Did you mean "service.withdraw"?',
        ),
        (
            put("spec/recover/4/with", {"device": "drc-db9", "database": "naskah"}),
            'spec.recover.4.with.device: "drc-db9" is no device of the inventory. Did you mean "drc-db1"?',
        ),
        (
            put("spec/recover/4/with", {"device": "drc-db1", "databse": "naskah"}),
            'spec.recover.4.with.databse: "databse" is unknown. Did you mean "database"?',
        ),
        (
            put(
                "spec/guards/0",
                {"id": "bad", "uses": "application.stop", "with": {"device": "drc-app1", "unit": "a.service"}},
            ),
            'spec.guards.0.uses: "application.stop" changes things, and this phase only looks. Use a probe.',
        ),
        (
            put("spec/recover/0", {"id": "withdraw", "uses": "lab.stop_node", "with": {"node": "jkt-app1"}}),
            (
                'spec.recover.0.uses: "lab.stop_node" asks the twin\'s supervisor, which a recover step must not. '
                "Recover with what production has."
            ),
        ),
        (
            put("spec/recover/6/needs", ["fenced", "load-databse"]),
            'spec.recover.6.needs: "load-databse" is no step of this phase. Did you mean "load-database"?',
        ),
        (
            put("spec/recover/0/needs", ["served"]),
            (
                "spec.recover: these steps wait for each other: "
                "withdraw -> served -> announce -> start-application -> permit -> fenced -> withdraw. Break the circle."
            ),
        ),
        (
            put("spec/verify/0", {"id": "rows", "uses": "clock.agrees", "with": {"devices": ["drc-app1", "drc-db9"]}}),
            'spec.verify.0.with.devices: "drc-db9" is no device of the inventory. Did you mean "drc-db1"?',
        ),
        (
            put("spec/verify/0/sets_up", True),
            "spec.verify.0.sets_up: only a step of inject sets up. Remove it.",
        ),
        (
            put("spec/verify/0/mode", "continuous"),
            "spec.verify.0.mode: only the steady state is asked continuously. Move it there.",
        ),
        (
            put("spec/steady_state/0/every", "5s"),
            "spec.steady_state.0.every: only a continuous probe is asked every so often. Set mode: continuous.",
        ),
        (
            put("spec/abort_on/probes/room-databse", 2),
            (
                'spec.abort_on.probes.room-databse: "room-databse" is no continuous probe of the steady state. '
                'Did you mean "room-database"?'
            ),
        ),
        (
            lambda d: d["spec"].pop("window"),
            "spec.abort_on.window_end: no window says when it ends. Set window.max_duration.",
        ),
        (
            put("spec/abort_on/window_end", False),
            "spec.window: the end of this window ends nothing. Set abort_on.window_end: true.",
        ),
        (
            lambda d: (
                d["spec"].update(roles={"commander": {"id": "a", "en": "b"}})
                or d["spec"]["verify"].append(deepcopy(MANUAL) | {"id": "seen"})
                or d["spec"]["controls"][0].update(of="seen")
            ),
            'spec.controls.0.of: "seen" is no probe. Show it of a probe.',
        ),
        (put("spec/controls/0/of", "row"), 'spec.controls.0.of: "row" is no verify step. Did you mean "rows"?'),
        (
            put("spec/rollbacks/steps/0/undoes", []),
            (
                'spec.inject.0: nothing rolls back "kill-database". '
                "Add a rollback using lab.start_node with undoes: [kill-database]."
            ),
        ),
        (
            put("spec/rollbacks/steps/1/undoes", ["nothing"]),
            (
                'spec.rollbacks.steps.1.undoes: "nothing" is no step that changes something. Known: announce, '
                "kill-database, load-database, permit, restore-files, revoke, start-application, withdraw."
            ),
        ),
        (
            put("spec/inject/0", {"id": "kill-database", "uses": "lab.cut", "with": {"link": "w9"}}),
            'spec.inject.0.with.link: "w9" is no link of the inventory. Known: jkt-db1, w1, w2.',
        ),
        (
            put("spec/inject/0", {"id": "kill-database", "uses": "lab.stop_site", "with": {"site": "jkr"}}),
            'spec.inject.0.with.site: "jkr" is no site of the inventory. Did you mean "jkt"?',
        ),
        (
            put("spec/inject/0", {"id": "kill-database", "uses": "lab.stop_site", "with": {"site": "drc"}}),
            "spec.inject.0.with.site: the drill runs at drc. Lose another site, or run it elsewhere.",
        ),
        (
            put("spec/scope/upstream", "pdn"),
            "spec.scope: a drill is about one of app, device and upstream. Name exactly one.",
        ),
        (put("spec/scope/upstream", "pnd"), 'spec.scope.upstream: "pnd" is unknown. Did you mean "pdn"?'),
        (
            lambda d: d["spec"]["scope"].pop("service"),
            'spec.scope: "service" is missing. Name the service of the application.',
        ),
        (put("spec/verify/0/id", "served"), 'spec.verify.0.id: "served" stands twice. Rename one of them.'),
        (put("spec/gaurds", []), 'spec.gaurds: "gaurds" is unknown. Did you mean "guards"?'),
        (lambda d: d["spec"].pop("controls"), 'spec.controls: "controls" is missing. See docs/drills.md.'),
    ],
)
def test_each_rule_has_its_message(change: Change, message: str) -> None:
    assert f"drill.yml:7: {message}" in problems(change)


RESTORE = yaml.load(HOME / "dr_drills/scenarios/naskah-restore.yml")


def restore_problems(change: Change) -> list[str]:
    document = deepcopy(RESTORE)
    change(document)
    _, found = lint(document, name="naskah-restore", file="drill.yml", known=KNOWN, locate=lambda _: 7)
    return [str(problem) for problem in found]


def test_the_shipped_restore_is_clean() -> None:
    assert restore_problems(lambda _: None) == []


BEYOND = (
    'touches more than scratch in a restore drill. Give it database: "@scratch" or path: "@scratch", or take it out.'
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            put("spec/recover/0/with/database", "naskah"),
            f'spec.recover.0: "database.restore" {BEYOND}',
        ),
        (
            put("spec/rollbacks/steps/1/with/path", "/var/lib/naskah/lampiran"),
            f'spec.rollbacks.steps.1: "files.remove_own" {BEYOND}',
        ),
        (
            lambda d: d["spec"]["recover"].append({"id": "away", "uses": "service.withdraw"}),
            f'spec.recover.2: "service.withdraw" {BEYOND}',
        ),
        (
            put("spec/declare/0", {"id": "declared", "uses": "service.announce", "with": {"site": "drc"}}),
            f'spec.declare.0: "service.announce" {BEYOND}',
        ),
        (
            put("spec/inject", [{"id": "kill", "uses": "lab.stop_node", "with": {"node": "jkt-db1"}}]),
            'spec.inject: a restore drill has no "inject". It loses nothing: it restores beside production',
        ),
        (lambda d: d["spec"].pop("rollbacks"), 'spec.rollbacks.steps: "steps" is missing. See docs/drills.md.'),
        (
            put("spec/type", "tabletop"),
            'spec.rollbacks.steps: a tabletop drill has no "rollbacks". It changes nothing: people say what they would',
        ),
        (put("spec/type", "component"), 'spec.inject: "inject" is missing. See docs/drills.md.'),
        (put("spec/recover/0/with/database", "@scrtch"), "spec.recover.0.with.database: "),
    ],
)
def test_each_rule_of_a_restore_has_its_message(change: Change, message: str) -> None:
    found = restore_problems(change)
    assert any(line.startswith(f"drill.yml:7: {message}") for line in found), found


def tabletop_problems(change: Change) -> list[str]:
    document = deepcopy(TABLETOP)
    change(document)
    _, found = lint(document, name="pdn-ransomware-tabletop", file="drill.yml", known=KNOWN, locate=lambda _: 7)
    return [str(problem) for problem in found]


def test_the_shipped_tabletop_is_clean() -> None:
    assert tabletop_problems(lambda _: None) == []


def only_probes(document: dict[str, Any]) -> None:
    spec = document["spec"]
    del spec["detect"], spec["declare"]
    spec["recover"] = [{"id": "copy-there", "uses": "backup.fresh", "with": {"max": "26h"}}]
    spec["verify"] = spec["verify"][1:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            put("spec/recover/0/with/role", "netwrk"),
            'spec.recover.0.with.role: "netwrk" is no role of this drill. Did you mean "network"?',
        ),
        (
            put("spec/declare/0", DECLARE),
            'spec.declare.0.uses: "declare.automatic" acts, and a tabletop only asks and looks. Use manual.task or a',
        ),
        (
            put("spec/steady_state/0", MANUAL),
            'spec.steady_state.0.uses: "manual.task" waits for a person, and this phase must not. Use a probe.',
        ),
        (
            put("spec/inject", [{"id": "kill", "uses": "lab.stop_node", "with": {"node": "jkt-db1"}}]),
            'spec.inject: a tabletop drill has no "inject". It changes nothing: people say what they would do.',
        ),
        (lambda d: d["spec"].pop("recover"), 'spec.recover: "recover" is missing. See docs/drills.md.'),
        (only_probes, "spec.recover: this tabletop asks nobody. Use manual.task."),
        (lambda d: d["spec"]["recover"][0]["with"].pop("text"), "spec.recover.0.with.text: Field required."),
    ],
)
def test_each_rule_of_a_tabletop_has_its_message(change: Change, message: str) -> None:
    found = tabletop_problems(change)
    assert any(line.startswith(f"drill.yml:7: {message}") for line in found), found


def test_a_person_may_have_a_part_in_any_drill_and_their_role_must_exist() -> None:
    def change(document: dict[str, Any]) -> None:
        document["spec"]["roles"] = {"commander": {"id": "a", "en": "b"}}
        document["spec"]["declare"].append(deepcopy(MANUAL) | {"id": "agreed"})
        document["spec"]["verify"].append(deepcopy(MANUAL) | {"id": "seen"})

    assert problems(change) == []
    assert restore_problems(change) == []

    def without_roles(document: dict[str, Any]) -> None:
        change(document)
        del document["spec"]["roles"]

    assert len(problems(without_roles)) == 2


def test_a_drill_without_a_control_is_refused() -> None:
    assert any("spec.controls" in line for line in problems(put("spec/controls", [])))


def test_all_problems_come_at_once() -> None:
    def change(document: dict[str, Any]) -> None:
        put("spec/scope/app", "x")(document)
        put("spec/verify/0/uses", "y.z")(document)

    assert len(problems(change)) == 2


def test_lines_are_real(tmp_path: Path) -> None:
    text = (HOME / f"dr_drills/scenarios/{NAME}.yml").read_text().replace("uses: naskah.rows", "uses: naskah.row")
    path = tmp_path / "drill.yml"
    path.write_text(text)
    _, found = lint(
        yaml.load(path), name=NAME, file=str(path), known=KNOWN, locate=lambda keys: yaml.locate(path, keys)
    )
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "naskah.row," in row)
    assert [problem.where for problem in found] == [f"{path}:{line}"]
