"""Every error that leaves a dcops function.

DcopsError
├── UsageError              2  the command line is wrong
├── SpecError               3  a YAML file is wrong; holds every problem found
├── ParseError              1  a tool or device answered something unreadable
├── PlanError               1  no plan leads from what is to what should be
├── TransportError          1
│   ├── Unreachable         5
│   ├── AuthenticationFailed 5
│   └── TimedOut            1
├── CommandError            1  a program ended with an error
├── ApplyError              6  partly applied: done, failed, left
├── Refused                 7  a gate said no, nothing was touched
├── NeedsPerson             8
├── RepositoryMissing      10
├── Locked                 11
├── WrongKey               12
├── IntegrityFailure       13
├── PolicyBroken           14
├── DrillAborted           23
├── JournalInvalid         30
├── ApprovalMissing        40
└── Interrupted           130
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dcops.core.exitcodes import ExitCode


class DcopsError(Exception):
    """What went wrong, where, and what to do about it.

    Args:
        message: what is wrong, one sentence without full stop.
        where: file and line, host, device or URL.
        hint: what the reader can do next.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    is_retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        stop = "" if self.message.endswith(("?", "!", ".")) else "."
        advice = f"{stop} {self.hint}" if self.hint else ""
        return f"{place}{self.message}{advice}"


class UsageError(DcopsError):
    """The command line is wrong, or a pattern matches nothing."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a file people write: `where` is file:line, `path` the keys that lead there."""

    where: str
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: {self.path}: " if self.path else f"{self.where}: "
        return f"{place}{self.message}." + (f" {self.hint}" if self.hint else "")


class SpecError(DcopsError):
    """One or more files are wrong; `problems` lists all of them, in file order."""

    exit_code = ExitCode.INVALID_SPEC

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} found")

    def __str__(self) -> str:
        return "\n".join([*(str(problem) for problem in self.problems), self.message])


class ParseError(DcopsError):
    """A tool or device answered something that cannot be read."""


class PlanError(DcopsError):
    """No plan leads from the observed state to the wanted one."""


class TransportError(DcopsError):
    """Talking to another machine failed."""

    is_retryable = True


class Unreachable(TransportError):
    """Nothing answers at the address."""

    exit_code = ExitCode.UNREACHABLE


class AuthenticationFailed(TransportError):
    """The other side refused the credential, or showed a host key or certificate that is not the recorded one."""

    exit_code = ExitCode.UNREACHABLE
    is_retryable = False


class TimedOut(TransportError):
    """No answer in time."""


class CommandError(DcopsError):
    """A program ended with an error: its masked argv, its status and the end of its stderr."""

    def __init__(self, argv: Sequence[str], status: int, stderr_tail: str, *, hint: str | None = None) -> None:
        self.argv = tuple(argv)
        self.status = status
        self.stderr_tail = stderr_tail
        last = stderr_tail.strip().splitlines()[-1] if stderr_tail.strip() else "no message"
        super().__init__(f"{argv[0]} ended with status {status}: {last}", hint=hint)


class ApplyError(DcopsError):
    """A change was applied in part: step names done, failed and left."""

    exit_code = ExitCode.PARTLY_APPLIED

    def __init__(
        self, message: str, *, done: Sequence[str], failed: Sequence[str], left: Sequence[str], where: str | None = None
    ) -> None:
        self.done, self.failed, self.left = tuple(done), tuple(failed), tuple(left)
        super().__init__(message, where=where, hint=f"done: {len(done)}, failed: {len(failed)}, left: {len(left)}")


class Refused(DcopsError):
    """A gate said no; nothing was touched."""

    exit_code = ExitCode.REFUSED


class NeedsPerson(DcopsError):
    """A device or run is in a state that only a person can mend."""

    exit_code = ExitCode.NEEDS_PERSON


class RepositoryMissing(DcopsError):
    """The backup repository is not there."""

    exit_code = ExitCode.REPOSITORY_MISSING


class Locked(DcopsError):
    """Another run, or a dead one, holds the lock."""

    exit_code = ExitCode.REPOSITORY_LOCKED
    is_retryable = True


class WrongKey(DcopsError):
    """The key does not open the repository."""

    exit_code = ExitCode.WRONG_KEY


class IntegrityFailure(DcopsError):
    """Stored data is damaged."""

    exit_code = ExitCode.REPOSITORY_DAMAGED


class PolicyBroken(DcopsError):
    """A policy, an age or a threshold does not hold."""

    exit_code = ExitCode.POLICY_BROKEN


class DrillAborted(DcopsError):
    """A drill was stopped and rolled back."""

    exit_code = ExitCode.DRILL_ABORTED


class JournalInvalid(DcopsError):
    """A journal or an evidence bundle does not verify."""

    exit_code = ExitCode.JOURNAL_INVALID


class ApprovalMissing(DcopsError):
    """A person has to approve or acknowledge first."""

    exit_code = ExitCode.APPROVAL_MISSING


class Interrupted(DcopsError):
    """INT or TERM arrived; what was begun was ended in order."""

    exit_code = ExitCode.INTERRUPTED
