"""Makes drills: scenarios read and linted, the context of ports for one run, the service over them."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dcops.backup.ssh import SshTarget
from dcops.core import yaml
from dcops.core.clock import utc_now
from dcops.core.errors import Problem, Refused, SpecError, UsageError
from dcops.core.process import end_running
from dcops.core.secrets import SecretStore
from dcops.core.settings import Settings
from dcops.core.text import did_you_mean
from dcops.core.words import Environment
from dcops.drills.bind import BindNames, NameBook
from dcops.drills.context import DrillContext, unjoined
from dcops.drills.entrypoints import load_catalogue
from dcops.drills.https import Endpoint, HttpsObserver, PinnedWeb
from dcops.drills.kinds import Catalogue
from dcops.drills.lab_socket import LabSocket
from dcops.drills.model import TABLETOP, Drill, Scope, SiteNodes, Target
from dcops.drills.plan import beyond
from dcops.drills.ports import Say
from dcops.drills.postgresql import PostgresqlServers, ServerAccess
from dcops.drills.service import DrillService, Setting, draw, targets_from
from dcops.drills.spec import Known, lint
from dcops.inventory import Device, Inventory, Role, load
from dcops.inventory.writing import require_writable
from dcops.records.model import Record
from dcops.records.service import Journal
from dcops.runs.cancel import CancelToken
from dcops.runs.identity import Identity
from dcops.runs.locks import hold
from dcops.runs.plan import Plan, PlannedStep, make_plan
from dcops.runs.run import Run, current_actor, start_run
from dcops.wiring.backup import address_of, load_policies, open_backup, require_enrolled
from dcops.wiring.backup_sources import authority_path
from dcops.wiring.bridges import NetworkFence, NetworkRoutes, ResticRecovery, SshHosts
from dcops.wiring.drill_declaration import declarations_of
from dcops.wiring.drill_network import BoardUpstreams, NetworkRouters
from dcops.wiring.drill_people import people_of
from dcops.wiring.drill_volume import production_volumes, worst_parts
from dcops.wiring.network import open_network, site_routers
from dcops.wiring.notify import open_notify
from dcops.wiring.records import open_journal

SCENARIOS = Path("dr_drills/scenarios")
OBSERVER_PORT = 8444
SERVICE_CA, NATIONAL_CA = "file:ca.crt", "file:pdn-ca.crt"
LOCK, TABLE_LOCK = "drill", "drill-tabletop"


@dataclass(frozen=True)
class Drills:
    """All scenarios of this installation, with what they are checked against."""

    settings: Settings
    inventory: Inventory
    catalogue: Catalogue

    @property
    def folder(self) -> Path:
        """Where the scenarios lie."""
        return self.settings.home / SCENARIOS

    def names(self) -> tuple[str, ...]:
        """Give the scenarios' names, sorted."""
        return tuple(path.stem for path in sorted(self.folder.glob("*.yml")))

    def path(self, name: str) -> Path:
        """Give a scenario's file. Raises UsageError with a suggestion."""
        path = self.folder / f"{name}.yml"
        if not path.is_file():
            guess = did_you_mean(name, self.names())
            hint = f'Did you mean "{guess}"?' if guess else f"Drills: {', '.join(self.names()) or 'none'}."
            raise UsageError(f'"{name}" is no drill', hint=hint)
        return path

    def check(self, name: str) -> tuple[Drill | None, list[Problem]]:
        """Give a scenario and every problem in it."""
        path = self.path(name)
        known = Known(
            kinds=self.catalogue.describe(),
            devices=frozenset(self.inventory.devices),
            applications=frozenset(self.inventory.applications),
            services=frozenset(self.inventory.services),
            sites=frozenset(self.inventory.sites),
            dependencies={name: tuple(each.dependencies) for name, each in self.inventory.applications.items()},
            upstreams=frozenset(self.inventory.upstreams),
            links=frozenset((*self.inventory.links, *(node.name for node in self.inventory.nodes))),
        )
        shown = str(path.relative_to(self.settings.home))
        try:
            document = yaml.load(path)
        except SpecError as error:
            return None, list(error.problems)
        return lint(document, name=name, file=shown, known=known, locate=partial(yaml.locate, path))

    def load(self, name: str) -> Drill:
        """Give a scenario. Raises SpecError with every problem in it."""
        drill, problems = self.check(name)
        if problems or drill is None:
            raise SpecError(problems)
        return drill

    def sha256(self, name: str) -> str:
        """Give the hash of a scenario's file."""
        return hashlib.sha256(self.path(name).read_bytes()).hexdigest()

    def setting(self, drill: Drill, seed: int | None) -> Setting:
        """Give what is fixed before a run: targets of this inventory's revision, and the seed."""
        return Setting(
            drill=drill,
            spec_sha256=self.sha256(drill.name),
            environment=Environment(self.inventory.environment),
            targets=self._targets(drill.spec.scope),
            also={name: self._rto(name) for name in drill.spec.scope.also},
            seed=secrets.randbelow(2**31) if seed is None else seed,
            volumes=production_volumes(self.inventory),
            worst=worst_parts(self.settings, self.inventory, drill, self.catalogue),
        )

    def _targets(self, scope: Scope) -> dict[str, Target]:
        """Give the objectives of what a drill is about; what restores no data has no recovery point to meet."""
        if scope.app:
            operations = self.inventory.applications[scope.app].operations
            return targets_from(operations.rto, operations.rpo)
        upstream = self.inventory.upstreams.get(scope.upstream)
        rto = upstream.down_after if upstream else self.inventory.policy.continuity.device_recovery
        return {"rto": targets_from(rto, None)["rto"]}

    def _rto(self, application: str) -> Target:
        operations = self.inventory.applications[application].operations
        return targets_from(operations.rto, operations.rpo)["rto"]


