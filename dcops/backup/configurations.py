"""The kept configurations of network devices as a backup set of their own. The use case and its port; knows no adapter.

A set is a git bundle, which holds every kept version and can be cloned by git alone, and a manifest, stored last.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field

from dcops.backup.enrolment import identify
from dcops.backup.model import RepositorySpec
from dcops.backup.plan import PART_MANIFEST, check_identity, newest_manifest, settled, tags_of
from dcops.backup.ports import ByteStream, RepositoryReader, RepositoryWriter
from dcops.backup.streams import Bytestring, Counting
from dcops.core.clock import monotonic, utc_now
from dcops.core.errors import DcopsError, IntegrityFailure, ParseError
from dcops.core.units import Seconds
from dcops.core.words import Frozen, Value
from dcops.records.kinds.backup_copies import ConfigurationsReceipt

SUBJECT = "network_configurations"
PART_BUNDLE = "configurations"
BUNDLE_NAME, MANIFEST_NAME = "configurations.bundle", "manifest.json"
Report = Callable[[str], None]


class ConfigurationsPolicy(Frozen):
    """Where the kept configurations go, and how old the newest copy may become."""

    kind: Literal["network_configurations"]
    repository: RepositorySpec
    max_age: Value[Seconds]


class ConfigurationState(Frozen):
    """What a history holds: its newest commit, and `site/device.conf` -> SHA-256 of the text kept there."""

    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    files: dict[str, str]


class ConfigurationsManifest(Frozen):
    """What a set of configurations holds."""

    version: Literal[1] = 1
    subject: Literal["network_configurations"] = "network_configurations"
    run: str
    environment: str
    site: str
    repository_id: str
    taken_at: datetime
    bundle_snapshot: str
    bundle_sha256: str
    bundle_bytes: int
    state: ConfigurationState

    def canonical(self) -> bytes:
        """Give the text that is stored and hashed: sorted keys, no spaces, UTF-8."""
        document = self.model_dump(mode="json")
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def digest(self) -> str:
        """Give the SHA-256 of the canonical text."""
        return hashlib.sha256(self.canonical()).hexdigest()


class Configurations(Protocol):
    """The configurations that are kept, wherever they come from."""

    def state(self) -> ConfigurationState:
        """Give what is kept. Raises DcopsError when nothing is."""

    def bundle(self) -> AbstractContextManager[ByteStream]:
        """Stream the whole history as one git bundle."""

    def read_bundle(self, content: bytes) -> ConfigurationState:
        """Give what a bundle holds, by cloning it in private and wiping the clone. Raises IntegrityFailure."""


class ConfigurationsLog(Protocol):
    """The journal, as far as these backups use it."""

    def enrolled(self, repository: str) -> str | None:
        """Give the repository id enrolled under this name, or None."""

    def enrol(self, repository: str, repository_id: str, run: str) -> None:
        """Record the id of a repository on first use."""


class ConfigurationsService:
    """Backups of the kept configurations in one repository."""

    def __init__(
        self, policy: ConfigurationsPolicy, reader: RepositoryReader, source: Configurations, log: ConfigurationsLog
    ) -> None:
        self._spec, self._reader, self._source, self._log = policy.repository, reader, source, log

    def run(
        self, writer: RepositoryWriter, environment: str, site: str, run: str, report: Report
    ) -> tuple[ConfigurationsReceipt, DcopsError | None]:
        """Take one backup; give its receipt, and what went wrong. Raises nothing, so that it can be recorded."""
        began, started = monotonic(), utc_now()
        found: dict[str, object] = {}
        error: DcopsError | None = None
        try:
            self._take(writer, environment, site, run, report, found)
        except DcopsError as failure:
            error = failure
        receipt = ConfigurationsReceipt.model_validate({
            "run": run, "status": "failed" if error else "done", "error": str(error or ""),
            "exit_code": int(error.exit_code) if error else 0, "site": site, "repository": self._spec.name,
            "tool": f"restic {self._reader.tool_version}", "started_at": started, "finished_at": utc_now(),
            "duration_seconds": round(monotonic() - began, 3), **found,
        })  # fmt: skip
        return receipt, error

    def verify(self, found: dict[str, object]) -> None:
        """Bring the newest set back and compare it with its manifest; `found` is filled with what was proved.

        Raises IntegrityFailure for damaged or different data.
        """
        found["repository_id"] = self._reader.identity()
        check_identity(str(found["repository_id"]), self._log.enrolled(self._spec.name), self._reader.where)
        newest = newest_manifest(self._reader.snapshots(), SUBJECT)
        if newest is None:
            raise DcopsError("there is no set of configurations", where=self._reader.where, hint="Take one first.")
        manifest = parse_manifest(self._reader.read_file(newest.id, f"/{MANIFEST_NAME}"), self._reader.where)
        found |= {"set_run": manifest.run, "snapshot_ids": [manifest.bundle_snapshot, newest.id]}
        content = self._reader.read_file(manifest.bundle_snapshot, f"/{BUNDLE_NAME}")
        if hashlib.sha256(content).hexdigest() != manifest.bundle_sha256:
            raise IntegrityFailure("the bundle is not the one that was stored", where=f"set {manifest.run}")
        if self._source.read_bundle(content) != manifest.state:
            raise IntegrityFailure("the bundle holds another history than the manifest says", where=manifest.run)
        found |= {"files_checked": len(manifest.state.files), "files_total": len(manifest.state.files),
                  "checked_bytes": len(content)}  # fmt: skip

    def _take(
        self, writer: RepositoryWriter, environment: str, site: str, run: str, report: Report, found: dict[str, object]
    ) -> None:
        state = self._source.state()
        report(f"{len(state.files)} devices, revision {state.revision[:12]}")
        found |= {"revision": state.revision, "device_count": len(state.files)}
        found["repository_id"] = identify(
            self._spec, self._reader, writer.initialise, self._log, run=run, report=report
        )
        with ExitStack() as storing:
            last = storing.enter_context(writer.open_stream(MANIFEST_NAME, tags_of(SUBJECT, run, PART_MANIFEST)))
            first = storing.enter_context(writer.open_stream(BUNDLE_NAME, tags_of(SUBJECT, run, PART_BUNDLE)))
            with self._source.bundle() as raw:
                stream = Counting(raw, lambda _: None)
                digest = first.feed(stream, lambda _: None)
            saved = settled(first.saved(), self._reader.snapshots(is_lock_held=True), self._reader.where)
            found |= {"bundle_snapshot": saved.snapshot, "bundle_tree": saved.tree, "bundle_bytes": stream.total}
            manifest = ConfigurationsManifest(
                run=run,
                environment=environment,
                site=site,
                repository_id=str(found["repository_id"]),
                taken_at=utc_now(),
                bundle_snapshot=saved.snapshot,
                bundle_sha256=digest,
                bundle_bytes=stream.total,
                state=state,
            )
            last.feed(Bytestring(manifest.canonical()), lambda _: None)
            found |= {"manifest_snapshot": last.saved().snapshot, "manifest_sha256": manifest.digest()}


def parse_manifest(raw: bytes, where: str) -> ConfigurationsManifest:
    """Read a manifest out of the repository. Raises ParseError when it is none."""
    try:
        return ConfigurationsManifest.model_validate_json(raw)
    except ValueError as error:
        raise ParseError(f"this is no manifest of configurations: {str(error).splitlines()[0]}", where=where) from error
