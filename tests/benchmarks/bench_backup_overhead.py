"""What `dcops backup run` costs above plain restic: mixed files, the same for both, in alternating pairs.

Run by script/bench alone on the machine, or: bench_backup_overhead.py [--size 2GB] [--pairs 5].

Ours is the whole use case, `BackupService.run`, on a real repository: identity, dump, files, look-up of both snapshots,
manifest. Its database is a dump of 64 KiB that is at hand and its files lie in a folder that needs no fetching, because
plain restic has neither a database to dump nor a network to cross. Theirs is one `restic backup` of the same folder.
Each run has a repository of its own, made before the clock starts; the files were read once, so both find them in
memory as far as they fit. The medians count. Ends with 1 when ours is more than 1.05 of plain plus 2 s.
"""

import argparse
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from dcops.backup.model import BackupPolicy, DumpFacts, KnownReceipts, StoredFile
from dcops.backup.ports import ByteStream, DumpSession, OnBytes
from dcops.backup.restic import Restic, ResticAccess
from dcops.backup.service import BackupService, Place, Writers
from dcops.core.secrets import Secret
from dcops.core.units import format_size, parse_size
from dcops.core.words import Environment
from dcops.records.kinds.backup import Receipt

LIMIT_RATIO, LIMIT_SECONDS = 1.05, 2.0
SIZES = (4_000, 40_000, 400_000, 4_000_000)
RUN = "01JBENCH000000000000000000"


def write_files(folder: Path, total: int) -> tuple[StoredFile, ...]:
    """Fill `folder` with `total` bytes in files of four sizes, half of each random, half text; named by their hash."""
    dice, files, left, number = random.Random(1), [], total, 0
    while left > 0:
        size = min(SIZES[number % len(SIZES)], left)
        half = dice.randbytes(size // 2)
        content = half + (b"%020d surat masuk\n" % number * (size // 33 + 2))[: size - len(half)]
        digest = hashlib.sha256(content).hexdigest()
        path = folder / digest[:2] / digest
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        files.append(StoredFile(sha256=digest, size_bytes=size))
        left, number = left - size, number + 1
    return tuple(sorted(files, key=lambda file: file.sha256))


class Dump:
    """A small dump that is at hand, as database, session and stream."""

    snapshot_at = datetime(2026, 1, 1, tzinfo=UTC)
    facts = DumpFacts(database="bench", server_version="0", system_identifier="0", rows={"t": 1}, newest=None,
                      referenced=(), clock_offset_seconds=0.0)  # fmt: skip

    def __init__(self) -> None:
        self._left = b"x" * 65536

    @contextmanager
    def session(self) -> Iterator[DumpSession]:
        yield self

    @contextmanager
    def dump(self) -> Iterator[ByteStream]:
        yield self

    def read(self, size: int) -> bytes:
        chunk, self._left = self._left[:size], self._left[size:]
        return chunk

    def finish(self) -> None:
        return None


class LocalFiles:
    """A mirror that is up to date: it is listed at each run, as after a run that found nothing new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def refresh(self, on_bytes: OnBytes) -> tuple[StoredFile, ...]:
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        files = [StoredFile(sha256=path.name, size_bytes=path.stat().st_size) for path in found]
        return tuple(sorted(files, key=lambda file: file.sha256))


class Log:
    """The receipt log in memory."""

    def __init__(self, repository_id: str) -> None:
        self.repository_id, self.kept = repository_id, list[Receipt]()

    def enrolled(self, repository: str) -> str | None:
        return self.repository_id

    def enrol(self, repository: str, repository_id: str, run: str) -> None:
        raise AssertionError("enrolled already")

    def add(self, receipt: Receipt, run: str) -> None:
        self.kept.append(receipt)

    def receipts(self, application: str) -> list[Receipt]:
        return self.kept

    def everywhere(self, application: str) -> KnownReceipts:
        return KnownReceipts()


def repository(base: Path) -> tuple[Restic, dict[str, str]]:
    """Make an empty repository; give our access to it and the environment for plain restic."""
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    key = base / "key"
    key.write_text("bench")
    key.chmod(0o600)
    restic = Restic(ResticAccess(str(base / "repository"), Secret("bench", "file:key", key), base / "cache"))
    restic.initialise()
    environment = {**os.environ, "RESTIC_REPOSITORY": str(base / "repository"), "RESTIC_PASSWORD_FILE": str(key),
                   "RESTIC_CACHE_DIR": str(base / "cache")}  # fmt: skip
    return restic, environment


def ours(base: Path, files: Path, count: int) -> float:
    """Give the seconds of our run, after seeing that it stored every file and its manifest."""
    restic, _ = repository(base)
    log = Log(restic.identity())
    policy = BackupPolicy.model_validate({
        "application": "bench", "max_age": {}, "repository": {"name": "bench", "url": "r", "password": "file:key"},
        "database": {"id": "database", "kind": "postgresql", "device": "d", "database": "bench", "user": "u",
                     "password": "file:p"}})  # fmt: skip
    service = BackupService(policy, Place(Environment.SCRATCH, "bench", "0"), restic, log)
    began = time.perf_counter()
    receipt = service.run(Writers(Dump(), LocalFiles(files), restic), RUN, lambda _: None)
    seconds = time.perf_counter() - began
    found = service.newest_set()
    assert receipt.status == "done"
    assert found is not None
    assert len(found.manifest.files) == count
    return seconds


def plain(base: Path, files: Path) -> float:
    """Give the seconds of one `restic backup` of the same folder."""
    _, environment = repository(base)
    began = time.perf_counter()
    subprocess.run(["restic", "--quiet", "backup", "."], cwd=files, env=environment, check=True)
    return time.perf_counter() - began


def main() -> int:
    """Run the pairs and print the figures."""
    options = argparse.ArgumentParser(description="Overhead of a backup run above plain restic.")
    options.add_argument("--size", type=parse_size, default="2GB")
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--folder", default="/var/tmp", help="where files and repositories are made")
    chosen = options.parse_args()
    mine, theirs = list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="dcops-bench-", dir=chosen.folder) as name:
        base, files = Path(name), Path(name) / "files"
        files.mkdir()
        count = len(write_files(files, chosen.size))
        plain(base / "warm", files)  # not counted: it brings the files into memory
        for number in range(chosen.pairs):
            for is_ours in (True, False) if number % 2 else (False, True):
                if is_ours:
                    mine.append(ours(base / "run", files, count))
                else:
                    theirs.append(plain(base / "run", files))
            print(f"pair {number + 1}: ours {mine[-1]:.2f} s, plain restic {theirs[-1]:.2f} s", flush=True)
    we, they = statistics.median(mine), statistics.median(theirs)
    limit = LIMIT_RATIO * they + LIMIT_SECONDS
    print(
        f"{format_size(chosen.size)} in {count} files, medians of {chosen.pairs}: ours {we:.2f} s, plain restic "
        f"{they:.2f} s, ratio {we / they:.3f}, {we - they:+.2f} s (at most {LIMIT_RATIO} and 2 s: {limit:.2f} s)"
    )
    return 0 if we <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
