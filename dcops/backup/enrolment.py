"""Which repository a name stands for: its id is recorded on first use, and compared ever after."""

from collections.abc import Callable
from typing import Protocol

from dcops.backup.plan import check_identity
from dcops.backup.streams import Report
from dcops.core.errors import RepositoryMissing


class _Identified(Protocol):
    @property
    def where(self) -> str: ...

    def identity(self) -> str: ...


class _Enrolments(Protocol):
    def enrolled(self, repository: str) -> str | None: ...

    def enrol(self, repository: str, repository_id: str, run: str) -> None: ...


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def create_if_missing(self) -> bool: ...


def identify(
    spec: _Named, reader: _Identified, make: Callable[[], object], log: _Enrolments, *, run: str, report: Report
) -> str:
    """Give the repository's id after comparing it with the enrolled one; make it, and enrol it, on first use.

    A repository that was enrolled and is away is never made anew: that would call an empty one by its name.

    Raises:
        RepositoryMissing: it is away, and was enrolled or may not be made.
        Refused: it has another id than the enrolled one.
    """
    enrolled = log.enrolled(spec.name)
    try:
        found = reader.identity()
    except RepositoryMissing as error:
        if enrolled is not None or not spec.create_if_missing:
            raise
        report(f"repository {spec.name}: not there yet, made ({error.where})")
        make()
        found = reader.identity()
    check_identity(found, enrolled, reader.where)
    if enrolled is None:
        log.enrol(spec.name, found, run)
        report(f"repository {spec.name}: id {found[:12]} enrolled")
    return found
