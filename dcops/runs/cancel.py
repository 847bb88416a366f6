"""INT and TERM become a token that work looks at between steps; the first act after a signal is rollback, exit 130.

A second signal does not kill the rollback: it is only counted. Nothing here starts or ends processes.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from dcops.core.errors import Interrupted

Rollback = Callable[[], None]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class CancelToken:
    """Set once, by a signal or by `cancel`; threads may wait on it instead of sleeping."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""
        self.count = 0

    def cancel(self, reason: str) -> None:
        """Ask everybody to stop at the next safe point; the first reason is kept."""
        self.count += 1
        self.reason = self.reason or reason
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise Interrupted (exit 130) when somebody asked to stop."""
        if self.is_cancelled:
            raise Interrupted(f"interrupted by {self.reason}")

    def wait(self, seconds: float) -> bool:
        """Sleep up to `seconds`, less when cancelled; return whether it was."""
        return self._event.wait(seconds)


@contextmanager
def cancel_on_signals(token: CancelToken | None = None) -> Iterator[CancelToken]:
    """Turn INT and TERM into the token while inside; outside the main thread signals are left alone."""
    token = token or CancelToken()
    if threading.current_thread() is not threading.main_thread():
        yield token
        return

    def on_signal(number: int, _frame: FrameType | None) -> None:
        token.cancel(signal.Signals(number).name)

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield token
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def rolled_back_on_exit(token: CancelToken, rollback: Rollback) -> Iterator[None]:
    """Run `rollback` first of all when the work inside fails or the token is set, then go on raising.

    Signals that arrive while rolling back are counted on the token and do not stop it, provided the work runs inside
    `cancel_on_signals`. Ends in Interrupted when the token was set and the work itself did not raise.
    """
    try:
        yield
    except BaseException:
        rollback()
        raise
    if token.is_cancelled:
        rollback()
        token.raise_if_cancelled()
