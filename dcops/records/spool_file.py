"""Break-glass: where records wait while the journal cannot take them.

First a file beside the journal, then one in memory, at last a line on stderr, which systemd keeps. The folder itself is
locked (flock) while somebody writes or empties it, which needs no free disk.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dcops.core.errors import DcopsError
from dcops.records.memory import memory_folder

_FILE = "waiting.spool"
Place = Callable[[], Path]


class FileSpool:
    """Keeps lines in `<folder>/waiting.spool`, or in memory when that cannot be written."""

    def __init__(self, folder: Path, memory: Place = memory_folder) -> None:
        self._places: tuple[Place, ...] = (lambda: folder, lambda: memory() / "spool")

    def put(self, text: str) -> str:
        """Keep one line and return where."""
        for place in self._places:
            try:
                folder = place()
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with _locked(folder):
                    return str(_append(folder / _FILE, text))
            except (OSError, DcopsError):
                continue
        print(f"dcops: record not kept, no place left: {text}", file=sys.stderr, flush=True)
        return "stderr"

    def entries(self) -> tuple[str, ...]:
        """Return the lines that wait, those on disk first, torn ends left out."""
        return tuple(line for path in self._files() for line in _whole_lines(path))

    @contextmanager
    def draining(self) -> Iterator[tuple[str, ...]]:
        """Yield the lines that wait and forget them when the block ends well; nobody else writes meanwhile."""
        with ExitStack() as locks:
            files = self._files()
            for path in files:
                locks.enter_context(_locked(path.parent))
            yield tuple(line for path in files for line in _whole_lines(path))
            for path in files:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for place in self._places:
            try:
                path = place() / _FILE
                if path.stat().st_size:
                    found.append(path)
            except (OSError, DcopsError):
                continue
        return found


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _append(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        before = os.fstat(descriptor).st_size
        data = text.encode("utf-8") + b"\n"
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError("no room for the whole line")
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
    return path


def _whole_lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except OSError:
        return []
    return [line.decode("utf-8", "replace") for line in data.split(b"\n")[:-1] if line]
