"""What provisioning needs from outside. Reading (check) and writing (apply) are apart: observe mode gets no writer."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dcops.provision.model import Ended, Job

OnRaw = Callable[[Mapping[str, Any]], None]


class Cancelled(Protocol):
    """Asked between events whether somebody wants the run to end."""

    def __call__(self) -> bool:
        """Say whether to end now."""


class PlaybookChecker(Protocol):
    """Runs a playbook in check mode: nothing is changed."""

    def check(self, job: Job, on_event: OnRaw, cancelled: Cancelled) -> Ended:
        """Run it, give each raw event to `on_event` in order, and say how it ended.

        When this returns, no process of the run is left. Raises DcopsError when the tool cannot be started.
        """


class PlaybookWriter(Protocol):
    """Runs a playbook for real."""

    def apply(self, job: Job, on_event: OnRaw, cancelled: Cancelled) -> Ended:
        """As `check`, but the hosts are changed."""
