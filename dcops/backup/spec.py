"""The policies people write, `inventory/<name>/backup/<application>.yml`, as models; every problem at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from dcops.backup.classes import mixed_classes
from dcops.backup.model import ENGINES, BackupPolicy, NothingToBackUp
from dcops.core.errors import Problem, SpecError
from dcops.core.text import did_you_mean

NOTHING = "nothing_to_back_up"
Locate = Callable[[str, tuple[str | int, ...]], int]


def read_policies(
    documents: Iterable[tuple[str, Any]],
    *,
    devices: Iterable[str],
    applications: Iterable[str],
    locate: Locate,
    classes: Mapping[str, str],
) -> dict[str, BackupPolicy]:
    """Give application -> policy for parsed YAML files.

    Args:
        documents: (file name, parsed content).
        devices, applications: names the inventory knows; others are refused with a suggestion.
        locate: (file name, keys) -> line, asked only for an error.
        classes: application -> data class, as far as it is known.
    Raises:
        SpecError: with every problem of every file.
    """
    problems: list[Problem] = []
    policies: dict[str, BackupPolicy] = {}
    read: list[tuple[str, BackupPolicy]] = []
    stored: dict[str, tuple[str, tuple[object, ...]]] = {}
    known_devices, known_applications = set(devices), set(applications)
    for where, document in documents:
        if isinstance(document, Mapping) and NOTHING in document:
            continue
        try:
            policy = BackupPolicy.model_validate(document)
        except ValidationError as error:
            problems += [_problem(where, row, locate) for row in error.errors()]
            continue
        problems += _unknown(where, policy, known_devices, known_applications, locate)
        if policy.application in policies:
            problems.append(Problem(where, "application", f'"{policy.application}" has two policies', "Keep one."))
        problems += _conflicts(where, policy, stored, locate)
        policies[policy.application] = policy
        read.append((where, policy))
    problems += [
        replace(each, where=f"{each.where}:{locate(each.where, (each.path,))}") for each in mixed_classes(read, classes)
    ]
    if problems:
        raise SpecError(problems)
    return policies


def read_nothing(
    documents: Iterable[tuple[str, Any]], *, applications: Iterable[str], locate: Locate
) -> dict[str, NothingToBackUp]:
    """Give application -> why it has nothing to back up, of the files that say so; the rest as `read_policies`."""
    problems: list[Problem] = []
    found: dict[str, NothingToBackUp] = {}
    known = set(applications)
    for where, document in documents:
        if not isinstance(document, Mapping) or NOTHING not in document:
            continue
        try:
            each = NothingToBackUp.model_validate(document)
        except ValidationError as error:
            problems += [_problem(where, row, locate) for row in error.errors()]
            continue
        if each.application not in known:
            line = locate(where, ("application",))
            problems.append(Problem(f"{where}:{line}", "application", f'"{each.application}" is unknown', ""))
        found[each.application] = each
    if problems:
        raise SpecError(problems)
    return found


def _problem(where: str, row: Any, locate: Locate) -> Problem:
    """Give one pydantic error as a problem with its line; an unknown key comes with a suggestion."""
    # The kind of a database is a step of pydantic's path, not of the file's.
    keys = tuple(key for at, key in enumerate(row["loc"]) if not (at == 1 and key in ENGINES))
    message = str(row["msg"])
    hint = ""
    if row["type"] == "extra_forbidden":
        message = f'"{keys[-1]}" is unknown'
        guess = did_you_mean(str(keys[-1]), _FIELDS)
        hint = f'Did you mean "{guess}"?' if guess else "See docs/backup.md for the keys."
    return Problem(f"{where}:{locate(where, keys)}", ".".join(map(str, keys)), message.rstrip("."), hint)


def _unknown(
    where: str, policy: BackupPolicy, devices: set[str], applications: set[str], locate: Locate
) -> list[Problem]:
    """Give a problem for each device or application that the inventory does not know."""
    named: list[tuple[tuple[str, ...], str, set[str]]] = [
        (("application",), policy.application, applications),
        (("database", "device"), policy.database.device, devices),
    ]
    if policy.files:
        named.append((("files", "device"), policy.files.device, devices))
    if policy.retention:
        named.append((("retention", "host"), policy.retention.host, devices))
    if policy.wal:
        named.append((("wal", "reader"), policy.wal.reader, devices))
    problems = []
    for keys, name, known in named:
        if name not in known:
            guess = did_you_mean(name, known)
            hint = f'Did you mean "{guess}"?' if guess else "Add it to the inventory first."
            problems.append(Problem(f"{where}:{locate(where, keys)}", ".".join(keys), f'"{name}" is unknown', hint))
    return problems


def _conflicts(
    where: str, policy: BackupPolicy, stored: dict[str, tuple[str, tuple[object, ...]]], locate: Locate
) -> list[Problem]:
    """Give a problem for a repository that another file describes otherwise, or that would be copied to itself."""
    problems = []
    kept = policy.retention
    keeper = (kept.host, kept.path, kept.password) if kept else ()
    named = [(("repository",), policy.repository, keeper), *((("copies",), each, ()) for each in policy.copies)]
    for keys, spec, also in named:
        first, facts = stored.setdefault(spec.name, (where, (spec.url, spec.password, spec.ca, also)))
        if facts != (spec.url, spec.password, spec.ca, also) and first != where:
            text, hint = f'"{spec.name}" is another in {first}', "Write the same address, key and retention host."
            problems.append(Problem(f"{where}:{locate(where, keys)}", ".".join(keys), text, hint))
        if keys == ("copies",) and spec.name == policy.repository.name:
            text = f'"{spec.name}" is the repository it would be copied from'
            problems.append(Problem(f"{where}:{locate(where, keys)}", "copies", text, "Name another repository."))
    return problems


_FIELDS = (
    "application",
    "repository",
    "database",
    "files",
    "max_age",
    "minimum_size",
    "name",
    "url",
    "password",
    "logins",
    "ca",
    "create_if_missing",
    "user",
    "id",
    "kind",
    "device",
    "port",
    "newest",
    "references",
    "path",
    "ssh_user",
    "table",
    "column",
    "owner",
    "invariants",
    "sql",
    "expect",
    "schedule",
    "every",
    "retention",
    "host",
    "minimum_verified",
    "keep_within",
    "keep",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "copies",
    "wal",
    "tool",
    "stanza",
    "reader",
    "max_exposure",
    "max_check_age",
    NOTHING,
)
