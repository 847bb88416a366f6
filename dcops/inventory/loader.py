"""Reads the files of an inventory; the only part of the package that opens them."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dcops.core import yaml
from dcops.core.errors import Problem, SpecError, UsageError
from dcops.inventory.finding import Finding
from dcops.inventory.model import Application, Calendar, Inventory, Policy
from dcops.inventory.rules import check
from dcops.inventory.spec import SINGLE, Draft

# Folders beside the content that others read: Ansible its variables, the backup its policies. The latter say what
# should be, too, so they count for the revision.
_BACKUP = "backup"
_NOT_CONTENT = frozenset({"group_vars", "host_vars", _BACKUP})
_HEAD_FILE = "inventory.yml"


def load(root: Path) -> Inventory:
    """Read, validate and cross-check the inventory in the folder `root`.

    Raises:
        UsageError: `root` is no inventory folder.
        SpecError: something in it is wrong; every problem is listed with file and line.
    """
    root = root.resolve()
    if not (root / _HEAD_FILE).is_file():
        raise UsageError(
            f"no {_HEAD_FILE} here", where=str(root), hint="Name an inventory folder, such as inventory/lab."
        )
    files, contents, problems = _read(root)
    draft = Draft()
    for index, content in enumerate(contents):
        draft.add_file(index, content)
    draft.build()
    inventory = _assemble(draft, root, files)
    findings = list(draft.findings)
    if inventory is not None:
        findings += check(inventory, {section: set(items) for section, items in draft.raw.items()})
        if inventory.name != root.name:
            findings.append(
                Finding(
                    "inventory", "", ("name",), f'"{inventory.name}" is not the folder\'s name', f'Write "{root.name}".'
                )
            )
    problems += [_located(each, draft, files, root) for each in findings]
    if problems:
        raise SpecError(sorted(set(problems), key=_order))
    assert inventory is not None  # a missing or bad head is a problem, reported above
    return inventory


def _order(problem: Problem) -> tuple[str, int, str, str]:
    """Sort problems by file and line."""
    file, _, line = problem.where.rpartition(":")
    return file, int(line) if line.isdigit() else 0, problem.path, problem.message


def _content_files(root: Path) -> Iterator[Path]:
    """Give the YAML files below `root`, sorted, without Ansible's folders and hidden ones."""
    for path in sorted(root.rglob("*.y*ml")):
        parts = path.relative_to(root).parts
        if not _NOT_CONTENT.intersection(parts) and not any(part.startswith(".") for part in parts):
            yield path


def _read(root: Path) -> tuple[list[Path], list[Any], list[Problem]]:
    """Read the content files and the included ones; give paths, contents and what could not be read."""
    files = list(_content_files(root))
    contents: list[Any] = []
    problems: list[Problem] = []
    for path in files:  # grows while it is walked: includes are appended
        try:
            content = yaml.load(path)
        except SpecError as error:
            problems += [
                Problem(_shown(each.where, root), each.path, each.message, each.hint) for each in error.problems
            ]
            content = None
        contents.append(content)
        if path == root / _HEAD_FILE:
            files += _included(content, root)
    return files, contents, problems


def _included(content: Any, root: Path) -> list[Path]:
    """Give the files that the head includes; wrong ones are left to the check of reading them."""
    head = content.get("inventory") if isinstance(content, Mapping) else None
    names = head.get("include") if isinstance(head, Mapping) else None
    return [(root / str(name)).resolve() for name in names] if isinstance(names, list) else []


def _shown(where: str, root: Path) -> str:
    """Write a path from the folder that holds `inventory/`."""
    return where.removeprefix(f"{root.parent.parent}/")


def _revision(files: list[Path], root: Path) -> str:
    """Give the SHA-256 over name and content of all files: the same content gives the same revision anywhere."""
    digest = hashlib.sha256()
    for path in files:
        name = _shown(str(path), root).encode()
        try:
            content = path.read_bytes()
        except OSError:
            continue  # a folder called x.yml, or no right to read it: that is a problem of whoever reads it as content
        digest.update(b"%d %s %d " % (len(name), name, len(content)) + content)
    return digest.hexdigest()


def _assemble(draft: Draft, root: Path, files: list[Path]) -> Inventory | None:
    """Put the models together; None when the head itself is wrong."""
    models = draft.models
    head = models.get("inventory", {}).get("")
    if head is None:
        if not draft.raw["inventory"]:
            draft.source["inventory", ""] = files.index(root / _HEAD_FILE)
            draft.findings.append(
                Finding("inventory", "", (), "the section is missing", "Add name, environment and title.")
            )
        return None
    catalogue = models["catalogue"]
    applications = {
        key: Application.model_construct(key=key, facts=catalogue[key], operations=operations)
        for key, operations in models["applications"].items()
        if key in catalogue
    }
    parts: dict[str, Any] = {
        name: MappingProxyType(items)
        for name, items in models.items()
        if name not in (*SINGLE, "catalogue", "applications")
    }
    return Inventory(
        head=head,
        revision=_revision([*files, *sorted((root / _BACKUP).glob("*.y*ml"))], root),
        root=root,
        files=tuple(files),
        applications=MappingProxyType(applications),
        calendar=models["calendar"].get("") or Calendar(),
        policy=models["policy"].get("") or Policy(),
        **parts,
    )


def _located(finding: Finding, draft: Draft, files: list[Path], root: Path) -> Problem:
    """Give a finding its file and line."""
    index = draft.source.get((finding.section, finding.name), draft.source.get((finding.section, "")))
    if index is None:
        return Problem(_shown(str(root), root), finding.path, finding.message, finding.hint)
    path = files[index]
    keys = [key for key in (finding.section, finding.name, *finding.keys) if key != ""]
    line = yaml.locate(path, keys) if keys else 1
    return Problem(f"{_shown(str(path), root)}:{line}", finding.path, finding.message, finding.hint)
