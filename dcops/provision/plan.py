"""Counting events and judging a run. Pure.

Ansible's exit status is no basis: it is 0 for an inventory that is not there, 4 for a syntax error and for an
unreachable host alike. So a run is judged by the outcomes counted per host, by the hosts that should have had any, and
by whether Ansible's own recap came and agrees.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dcops.core.exitcodes import ExitCode
from dcops.provision.model import (
    GUARD_TASK,
    GUARD_TASKS,
    Conclusion,
    Ended,
    Event,
    HostResult,
    HostStatus,
    Outcome,
    PlayStarted,
    Recap,
    TaskDone,
)


@dataclass
class _Count:
    numbers: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    ignored: int = 0
    hidden: int = 0
    changes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Tally:
    """Counts events as they come; order does not matter."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Count] = {}
        self.patterns: list[str] = []
        self.recap: Recap | None = None
        self.refused: list[str] = []

    def add(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, PlayStarted):
            self.patterns.append(event.pattern)
        elif isinstance(event, Recap):
            self.recap = event
        elif isinstance(event, TaskDone):
            self._done(event)

    def _done(self, event: TaskDone) -> None:
        if event.task in GUARD_TASKS:
            if event.task == GUARD_TASK and event.outcome is Outcome.FAILED:
                self.refused.append(event.message)
            return
        count = self._hosts.setdefault(event.host, _Count())
        if event.is_ignored and event.outcome is Outcome.FAILED:
            count.ignored += 1
            return
        count.numbers[event.outcome] += 1
        count.hidden += event.is_hidden
        if event.outcome is Outcome.CHANGED:
            count.changes += event.changes or (event.task,)
        if event.outcome in (Outcome.FAILED, Outcome.UNREACHABLE):
            count.failures.append(f"{event.task}: {event.message}")

    def hosts(self, expected: Iterable[str]) -> tuple[HostResult, ...]:
        """Give the result of each host, those expected first; one without an outcome is unknown.

        Of a task with `no_log` the events do not say whether it changed anything; Ansible's recap does.
        """
        self._uncover()
        names = dict.fromkeys([*expected, *self._hosts])
        return tuple(_result(name, self._hosts.get(name)) for name in names)

    def _uncover(self) -> None:
        for host, count in self._hosts.items():
            said = self.recap.counts.get(host, {}).get(Outcome.CHANGED, 0) if self.recap else 0
            found = min(said - count.numbers[Outcome.CHANGED], count.hidden)
            if found > 0:
                count.numbers[Outcome.CHANGED] += found
                count.numbers[Outcome.OK] -= found
                count.hidden -= found
                count.changes += ["something in a task whose output is hidden"] * found

    def disagreements(self) -> list[str]:
        """Give the hosts for which Ansible's recap counts another number of failures or changes than was seen here."""
        if self.recap is None:
            return []
        watched = (Outcome.FAILED, Outcome.UNREACHABLE, Outcome.CHANGED)
        return [
            host
            for host, numbers in self.recap.counts.items()
            if any(self._number(host, outcome) < numbers.get(outcome, 0) for outcome in watched)
        ]

    def _number(self, host: str, outcome: Outcome) -> int:
        count = self._hosts.get(host)
        return count.numbers[outcome] if count else 0


def _result(name: str, count: _Count | None) -> HostResult:
    if count is None:
        return HostResult(name, HostStatus.UNKNOWN)
    numbers = count.numbers
    status = HostStatus.CHANGED if numbers[Outcome.CHANGED] else HostStatus.OK
    if numbers[Outcome.FAILED]:
        status = HostStatus.FAILED
    if numbers[Outcome.UNREACHABLE]:
        status = HostStatus.UNREACHABLE
    return HostResult(
        name=name,
        status=status,
        ok=numbers[Outcome.OK] + numbers[Outcome.CHANGED],
        changed=numbers[Outcome.CHANGED],
        failed=numbers[Outcome.FAILED],
        unreachable=numbers[Outcome.UNREACHABLE],
        skipped=numbers[Outcome.SKIPPED],
        ignored=count.ignored,
        changes=tuple(count.changes),
        failures=tuple(count.failures),
    )


def conclude(tally: Tally, expected: Sequence[str], ended: Ended, *, is_check: bool) -> Conclusion:
    """Judge a run.

    Args:
        expected: the hosts its plays chose, within the limit.
        ended: how the child ended.
        is_check: whether nothing was to be changed, so that changes are differences.
    """
    hosts = tally.hosts(expected)
    code, message = _judge(tally, hosts, ended, is_check=is_check)
    return Conclusion(code, message, hosts)


def _judge(tally: Tally, hosts: Sequence[HostResult], ended: Ended, *, is_check: bool) -> tuple[ExitCode, str]:
    if ended.status == "canceled":
        return ExitCode.INTERRUPTED, "interrupted; what was begun on each host was ended"
    if tally.refused:
        return ExitCode.REFUSED, "not the enrolled hosts, nothing was touched: " + "; ".join(tally.refused)
    if tally.recap is None:
        return ExitCode.FAILED, f"Ansible did not come to its end: {ended.tail or ended.status}"
    if not hosts:
        return ExitCode.USAGE, "no host was chosen"
    if wrong := tally.disagreements():
        return ExitCode.FAILED, f"events are missing, so nothing is claimed about {', '.join(wrong)}"
    return _by_hosts(hosts, is_check=is_check)


def _by_hosts(hosts: Sequence[HostResult], *, is_check: bool) -> tuple[ExitCode, str]:
    by_status = {status: [host.name for host in hosts if host.status is status] for status in HostStatus}
    good = len(by_status[HostStatus.OK]) + len(by_status[HostStatus.CHANGED])
    unreachable, changed = by_status[HostStatus.UNREACHABLE], by_status[HostStatus.CHANGED]
    bad = [*by_status[HostStatus.FAILED], *unreachable, *by_status[HostStatus.UNKNOWN]]
    if bad:
        text = f"{len(bad)} of {len(hosts)} hosts failed or were not reached: {', '.join(bad)}"
        if good:
            return ExitCode.PARTLY_APPLIED, text
        return (ExitCode.UNREACHABLE if len(unreachable) == len(hosts) else ExitCode.FAILED), text
    if is_check and changed:
        return ExitCode.DIFFERENCES, f"{len(changed)} of {len(hosts)} hosts differ: {', '.join(changed)}"
    text = "nothing differs" if is_check else f"{len(changed)} changed" if changed else "nothing to change"
    return ExitCode.DONE, f"{len(hosts)} hosts, {text}"
