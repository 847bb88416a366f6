"""Policies: the lab's own is clean, and each mistake has its message."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from dcops.backup.spec import read_nothing, read_policies
from dcops.core import yaml
from dcops.core.errors import DcopsError, SpecError

HOME = Path(__file__).parents[3]
DOCUMENT = yaml.load(HOME / "inventory/lab/backup/naskah_dinas_elektronik.yml")


def read(*documents: Any) -> Any:
    return read_policies(
        [(f"p{number}.yml", document) for number, document in enumerate(documents)],
        devices={"jkt-db1", "jkt-app1", "drc-bkp1", "drc-db1"}, applications={"naskah_dinas_elektronik"},
        locate=lambda name, keys: 7, classes={},
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
        ("retention/host", "drc-bkp", 'p0.yml:7: retention.host: "drc-bkp" is unknown. Did you mean "drc-bkp1"?'),
        ("retention/keep", {"houry": 3}, '"houry" is unknown. Did you mean "hourly"?'),
        ("retention/path", "srv/restic", "String should match pattern"),
        ("copies", [DOCUMENT["repository"]], 'copies: "drc-bkp1-jkt" is the repository it would be copied from'),
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


@pytest.mark.parametrize(("key", "value"), [("password", "file:other"), ("url", "rest:https://drc-bkp1:8000/other/")])
def test_one_repository_is_the_same_for_all_that_store_there(key: str, value: str) -> None:
    other = changed(f"repository/{key}", value) | {"application": "absensi"}
    with pytest.raises(SpecError, match='"drc-bkp1-jkt" is another in'):
        read_policies(
            [("p0.yml", DOCUMENT), ("p1.yml", other)], devices={"jkt-db1", "jkt-app1", "drc-bkp1"},
            applications={"naskah_dinas_elektronik", "absensi"}, locate=lambda name, keys: 7,
            classes={},
        )  # fmt: skip


LIMITED, CONFIDENTIAL = (
    {"naskah_dinas_elektronik": "limited"},
    {"naskah_dinas_elektronik": "limited", "absensi": "confidential"},
)
OWN = {"name": "own", "url": "rest:https://drc-bkp1:8000/jkt/own/", "password": "file:own"}


@pytest.mark.parametrize(
    ("classes", "repository", "message"),
    [
        (CONFIDENTIAL, {}, '"drc-bkp1-jkt" has the address that keeps limited data of p0.yml; this is confidential'),
        (LIMITED, {}, "this is unknown"),
        (
            CONFIDENTIAL,
            {**OWN, "password": DOCUMENT["repository"]["password"]},
            '"own" has the password that keeps limited',
        ),
        (CONFIDENTIAL, OWN, ""),
        ({}, {}, ""),
    ],
)
def test_a_repository_and_a_key_hold_one_data_class(classes: Any, repository: Any, message: str) -> None:
    document = {**DOCUMENT, "application": "absensi", "repository": {**DOCUMENT["repository"], **repository}}
    document = {name: value for name, value in document.items() if name not in ("copies", "retention")}
    first = {name: value for name, value in DOCUMENT.items() if name not in ("copies", "retention")}

    def given() -> Any:
        return read_policies(
            [("p0.yml", first), ("p1.yml", document)], devices={"jkt-db1", "jkt-app1", "drc-db1", "drc-bkp1"},
            applications={"naskah_dinas_elektronik", "absensi"}, locate=lambda name, keys: 7, classes=classes,
        )  # fmt: skip

    if not message:
        assert set(given()) == {"naskah_dinas_elektronik", "absensi"}
        return
    with pytest.raises(SpecError) as caught:
        given()
    assert "p1.yml:7: repository: " in str(caught.value)
    assert message in str(caught.value)


def test_the_kind_of_a_database_decides_its_keys_and_is_no_step_of_the_place() -> None:
    mariadb = changed("database/kind", "mariadb")
    assert read(mariadb)["naskah_dinas_elektronik"].database.kind == "mariadb"
    with pytest.raises(SpecError, match=r"p0\.yml:7: database\.pasword: .* Did you mean \"password\""):
        read(changed("database/pasword", "file:x"))
    with pytest.raises(SpecError, match="oracle"):
        read(changed("database/kind", "oracle"))
    with pytest.raises(DcopsError, match="this needs PostgreSQL, the database is MariaDB"):
        _ = read(mariadb)["naskah_dinas_elektronik"].postgresql


def test_an_application_without_data_says_so_in_a_file_of_its_own() -> None:
    document = {"application": "penghubung", "nothing_to_back_up": {"value": "in git", "status": "proposed", "by": "x"}}
    files = [("a.yml", DOCUMENT), ("b.yml", document)]
    found = read_nothing(files, applications={"penghubung"}, locate=lambda name, keys: 7)
    assert found["penghubung"].nothing_to_back_up.value == "in git"
    assert list(read(DOCUMENT, document)) == ["naskah_dinas_elektronik"]
    with pytest.raises(SpecError, match=r'b\.yml:7: application: "penghubung" is unknown'):
        read_nothing(files, applications=set(), locate=lambda name, keys: 7)
