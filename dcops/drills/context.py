"""What an action or probe gets: the run it belongs to, what others found, and the ports it may act through."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from threading import Lock
from typing import Any

from dcops.core.errors import PlanError
from dcops.core.words import Environment
from dcops.drills.model import RecoveryPoint, Scope
from dcops.drills.people import Answer, Question
from dcops.drills.ports import (
    Databases,
    Declarations,
    Faults,
    Fence,
    Hosts,
    Names,
    NameWriter,
    Observer,
    People,
    Recovery,
    Routers,
    RouterWriter,
    Routes,
    Say,
    Upstreams,
    Web,
)
from dcops.runs.cancel import CancelToken

_STEP: ContextVar[str] = ContextVar("step", default="")


@contextmanager
def inside(step: str) -> Iterator[None]:
    """Let what runs in here, in this thread, know which step it belongs to."""
    token = _STEP.set(step)
    try:
        yield
    finally:
        _STEP.reset(token)


class Nobody:
    """The people of a run that asks nobody."""

    def ask(self, question: Question) -> None:
        """Tell nobody."""

    def answer(self, step: str) -> Answer | None:
        """Give no answer."""


@dataclass
class Facts:
    """What steps told each other, by step id; kept in the run's events, so a later process knows it too."""

    by_step: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def put(self, step: str, facts: Mapping[str, Any]) -> None:
        """Keep a step's facts."""
        with self._lock:
            self.by_step[step] = dict(facts)

    def find(self, name: str) -> Any:
        """Give the newest fact called `name`, or None."""
        with self._lock:
            return next((facts[name] for facts in reversed(list(self.by_step.values())) if name in facts), None)


class _Unjoined:
    """Stands for a port that nobody joined; whoever uses it is told which."""

    def __init__(self, port: str) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        raise PlanError(f'this drill was given no port "{self._port}"')


def unjoined(port: str) -> Any:
    """Give what stands for a port that nobody joined; whoever uses it is told which."""
    return _Unjoined(port)


@dataclass
class DrillContext:
    """Everything an action or probe gets.

    `abandon` ends the programs that steps wait for; the engine calls it when a run that is stopped waits in vain.
    """

    run_id: str
    scope: Scope
    environment: Environment
    faults: Faults
    hosts: Hosts
    recovery: Recovery
    databases: Databases
    routes: Routes
    web: Web
    observer: Observer
    random: Random
    token: CancelToken
    say: Say
    people: People = field(default_factory=Nobody)
    names: Names = field(default_factory=lambda: unjoined("names"))
    name_writer: NameWriter = field(default_factory=lambda: unjoined("name_writer"))
    routers: Routers = field(default_factory=lambda: unjoined("routers"))
    router_writer: RouterWriter = field(default_factory=lambda: unjoined("router_writer"))
    upstreams: Upstreams = field(default_factory=lambda: unjoined("upstreams"))
    declarations: Declarations = field(default_factory=lambda: unjoined("declarations"))
    abandon: Callable[[], object] = lambda: None
    fence: Fence = field(default_factory=lambda: unjoined("fence"))
    facts: Facts = field(default_factory=Facts)
    marks: dict[str, datetime] = field(default_factory=dict)
    point: RecoveryPoint | None = None

    def recovery_point(self) -> RecoveryPoint:
        """Give the recovery point that the guards chose. Raises PlanError before that."""
        if self.point is None:
            raise PlanError("no recovery point was chosen", hint="Let a guard use backup.fresh.")
        return self.point

    @property
    def step(self) -> str:
        """The id of the step that asks; empty outside of one."""
        return _STEP.get()

    @property
    def own_name(self) -> str:
        """The name of what this run makes: a database, a marker. No other run has it."""
        return f"dcops_{self.run_id.lower()}"
