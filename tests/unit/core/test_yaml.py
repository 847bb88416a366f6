from pathlib import Path

import pytest

from dcops.core import yaml
from dcops.core.errors import SpecError


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "{a: no, b: on, c: 22:30, d: 2026-11-24, e: 010, f: 0o10, g: true, h: 1.5, i: ~, j: '1', k: 1e3, l: }"
    assert yaml.loads(text, "x") == {
        "a": "no", "b": "on", "c": "22:30", "d": "2026-11-24", "e": 10, "f": 8, "g": True, "h": 1.5, "i": None,
        "j": "1", "k": 1000.0, "l": None,
    }  # fmt: skip


def test_a_key_that_stands_twice_is_refused_with_its_line() -> None:
    with pytest.raises(SpecError) as caught:
        yaml.loads("a: 1\nb: 2\na: 3\n", "sites.yml")
    assert str(caught.value).startswith('sites.yml:3: key "a" stands twice')


def test_what_is_no_yaml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yml"
    path.write_text("a: [1, 2\nb: 3\n")
    with pytest.raises(SpecError) as caught:
        yaml.load(path)
    assert caught.value.problems[0].where == f"{path}:2"


def test_a_missing_file_is_a_problem_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="1 problem found"):
        yaml.load(tmp_path / "absent.yml")


def test_locate_gives_the_line_of_the_deepest_key_that_exists(tmp_path: Path) -> None:
    path = tmp_path / "d.yml"
    path.write_text("devices:\n  - name: a\n    rack: r1\n  - name: b\n    rack: r2\n")
    assert yaml.locate(path, ["devices", 1, "rack"]) == 5
    assert yaml.locate(path, ["devices", 1, "unit"]) == 4
    assert yaml.locate(path, ["nothing"]) == 1


def test_python_objects_cannot_be_made_from_yaml() -> None:
    with pytest.raises(SpecError):
        yaml.loads("!!python/object/apply:os.getcwd []", "x")


@pytest.mark.parametrize(
    "text",
    [
        "? [a, b]\n: c",
        "? {a: b}\n: c",
        "a: " + "9" * 5000,
        "a: !!int x",
        "a: !!float x",
        "a: !!timestamp x",
        "a: !!bool x",
        "!!map [a]",
        "a: &x [*x]",
    ],
)
def test_what_cannot_be_read_is_a_problem_of_the_file(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        yaml.loads(text, "sites.yml")
    assert caught.value.problems[0].where.startswith("sites.yml")