@dataclass(frozen=True)
class Prepared:
    """One run, ready to go."""

    service: DrillService
    context: DrillContext
    recovery: ResticRecovery


def open_drills(settings: Settings, inventory_name: str) -> Drills:
    """Give the scenarios of this installation. Opens no connection."""
    inventory = load(settings.inventory_root(inventory_name))
    return Drills(settings, inventory, load_catalogue(settings.home))


def journal_of(drills: Drills) -> Journal:
    """Give the journal drills are recorded in. Raises Refused when this host belongs to another environment."""
    return open_journal(drills.settings, drills.inventory, drills.inventory.environment)


def require_place(drills: Drills, drill: Drill) -> Identity:
    """Give this host's identity.

    Raises Refused (exit 7) unless drill, inventory and host agree where this is, and the inventory lets dcops act on
    every system of the drill's sites, which a tabletop does not touch.
    """
    identity = require_enrolled(drills.settings, drills.inventory)
    allowed = [environment.value for environment in drill.spec.environments]
    if identity.environment.value not in allowed:
        message = f"this host is in {identity.environment.value}, the drill is allowed in {', '.join(allowed)}"
        raise Refused(message, where=drill.name, hint="Nothing was touched.")
    if identity.site != drill.spec.scope.run_at:
        message = f"this host is at {identity.site}, the drill runs at {drill.spec.scope.run_at}"
        raise Refused(message, where=drill.name, hint="Nothing was touched.")
    inventory, sites = drills.inventory, (drill.spec.scope.from_site, drill.spec.scope.to_site)
    if drill.spec.type == TABLETOP:
        return identity
    require_writable(inventory, [each for each in inventory.nodes if each.site in sites])
    steps = [step for _, steps in drill.spec.phases() for step in steps]
    too_wide = beyond(steps, drills.catalogue.blast, identity.environment)
    if too_wide:
        message = f"in {identity.environment.value} these need an order signed by two people: {', '.join(too_wide)}"
        raise Refused(message, where=drill.name, hint="Nothing was touched. Rehearse it in the twin.")
    return identity


def find_result(journal: Journal, run_id: str) -> Record:
    """Give the newest result of the one run whose id ends so. Raises UsageError when none, or several, do."""
    found = [each for each in journal.query(kind="drill.result") if (each.run or "").endswith(run_id.upper())]
    runs = len({each.run for each in found})
    if runs != 1:
        message = f"{runs} results belong to such a run"
        raise UsageError(message, where=f"run {run_id}", hint="See: dcops drill history.")
    return found[-1]


