"""One data class to a repository and to a key: who may read the one kind must not be able to read the other. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from dcops.backup.model import BackupPolicy, RepositorySpec
from dcops.core.errors import Problem

UNKNOWN = "unknown"
_HINT = "Give each data class a repository and a password of its own."


def mixed_classes(policies: Sequence[tuple[str, BackupPolicy]], classes: Mapping[str, str]) -> Iterator[Problem]:
    """Give a problem for each repository, and each key, that would hold applications of two data classes.

    Args:
        policies: (file name, policy), in the order of the files.
        classes: application -> data class; one that is missing is `unknown`, a class of its own.
    """
    held: dict[tuple[str, str], tuple[str, BackupPolicy]] = {}
    for where, policy in policies:
        mine = classes.get(policy.application, UNKNOWN)
        told = set[str]()
        for spec, key, value in _places(policy):
            first, other = held.setdefault((key, value), (where, policy))
            theirs = classes.get(other.application, UNKNOWN)
            if theirs != mine and spec.name not in told:
                told.add(spec.name)
                text = f'"{spec.name}" has the {_SHARED[key]} that keeps {theirs} data of {first}; this is {mine}'
                yield Problem(where, "repository", text, _HINT)


_SHARED = {"url": "address", "password": "password"}


def _places(policy: BackupPolicy) -> Iterator[tuple[RepositorySpec, str, str]]:
    for spec in (policy.repository, *policy.copies):
        yield spec, "url", spec.url.rstrip("/")
        yield spec, "password", str(spec.password)
