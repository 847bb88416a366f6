"""The one table of exit codes, and which of several counts (docs/command-line.md)."""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a dcops command tells its caller; each value is documented and tested."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INVALID_SPEC = 3
    DIFFERENCES = 4
    UNREACHABLE = 5
    PARTLY_APPLIED = 6
    REFUSED = 7
    NEEDS_PERSON = 8
    REPOSITORY_MISSING = 10
    REPOSITORY_LOCKED = 11
    WRONG_KEY = 12
    REPOSITORY_DAMAGED = 13
    POLICY_BROKEN = 14
    DRILL_FAIL = 20
    DRILL_INCONCLUSIVE = 21
    DRILL_REFUSED = 22
    DRILL_ABORTED = 23
    ROLLBACK_INCOMPLETE = 24
    JOURNAL_INVALID = 30
    UNSEALED = 31
    APPROVAL_MISSING = 40
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done, or nothing to do",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "wrong usage; a pattern that matches nothing too",
    ExitCode.INVALID_SPEC: "a YAML file is invalid; every problem is listed with its place",
    ExitCode.DIFFERENCES: "--check found differences, nothing was changed",
    ExitCode.UNREACHABLE: "no target could be reached",
    ExitCode.PARTLY_APPLIED: "partly applied: some targets failed",
    ExitCode.REFUSED: "refused by a gate, nothing was touched",
    ExitCode.NEEDS_PERSON: "a device needs a person",
    ExitCode.REPOSITORY_MISSING: "backup repository missing",
    ExitCode.REPOSITORY_LOCKED: "backup repository locked",
    ExitCode.WRONG_KEY: "backup repository: wrong key",
    ExitCode.REPOSITORY_DAMAGED: "backup repository damaged",
    ExitCode.POLICY_BROKEN: "a policy, freshness or threshold is broken",
    ExitCode.DRILL_FAIL: "drill verdict FAIL",
    ExitCode.DRILL_INCONCLUSIVE: "drill verdict INCONCLUSIVE",
    ExitCode.DRILL_REFUSED: "a guard refused the drill, nothing was touched",
    ExitCode.DRILL_ABORTED: "drill ABORTED and rolled back",
    ExitCode.ROLLBACK_INCOMPLETE: "a rollback is incomplete: call a person",
    ExitCode.JOURNAL_INVALID: "journal or bundle invalid",
    ExitCode.UNSEALED: "journal or bundle valid but unsealed",
    ExitCode.APPROVAL_MISSING: "a person's acknowledgement or approval is missing",
    ExitCode.INTERRUPTED: "interrupted (INT, TERM)",
}

# With many hosts the first of these that occurred is the answer: what needs a person most comes first.
PRECEDENCE: tuple[int, ...] = (130, 24, 8, 23, 20, 13, 12, 10, 11, 30, 31, 14, 22, 40, 7, 21, 6, 5, 1, 4, 0)


def worst(codes: Iterable[int]) -> int:
    """Give the code that counts among `codes`, by precedence; 0 when there are none.

    Usage and invalid specs (2, 3) end a command before it has several results; met here they win over all but 130.
    """
    seen = set(codes)
    for code in (130, 3, 2, *PRECEDENCE):
        if code in seen:
            return code
    return ExitCode.FAILED if seen else ExitCode.DONE