def plan_of(drills: Drills, drill: Drill) -> Plan:
    """Give what a run would be: this scenario as it lies here, by this revision of the inventory."""
    steps = [
        PlannedStep(name=f"{phase.value} {step.id}", target=step.uses, blast=drills.catalogue.blast(step.uses))
        for phase, steps in drill.spec.phases()
        for step in steps
    ]
    return make_plan(
        "drill run",
        environment=drills.inventory.environment,
        inventory=drills.inventory.name,
        inventory_revision=drills.inventory.revision,
        state={"drill": drill.name, "spec": drills.sha256(drill.name)},
        made_at=utc_now(),
        steps=steps,
    )


@contextmanager
def running(
    drills: Drills, drill: Drill, verb: str, journal: Journal, *, of: str = "", operator: str = ""
) -> Iterator[Run]:
    """Start a run of `verb` that holds the one lock of all drills; `of`: the run it takes over, `operator`: a person.

    A tabletop, which touches nothing and may last a day, has a lock of its own. Raises Locked when another drill runs.
    """
    lock = TABLE_LOCK if drill.spec.type == TABLETOP else LOCK
    settings, inventory = drills.settings, drills.inventory
    with (
        hold(settings.state / "locks", lock, actor=current_actor(), verb=verb),
        start_run(
            settings.state,
            verb,
            environment=inventory.environment,
            inventory=inventory.name,
            inventory_revision=inventory.revision,
            arguments={"drill": drill.name, **{k: v for k, v in (("of", of), ("operator", operator)) if v}},
            journal=journal,
        ) as run,
    ):
        yield run


def prepare(
    drills: Drills,
    setting: Setting,
    run: Run,
    say: Say,
    token: CancelToken,
    *,
    journal: Journal,
    run_id: str | None = None,
    is_asking_here: bool = False,
    operator: str = "",
) -> Prepared:
    """Join the ports for one run on this host.

    Args:
        run_id: of the run whose work this one finishes, if another's.
        operator: who runs the drill, by name in the inventory.
        is_asking_here: whoever sits at this terminal may answer what people are asked.
    """
    settings, inventory, scope = drills.settings, drills.inventory, setting.drill.spec.scope
    own_id, say = run_id or run.run_id, unfailing(say)
    target = partial(ssh_target, inventory)
    access = partial(server_access, settings, inventory, scope.app)
    recovery = _recovery(settings, inventory, scope.app) if scope.app else unjoined("recovery")
    tools = open_network(settings, inventory, journal)
    names = BindNames(name_book(inventory), SshHosts(target))

    def record(kind: str, payload: object) -> object:
        return journal.append(kind, payload, run=own_id)  # type: ignore[arg-type]

    routers = NetworkRouters(tools, record)
    context = DrillContext(
        run_id=own_id,
        scope=scope,
        environment=setting.environment,
        faults=LabSocket(own_id, partial(site_nodes, inventory)),
        hosts=SshHosts(target),
        recovery=recovery,
        databases=PostgresqlServers(access),
        routes=NetworkRoutes(tools, record),
        web=PinnedWeb(partial(service_endpoint, settings, inventory)),
        observer=HttpsObserver(observer_endpoint(settings, inventory)),
        names=names,
        name_writer=names,
        routers=routers,
        router_writer=routers,
        upstreams=BoardUpstreams(settings, inventory),
        random=draw(setting.seed),
        token=token,
        say=say,
        abandon=end_running,
        declarations=declarations_of(settings, inventory, journal, run, own_id, setting, say, operator),
        fence=NetworkFence(tools, partial(site_routers, inventory), record),
        people=people_of(settings, journal, run, own_id, setting.drill.name, say, is_asking_here=is_asking_here),
    )
    notify = open_notify(settings, inventory)
    return Prepared(DrillService(setting, drills.catalogue, context, run, notify), context, recovery)


