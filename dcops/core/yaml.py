"""YAML as people here write it: the C loader, YAML 1.2 scalars, no duplicate keys, line numbers only when needed.

YAML 1.1 reads `no` as false, `22:30` as 1350 and `2026-11-24` as a date; people who write site names, times and ranges
do not expect that, so those stay strings (YAML 1.2 core schema).
"""

import re
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, SequenceNode

from dcops.core.errors import Problem, SpecError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """CSafeLoader with the resolvers of the YAML 1.2 core schema."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


def _resolver(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_resolver("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolver("null", "~|null|Null|NULL|", "~nN")
_Loader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile("^$")))
_resolver("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789")
_resolver(
    "float",
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "-+.0123456789",
)


def _construct_int(loader: Any, node: Any) -> int:
    """Read an integer by YAML 1.2: `010` is ten, octal is `0o10`."""
    text = loader.construct_scalar(node)
    if text.startswith(("0o", "0x")):
        return int(text, 0)
    return int(text, 10)


def _construct_mapping(loader: Any, node: MappingNode) -> dict[Hashable, Any]:
    """Read a mapping and refuse a key that stands twice."""
    mapping: dict[Hashable, Any] = {}
    if not isinstance(node, MappingNode):
        raise ConstructorError(None, None, "expected a mapping", node.start_mark)
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise ConstructorError(None, None, "a key is no plain word", key_node.start_mark)
        if key in mapping:
            raise ConstructorError(None, None, f'key "{key}" stands twice', key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def loads(text: str, where: str) -> Any:
    """Read one YAML document. Raises SpecError with file and line when it is no YAML or a key stands twice."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader derives from CSafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{where}:{mark.line + 1}" if mark else where
        raise SpecError([Problem(place, "", str(error.problem or "not YAML"), "Mend the YAML.")]) from error
    except yaml.YAMLError as error:
        raise SpecError([Problem(where, "", f"not YAML: {error}".splitlines()[0], "Mend the YAML.")]) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # What the constructors of explicit tags raise (`!!int x`), a number of thousands of digits, endless nesting.
        message = f"a value cannot be read ({type(error).__name__})"
        raise SpecError([Problem(where, "", message, "Look for !! tags and endless numbers.")]) from error


def load(path: Path) -> Any:
    """Read one YAML file. Raises SpecError with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError([Problem(str(path), "", f"cannot read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise SpecError([Problem(str(path), "", "not UTF-8 text", "Save it as UTF-8.")]) from error
    return loads(text, str(path))


def _step(node: Node, key: str | int) -> tuple[Node, int] | None:
    """Give the child of `node` at `key` and the line its key or item starts on."""
    if isinstance(node, MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == str(key):
                return value_node, key_node.start_mark.line
    if isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.value):
        child = node.value[key]
        return child, child.start_mark.line
    return None


def locate(path: Path, keys: Sequence[str | int]) -> int:
    """Give the line, from 1, where the value at `keys` begins: the deepest part of the path that exists.

    Reads the file a second time; call it only to report an error, and `locator` for many lines of one file.
    """
    return locator(path)(keys)


def locator(path: Path) -> Callable[[Sequence[str | int]], int]:
    """Give `locate` for one file, which is read once, when the first line is asked for."""
    root = cache(lambda: _composed(path))
    return lambda keys: _line(root(), keys)


def _composed(path: Path) -> Node | None:
    try:
        return yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def _line(node: Node | None, keys: Sequence[str | int]) -> int:
    line = 0
    for key in keys:
        found = _step(node, key) if node is not None else None
        if found is None:
            break
        node, line = found
    return line + 1
