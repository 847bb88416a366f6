"""Backing configurations up: fetch, prove complete, redact, keep in one commit a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from dcops.core.errors import DcopsError, TransportError, Unreachable
from dcops.network.model import BackupResult, BackupStatus, Capture, Target
from dcops.network.parse import make_capture
from dcops.network.platforms.rules import platform
from dcops.network.ports import History, OpenReader, Recorder
from dcops.runs.cancel import CancelToken
from dcops.runs.executor import HostResult, Limits, fan_out

__all__ = ["backup_configurations"]

logger = logging.getLogger(__name__)
LIMITS = Limits(forks=8, deadline_seconds=120)
RETRIES = 2


def backup_configurations(
    targets: Sequence[Target],
    *,
    reader: OpenReader,
    history: History,
    record: Recorder,
    redaction_key: bytes,
    limits: Limits = LIMITS,
    token: CancelToken | None = None,
    report: Callable[[BackupResult], None] = lambda _result: None,
) -> tuple[tuple[BackupResult, ...], str | None]:
    """Back up every target; return one result each, in the order given, and the commit's id (None: nothing changed).

    A text that is not proved complete is `suspect` and never replaces the copy kept; one device's failure never costs
    another's copy. One record `network.backup` says all of it.
    """
    token = token or CancelToken()
    by_name = {target.name: target for target in targets}

    def work(name: str) -> Capture:
        return _fetch(by_name[name], reader, history, redaction_key, token)

    captures: dict[str, Capture] = {}
    results: dict[str, BackupResult] = {}
    for outcome in fan_out(list(by_name), work, limits=limits, token=token):
        target = by_name[outcome.host]
        results[target.name] = _judge(target, outcome, history)
        if outcome.value is not None and not outcome.value.reasons:
            captures[target.name] = outcome.value
        report(results[target.name])
    good = [(by_name[name].site, name, captures[name].text) for name in sorted(captures)]
    commit = history.commit(good, _message(results, by_name))
    ordered = tuple(results[target.name] for target in targets)
    devices = {result.device: _payload(result) for result in ordered}
    record("network.backup", {"commit": commit or "", "devices": devices})
    return ordered, commit


def _fetch(target: Target, reader: OpenReader, history: History, key: bytes, token: CancelToken) -> Capture:
    rules = platform(target.platform)
    previous = history.read(target.site, target.name)
    for attempt in range(RETRIES + 1):
        try:
            with reader(target) as session:
                capture = make_capture(rules, target.name, session.read_running(), previous, key)
        except TransportError as error:
            if not error.is_retryable or attempt == RETRIES or token.wait(1.0 + attempt):
                raise
            continue
        if not capture.reasons or attempt == RETRIES:
            return capture
    raise DcopsError("no attempt was made", where=target.name)  # not reached: the range is never empty


def _judge(target: Target, outcome: HostResult[Capture], history: History) -> BackupResult:
    result = BackupResult(
        device=target.name,
        site=target.site,
        status=BackupStatus.FAILED,
        seconds=outcome.duration_seconds,
    )
    capture = outcome.value
    if capture is None:
        status = BackupStatus.UNREACHABLE if isinstance(outcome.error, Unreachable) else BackupStatus.FAILED
        return replace(result, status=status, reason=str(outcome.error))
    result = replace(result, sha256=capture.sha256, lines=capture.lines, path=f"{target.site}/{target.name}.conf")
    if capture.reasons:
        return replace(result, status=BackupStatus.SUSPECT, reason="; ".join(capture.reasons), path="")
    is_same = history.read(target.site, target.name) == capture.text
    return replace(result, status=BackupStatus.UNCHANGED if is_same else BackupStatus.CHANGED)


def _message(results: dict[str, BackupResult], targets: dict[str, Target]) -> str:
    changed = sorted(name for name, result in results.items() if result.status is BackupStatus.CHANGED)
    sites = sorted({targets[name].site for name in changed})
    listed = ", ".join(changed[:6]) + (f" and {len(changed) - 6} more" if len(changed) > 6 else "")
    return f"Back up {len(changed)} configurations of {', '.join(sites) or 'no site'}\n\n{listed}\n"


def _payload(result: BackupResult) -> dict[str, str | bool]:
    return {
        "status": "ok" if result.status in (BackupStatus.CHANGED, BackupStatus.UNCHANGED) else result.status.value,
        "sha256": result.sha256,
        "is_changed": result.status is BackupStatus.CHANGED,
        "error": result.reason,
    }
