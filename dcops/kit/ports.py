"""What building and opening a kit need from outside. Pure."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

Say = Callable[[str], None]


class Content(Protocol):
    """The content this dcops works on, with its history."""

    def commit(self) -> str:
        """Return the commit that is checked out; raise Refused when what lies there is not that commit."""

    def write_bundle(self, path: Path) -> None:
        """Write the history up to that commit, signatures included, as one file that git can clone."""

    def write_source(self, path: Path) -> None:
        """Write the tree of that commit as a tar archive, the same bytes each time."""


class Packages(Protocol):
    """Software that a bare machine needs."""

    def fetch(self, folder: Path) -> Mapping[str, Path]:
        """Fetch all of it into `folder`, each checked by its hash; return name in the kit -> file."""
