"""What the verbs of `dcops net` share: inventory, attested host, lock, run, and how results become an exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import typer

from dcops.cli.common import Out, banner, reading_inventory, writing_inventory
from dcops.core.errors import Unreachable, UsageError
from dcops.core.exitcodes import ExitCode
from dcops.core.files import read_text
from dcops.core.settings import Settings
from dcops.inventory import Inventory, load
from dcops.inventory.ansible import universe
from dcops.inventory.pattern import require
from dcops.network.intent import Network, network_of
from dcops.network.model import ChangeResult, DevicePlan, ServiceState, Target
from dcops.network.ports import History, OpenWriter
from dcops.records.service import Journal
from dcops.runs.cancel import CancelToken, cancel_on_signals
from dcops.runs.locks import hold
from dcops.runs.refusals import refusals_recorded
from dcops.runs.run import Run, current_actor, start_run
from dcops.wiring.network import NetworkTools, open_history, open_network, require_writer, withdrawn_services
from dcops.wiring.records import open_journal

__all__ = ["Session", "acting", "history_of", "looking", "offline", "overall", "vars_of"]

_GOOD = frozenset({"changed", "unchanged"})


@dataclass
class Looking:
    """An inventory with the tools to look at its network."""

    inventory: Inventory
    tools: NetworkTools
    token: CancelToken
    journal: Journal

    def targets(self, pattern: str) -> tuple[Target, ...]:
        """The network devices that `pattern` chooses, in inventory order; raise UsageError when there are none."""
        return _targets(self.inventory, self.tools.network, pattern)

    def plan(self, pattern: str) -> tuple[tuple[DevicePlan, ...], tuple[ChangeResult, ...]]:
        """The plans of the chosen devices, and a result for each of them that could not be read."""
        from dcops.network.service import observe, plan_routing

        chosen = self.targets(pattern)
        # All routers are read, not only the chosen ones: who announces a service decides where it stays.
        seen = observe(self.tools.network.targets, self.tools.reader, token=self.token)
        names = [target.name for target in chosen]
        plans = plan_routing(self.tools.network, seen, names, self.tools.render, withdrawn_services(self.journal))
        errors = []
        for target in chosen:
            error = seen.errors.get(target.name)
            if error is not None:
                word = "unreachable" if isinstance(error, Unreachable) else "failed"
                word = "refused" if error.exit_code is ExitCode.REFUSED else word
                errors.append(ChangeResult(target.name, target.site, word, reason=str(error)))
        return plans, tuple(errors)

    def services(self, name: str | None) -> tuple[ServiceState, ...]:
        """Who announces each service address, or the one called `name`."""
        from dcops.network.service import observe, service_states

        if name is not None:
            self.tools.network.service(name)
        seen = observe(self.tools.network.targets, self.tools.reader, token=self.token)
        return tuple(state for state in service_states(self.tools.network, seen) if name in (None, state.name))


@dataclass
class Session(Looking):
    """The same inside a run, which leaves a record."""

    run: Run

    def writer(self) -> OpenWriter:
        """The writing adapter; raise Refused in observe mode."""
        return require_writer(self.tools)

    def finish(self, result: Mapping[str, Any], code: int) -> None:
        """Set the run's result; the exit code is part of it."""
        self.run.finish({**result, "exit_code": int(code)})

    def saved_plan(self, pattern: str, path: Path) -> tuple[tuple[DevicePlan, ...], tuple[ChangeResult, ...]]:
        """The plans saved in `path` for the chosen devices."""
        from dcops.network.planfile import parse_plan

        names = {target.name for target in self.targets(pattern)}
        plans = parse_plan(read_text(path), str(path), self.inventory.name)
        return tuple(plan for plan in plans if plan.device in names), ()

    def apply(self, plans: tuple[DevicePlan, ...], forks: int, out: Out) -> tuple[ChangeResult, ...]:
        """Carry the plans out, telling each device as it is done."""
        from dcops.network.service import apply_plans
        from dcops.runs.executor import Limits

        with out.progress("net apply") as step:
            return apply_plans(
                plans,
                self.tools.network,
                writer=self.writer(),
                record=self.run.record,
                limits=Limits(forks=forks, deadline_seconds=120),
                token=self.token,
                report=lambda result: step(f"{result.device} {result.status}"),
            )