def _recovery(settings: Settings, inventory: Inventory, application: str) -> ResticRecovery:
    """Give the off-site copy of an application, read."""
    backup = open_backup(settings, inventory.name, application, is_lock_free=True)
    target, access = partial(ssh_target, inventory), partial(server_access, settings, inventory, application)
    return ResticRecovery(lambda _application: backup.service, backup.repository, target, access)


def site_nodes(inventory: Inventory, site: str) -> SiteNodes:
    """Give the nodes of a site by what else needs them. Raises Refused for one that is not the ministry's."""
    if not inventory.sites[site].is_managed:
        raise Refused(f"{site} is not the ministry's", where=site, hint="Nothing was touched.")
    groups: dict[str, list[str]] = {"routers": [], "base": [], "others": []}
    for node in (each for each in inventory.nodes if each.site == site):
        word = "routers" if Role.ROUTER in node.roles else "base" if Role.BASE in node.roles else "others"
        groups[word].append(node.name)
    return SiteNodes.model_validate(groups)


def name_book(inventory: Inventory) -> NameBook:
    """Give what the inventory says of names. Raises UsageError without an outside resolver."""
    names = inventory.names.values()
    ttls = {each.fqdn: each.ttl for each in inventory.services.values()} | {each.name: each.ttl for each in names}
    fixed = {each.fqdn: each.ip for each in inventory.services.values()}
    fixed |= {each.name: address_of(inventory, each.device) for each in names if each.device}
    return NameBook(
        servers={each.name: address_of(inventory, each.name) for each in inventory.devices_with_role(Role.BASE)},
        resolver=address_of(inventory, gateway_of(inventory).name),
        fixed=fixed,
        movable={
            each.name: {site: address_of(inventory, device) for site, device in each.devices.items()}
            for each in names
            if each.devices
        },
        active={each.name: each.active_site for each in names if each.active_site},
        ttls={name: round(ttl) for name, ttl in ttls.items() if ttl is not None},
    )


def unfailing(say: Say) -> Say:
    """Give a `say` that never stops a drill: a terminal that closes in mid-rollback must not end the rollback.

    Rich ends the process (SystemExit) when the reader of its output has gone, so that is caught as well.
    """

    def tell(text: str) -> None:
        with suppress(Exception, SystemExit):
            say(text)

    return tell


def ssh_target(inventory: Inventory, device: str) -> SshTarget:
    """Give how a device is reached with this host's own key."""
    return SshTarget(device, address_of(inventory, device))


def server_access(settings: Settings, inventory: Inventory, application: str, device: str) -> ServerAccess:
    """Give how the application's account reaches the database server at `device`, or its cluster: DEVICE/CLUSTER."""
    device, _, cluster = device.partition("/")
    source = load_policies(inventory)[application].postgresql
    store = SecretStore(settings)
    ca = authority_path(settings, source.ca) if source.ca else None
    port = inventory.devices[device].postgresql[cluster].port if cluster else source.port
    return ServerAccess(address_of(inventory, device), port, source.user, store.get(source.password), ca)


def service_endpoint(settings: Settings, inventory: Inventory, service: str, device: str | None) -> Endpoint:
    """Give where a service is asked: at its address, or at one device's own; its certificate must name it."""
    found = inventory.services[service]
    address = address_of(inventory, device) if device else found.ip
    return Endpoint(address, found.port, found.fqdn, authority_path(settings, SERVICE_CA))


def gateway_of(inventory: Inventory) -> Device:
    """Give the gateway of the national side. Raises UsageError without one."""
    gateways = inventory.devices_with_role(Role.GATEWAY)
    if not gateways:
        raise UsageError("no gateway in the inventory, so there is no outside observer")
    return gateways[0]


def observer_endpoint(settings: Settings, inventory: Inventory) -> Endpoint:
    """Give where the outside observer's ledger is read: the gateway of the national side, under its own CA."""
    gateway = gateway_of(inventory)
    address = address_of(inventory, gateway.name)
    return Endpoint(address, OBSERVER_PORT, gateway.fqdn, authority_path(settings, NATIONAL_CA))
