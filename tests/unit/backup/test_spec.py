"""Policies: the lab's own is clean, and each mistake has its message."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from dcops.backup.spec import read_policies
from dcops.core import yaml
from dcops.core.errors import SpecError

HOME = Path(__file__).parents[3]
DOCUMENT = yaml.load(HOME / "inventory/lab/backup/naskah_dinas_elektronik.yml")


def read(*documents: Any) -> Any:
    return read_policies(
        [(f"p{number}.yml", document) for number, document in enumerate(documents)],
        devices={"jkt-db1", "jkt-app1"}, applications={"naskah_dinas_elektronik"}, locate=lambda name, keys: 7,
    )  # fmt: skip


def changed(path: str, value: Any) -> Any:
    document = deepcopy(DOCUMENT)
    *way, last = path.split("/")
    place = document
    for key in way:
        place = place[key]
    place[last] = value
    return document


def test_the_lab_policy_is_clean() -> None:
    policy = read(DOCUMENT)["naskah_dinas_elektronik"]
    assert policy.max_age.value == 26 * 3600
    assert policy.repository.logins["drc"].user == "drc"
    assert "@" not in policy.repository.url


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("databse", {}, 'p0.yml:7: databse: "databse" is unknown. Did you mean "database"?'),
        ("application", "naskah", 'p0.yml:7: application: "naskah" is unknown. Add it to the inventory first.'),
        ("database/device", "jkt-db2", 'p0.yml:7: database.device: "jkt-db2" is unknown. Did you mean "jkt-db1"?'),
        ("database/password", "hunter2", "String should match pattern"),
        ("files/path", "lampiran", "String should match pattern"),
        ("max_age", {"value": "soon"}, "no duration"),
        ("invariants", [{"id": "x", "sql": "DELETE FROM surat", "expect": 0}], "String should match pattern"),
        ("invariants", [{"id": "x", "sql": "SELECT 1", "expect": "yes"}], "Input should be a valid"),
    ],
)
def test_each_mistake_has_its_message(path: str, value: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(changed(path, value))
    assert message in str(caught.value)


def test_two_policies_for_one_application() -> None:
    with pytest.raises(SpecError, match="has two policies"):
        read(DOCUMENT, DOCUMENT)


def test_all_files_are_read_before_anything_is_said() -> None:
    with pytest.raises(SpecError) as caught:
        read(changed("database/device", "x"), changed("files/device", "y"))
    assert [problem.where for problem in caught.value.problems] == ["p0.yml:7", "p1.yml:7", "p1.yml"]
