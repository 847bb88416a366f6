"""The table of entry points, the scenarios and the runbooks agree; what a run did not make it never removes."""

from pathlib import Path
from typing import Any, cast

import pytest

from dcops.core import yaml
from dcops.core.errors import Refused
from dcops.core.words import BlastClass
from dcops.drills.context import DrillContext
from dcops.drills.entrypoints import load_catalogue
from dr_drills.actions.database import DROP_OWN
from dr_drills.actions.files import REMOVE_OWN, RESTORE
from dr_drills.parameters import Database, Folder

HOME = Path(__file__).parents[3]
CATALOGUE = load_catalogue(HOME)
SCENARIOS = sorted((HOME / "dr_drills/scenarios").glob("*.yml"))


def test_every_undoing_action_exists() -> None:
    undoing = {name for action in CATALOGUE.actions.values() for name in action.undone_by}
    assert undoing <= set(CATALOGUE.actions)


def test_what_disrupts_can_be_undone_and_nothing_destroys() -> None:
    for action in CATALOGUE.actions.values():
        assert action.blast < BlastClass.DESTROY
        assert action.blast < BlastClass.DISRUPT or action.undone_by, action.name


def test_every_file_is_registered() -> None:
    text = (HOME / "pyproject.toml").read_text()
    for folder in ("actions", "probes"):
        for path in (HOME / "dr_drills" / folder).glob("[a-z]*.py"):
            assert f'"dr_drills.{folder}.{path.stem}:' in text, path.name


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_has_its_runbook(path: Path) -> None:
    runbook = yaml.load(path)["metadata"]["runbook"]
    page = (HOME / "runbooks" / f"{runbook}.md").read_text()
    for heading in ("Meaning", "Impact", "Diagnosis", "Mitigation", "Verify", "Rollback"):
        assert f"## {heading}" in page


class Servers:
    """Databases and files of somebody else at the recovery site."""

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.ran: list[list[str]] = []

    def names(self, device: str) -> tuple[str, ...]:
        return ("naskah",)

    def comment(self, device: str, database: str) -> str:
        return "made by dcops drill run ANOTHER"

    def drop(self, device: str, database: str) -> None:
        self.dropped.append(database)

    def status(self, device: str, argv: list[str]) -> int:
        return 1 if argv[0] == "grep" else 0

    def run(self, device: str, argv: list[str], **options: Any) -> str:
        self.ran.append(argv)
        return "ab/abc\n" if argv[0] == "find" else ""


def context(servers: Servers) -> DrillContext:
    absent = cast(Any, None)
    found = object.__new__(DrillContext)
    found.run_id, found.databases, found.hosts = "RUN", cast(Any, servers), cast(Any, servers)
    found.point, found.say = cast(Any, object()), absent
    return found


def test_a_database_of_another_run_is_not_dropped() -> None:
    servers = Servers()
    with pytest.raises(Refused, match="was not made by this run"):
        DROP_OWN.run(context(servers), Database(device="drc-db1", database="naskah"))
    assert servers.dropped == []


def test_a_folder_of_another_run_is_neither_filled_nor_emptied() -> None:
    servers = Servers()
    folder = Folder(device="drc-app1", path="/var/lib/naskah/lampiran", owner="naskah")
    with pytest.raises(Refused, match="was filled by another run"):
        REMOVE_OWN.run(context(servers), folder)
    with pytest.raises(Refused, match="is not empty"):
        RESTORE.run(context(servers), folder)
    assert all(argv[0] == "find" and "-delete" not in argv for argv in servers.ran)
