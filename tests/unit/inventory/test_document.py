"""docs/inventory.md names every section, field, closed word and kind of debt there is, and its examples are valid.

To renew the field lists after a change of the models: python tests/unit/inventory/test_document.py
"""

import re
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from dcops.core.yaml import loads
from dcops.inventory import load
from dcops.inventory.debt import DebtKind
from dcops.inventory.spec import SECTIONS, SINGLE

PAGE = Path(__file__).resolve().parents[3] / "docs" / "inventory.md"
BEGIN, END = "<!-- fields: begin -->", "<!-- fields: end -->"
# Given by the place of an item, or worked out; never written in a file.
DERIVED = {"devices.fqdn"}  # worked out unless written
NAMED = {"devices.interfaces", "calendar.windows", "calendar.maintenance"}  # mappings whose keys are the names
NOT_WRITTEN = {"devices.interfaces": {"role"}}


def inner(kind: Any) -> Any:
    """Take optional, annotated, tuple and mapping off a type."""
    while get_origin(kind) in (Annotated, Union, UnionType, tuple, dict):
        arguments = [each for each in get_args(kind) if each not in (type(None), ...)]
        kind = arguments[-1] if get_origin(kind) is dict else arguments[0]
    return kind


def fields(kind: type[BaseModel], path: str, hidden: set[str]) -> list[str]:
    """Give one line for a model and one for each model inside it; required fields are bold."""
    words, below = [], []
    for attribute, field in kind.model_fields.items():
        name = field.alias or attribute
        if name in hidden:
            continue
        child = inner(field.annotation)
        text = f"**{name}**" if field.is_required() and f"{path}.{name}" not in DERIVED else name
        if isinstance(child, type) and issubclass(child, StrEnum):
            text += f" ({', '.join(child)})"
        elif isinstance(child, type) and issubclass(child, BaseModel):
            if "[" in child.__name__ or {"value", "status"} <= set(child.model_fields):
                allowed = inner(child.model_fields["value"].annotation)
                is_closed = isinstance(allowed, type) and issubclass(allowed, StrEnum)
                text += f" (value: {', '.join(allowed)})" if is_closed else " (value)"
            elif {"id", "en"} == set(child.model_fields):
                text += " (id, en)"
            else:
                place = f"{path}.{name}"
                below += fields(child, place, NOT_WRITTEN.get(place, set()) | ({"name"} if place in NAMED else set()))
        words.append(text)
    return [f"- `{path}`: {', '.join(words)}.", *below]


def field_lists() -> str:
    lines: list[str] = []
    for section, (kind, key) in SECTIONS.items():
        lines += fields(kind, section, {key})
    for section, single in SINGLE.items():
        lines += fields(single, section, set())
    return "\n".join(dict.fromkeys(lines))


def test_the_page_lists_every_field() -> None:
    listed = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip()
    assert listed == field_lists()


def test_the_page_explains_every_kind_of_debt() -> None:
    text = PAGE.read_text()
    assert [kind for kind in DebtKind if f"| {kind} |" not in text] == []


BLOCKS = re.findall(r"<!-- example: (\S+) -->\n```yaml\n(.*?)```", PAGE.read_text() if PAGE.exists() else "", re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_example_is_valid_in_the_lab(number: int, tmp_path: Path) -> None:
    name, text = BLOCKS[number]
    shutil.copytree(PAGE.parents[1] / "inventory", tmp_path / "inventory")
    root = tmp_path / "inventory" / "lab"
    (root / f"example-{name}.yml").write_text(text)
    assert loads(text, name)
    load(root)


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 3


if __name__ == "__main__":
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{field_lists()}\n{END}{rest.partition(END)[2]}")
    sys.exit(0)