@dataclass(frozen=True)
class Offline:
    """An inventory's intended network, without any session."""

    inventory: Inventory
    network: Network

    def render(self, pattern: str) -> dict[str, str]:
        """Device -> intended configuration, every service at its home site."""
        from dcops.network.jinja import TemplateRenderer

        renderer = TemplateRenderer()
        serving = {service.name: service.home_site for service in self.network.services}
        return {
            target.name: renderer(target.platform, self.network.intent(target.name, serving))
            for target in _targets(self.inventory, self.network, pattern)
        }


def offline(name: str | None) -> Offline:
    """The intended network of an inventory."""
    settings = Settings.load()
    inventory = load(settings.inventory_root(reading_inventory(settings, name)))
    return Offline(inventory, network_of(inventory))


@contextmanager
def looking(name: str | None, out: Out) -> Iterator[Looking]:  # noqa: ARG001 - the same shape as acting
    """Tools for a verb that only looks; it leaves no record."""
    settings = Settings.load()
    inventory = load(settings.inventory_root(reading_inventory(settings, name)))
    tools = open_network(settings, inventory)
    with cancel_on_signals() as token:
        yield Looking(inventory, tools, token, open_journal(settings, inventory, inventory.environment))
        token.raise_if_cancelled()


@contextmanager
def acting(verb: str, name: str | None, out: Out, *, writes: bool) -> Iterator[Session]:
    """Tools for a verb that leaves a record, inside a run and the network's lock; a writing one needs a manage mode."""
    settings = Settings.load()
    chosen = writing_inventory(settings, name) if writes else reading_inventory(settings, name)
    inventory = load(settings.inventory_root(chosen))
    journal = open_journal(settings, inventory, inventory.environment)
    tools = open_network(settings, inventory, journal)
    if writes:
        with refusals_recorded(verb, journal, settings.identity_path):
            require_writer(tools)
    actor = current_actor()
    environment = inventory.environment
    banner(out, inventory=inventory.name, environment=environment.value, revision=inventory.revision, user=actor)
    with (
        cancel_on_signals() as token,
        start_run(
            settings.state,
            verb,
            environment=environment,
            inventory=inventory.name,
            inventory_revision=inventory.revision,
            actor=actor,
            journal=journal,
        ) as run,
        hold(settings.state / "locks", "network", actor=actor, verb=verb, run=run.run_id, wait_seconds=10, token=token),
    ):
        try:
            yield Session(inventory, tools, token, journal, run)
        except typer.Exit:
            token.raise_if_cancelled()  # what a signal left undone is told as the signal, not as a failure
            raise
        token.raise_if_cancelled()


def history_of(device: str, name: str | None) -> tuple[History, str]:
    """The configuration history and the site of `device`."""
    settings = Settings.load()
    inventory = load(settings.inventory_root(reading_inventory(settings, name)))
    target = network_of(inventory).target(device)
    return open_history(settings), target.site


def overall(words: Iterable[str]) -> int:
    """The exit code of a run from its devices' status words, by the table of the command line's manual."""
    found = set(words)
    if "needs_person" in found:
        return ExitCode.NEEDS_PERSON
    bad = found - _GOOD
    if not bad:
        return ExitCode.DONE
    if found & _GOOD:
        return ExitCode.PARTLY_APPLIED
    single = {"unreachable": ExitCode.UNREACHABLE, "refused": ExitCode.REFUSED}
    return single.get(next(iter(bad)), ExitCode.FAILED) if len(bad) == 1 else ExitCode.FAILED


def _targets(inventory: Inventory, network: Network, pattern: str) -> tuple[Target, ...]:
    chosen = set(require(pattern, universe(inventory)))
    targets = tuple(target for target in network.targets if target.name in chosen)
    if not targets:
        names = ", ".join(target.name for target in network.targets)
        raise UsageError(f'"{pattern}" chooses no network device', hint=f"Network devices: {names}.")
    return targets


def vars_of(peer: object) -> dict[str, object]:
    """The fields of a frozen result as plain values."""
    return asdict(peer) if is_dataclass(peer) and not isinstance(peer, type) else {}
