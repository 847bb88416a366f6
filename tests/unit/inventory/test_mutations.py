"""Whatever stands in a file, loading it ends in an inventory or in a list of problems, never in a defect."""

import copy
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml

from dcops.core.errors import SpecError
from dcops.core.yaml import load as load_yaml
from dcops.inventory import load

SAMPLE = Path(__file__).parent / "sample"
WRONG: tuple[Any, ...] = (None, "nobody", 7, -1, True, [], {}, ["x", 1], {"a": 1}, "198.18.1.11/24", "~(", "")


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path to every value, inner ones included."""
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from leaves(child, (*path, key))


def replaced(document: Any, path: tuple[Any, ...], value: Any, *, remove: bool) -> Any:
    changed = copy.deepcopy(document)
    node = changed
    for key in path[:-1]:
        node = node[key]
    if remove:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLE.glob("*.yml")))
def test_each_value_of_a_file_replaced_and_removed(name: str, sample_root: Path) -> None:
    document = load_yaml(SAMPLE / name)
    wrong = cycle(WRONG)
    errors: list[SpecError] = []
    for index, path in enumerate(leaves(document)):
        changed = replaced(document, path, next(wrong), remove=index % 3 == 2)
        (sample_root / name).write_text(yaml.safe_dump(changed, sort_keys=False))
        try:
            load(sample_root)
        except SpecError as error:
            errors.append(error)
    assert len(errors) > 2
    assert all(problem.where and problem.message for error in errors for problem in error.problems)
