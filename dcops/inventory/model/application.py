"""Applications: what the policy says of each, and how this inventory runs it. Tenants and upstream links, too."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from dcops.core.units import Bytes, Seconds
from dcops.core.words import Frozen, Text, Value
from dcops.inventory.model.base import (
    Address,
    Boolean,
    Count,
    Fqdn,
    Identifier,
    Name,
    Network,
    Number,
    SecretRef,
    Words,
)


class ApplicationRole(StrEnum):
    """What a catalogue entry is."""

    APPLICATION = "application"
    SERVICE = "service"
    GROUP = "group"
    CLASS = "class"
    PLATFORM = "platform"
    EXTERNAL = "external"


class ServiceLevel(StrEnum):
    """The four levels of electronic service the policy names."""

    DISSEMINATION = "dissemination"
    INTERACTION = "interaction"
    TRANSACTION = "transaction"
    COLLABORATION = "collaboration"


class Integration(Frozen):
    """A connection the policy names: to another entry of the catalogue or to an external party."""

    application: Identifier | None = None
    party: Words | None = None
    clauses: tuple[Words, ...] = ()
    is_inferred: Boolean = False
    note: Words | None = None

    @model_validator(mode="after")
    def _has_one_target(self) -> Self:
        if (self.application is None) == (self.party is None):
            raise ValueError("an integration has exactly one of application and party")
        return self


class CatalogueEntry(Frozen):
    """What the policy says of an application; nothing here is chosen by whoever runs it.

    Attributes:
        clauses: ids of the policy's clauses, the naming one first.
        owner_unit: the owner as the policy names it, None where it names none.
        service_levels: as stated; empty where the policy states none for this entry.
        inferred: names of the fields here that were inferred and are not in the text.
        public: None where the policy does not let one tell.
    """

    key: Identifier
    role: ApplicationRole
    name: Text
    clauses: tuple[Words, ...] = Field(min_length=1)
    owner_unit: Words | None = None
    service_levels: tuple[ServiceLevel, ...] = ()
    integrations: tuple[Integration, ...] = ()
    shared_data: tuple[Words, ...] = ()
    public: Boolean | None = None
    inferred: tuple[Words, ...] = ()
    notes: Words | None = None


class HostingState(StrEnum):
    """Whether an application runs on devices of this inventory; `unknown` until somebody says so."""

    HOSTED = "hosted"
    NOT_HOSTED = "not_hosted"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


class Hosting(Frozen):
    """Where an application runs; `note` says why not, or where else."""

    state: HostingState
    note: Words | None = None


class Part(StrEnum):
    """What a host does for an application."""

    FRONTEND = "frontend"
    DATABASE = "database"
    FILES = "files"
    WORKER = "worker"


class ApplicationHost(Frozen):
    """A device that runs part of an application; `standby` ones take over at a failover."""

    device: Name
    part: Part
    standby: Boolean = False


class Endpoint(Frozen):
    """Where an application is asked whether it works."""

    url: Words = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")
    kind: Words = "http"
    service: Name | None = None


class Criticality(StrEnum):
    """How much the ministry's work depends on it."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    NORMAL = "normal"


class DataClass(StrEnum):
    """How its data must be protected; the policy gives no classification."""

    PUBLIC = "public"
    LIMITED = "limited"
    CONFIDENTIAL = "confidential"


class DataVolume(Frozen):
    """How much data production holds; a part nobody has told is unknown, none at all is 0."""

    database: Bytes | None = None
    files: Bytes | None = None


class Operations(Frozen):
    """How an application is run here.

    Attributes:
        rto: longest time until it serves again, seconds; `rpo`: longest span of acknowledged data that may be lost.
        availability: share of the time it must answer, 0 to 1.
        data_volume: of production, also in the inventory of a lab: what a rehearsal's figures are projected to.
        consistency_group: applications that must be restored to the same moment carry the same word.
        dependencies: catalogue keys it cannot work without; no cycles.
    """

    key: Identifier
    hosting: Hosting
    owner_unit: Value[Words] | None = None
    criticality: Value[Criticality] | None = None
    data_class: Value[DataClass] | None = None
    availability: Value[Number] | None = None
    rto: Value[Seconds] | None = None
    rpo: Value[Seconds] | None = None
    data_volume: Value[DataVolume] | None = None
    consistency_group: Identifier | None = None
    dependencies: tuple[Identifier, ...] = ()
    hosts: tuple[ApplicationHost, ...] = ()
    endpoints: dict[Identifier, Endpoint] = Field(default_factory=dict)
    tenant: Name | None = None


class Application(Frozen):
    """An application: `facts` from the policy's catalogue, `operations` from this inventory."""

    key: Identifier
    facts: CatalogueEntry
    operations: Operations

    @property
    def name(self) -> Text:
        """Give its name in both languages."""
        return self.facts.name

    @property
    def role(self) -> ApplicationRole:
        """Give what kind of entry it is."""
        return self.facts.role

    @property
    def owner_unit(self) -> str | None:
        """Give the owner: as adopted or proposed here, else as the policy names it, else None."""
        chosen = self.operations.owner_unit
        return chosen.value if chosen and chosen.is_set else self.facts.owner_unit

    @property
    def is_hosted(self) -> bool:
        """True when it runs on devices of this inventory."""
        return self.operations.hosting.state is HostingState.HOSTED

    @property
    def hosting(self) -> Hosting:
        """Give where it runs."""
        return self.operations.hosting

    @property
    def hosts(self) -> tuple[ApplicationHost, ...]:
        """Give the devices that run it, or would after a failover."""
        return self.operations.hosts

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """Give its endpoints by name."""
        return self.operations.endpoints

    @property
    def dependencies(self) -> tuple[str, ...]:
        """Give the keys of what it cannot work without."""
        return self.operations.dependencies

    @property
    def integrations(self) -> tuple[Integration, ...]:
        """Give the connections the policy names."""
        return self.facts.integrations

    @property
    def rto_seconds(self) -> float | None:
        """Give the recovery time objective, None when nobody set one."""
        return self.operations.rto.value if self.operations.rto else None

    @property
    def rpo_seconds(self) -> float | None:
        """Give the recovery point objective, None when nobody set one."""
        return self.operations.rpo.value if self.operations.rpo else None

    def devices(self, part: Part | None = None) -> tuple[str, ...]:
        """Give the names of its hosts, of one part if given."""
        return tuple(host.device for host in self.hosts if part in (None, host.part))


class Tenant(Frozen):
    """Another agency that shares the facility (clause 5.3.1.b): its agreement, quota and segment."""

    name: Name
    agency: Words
    agreement: Name | None = None
    rack_units: Count | None = None
    power_watts: Count | None = None
    prefixes: tuple[Name, ...] = ()


class UpstreamKind(StrEnum):
    """The links to the national side the policy asks for."""

    PDN = "pdn"
    JIP = "jip"
    SPLP = "splp"


class Probe(Frozen):
    """How the state of an upstream is found: a BGP session to an address, and an HTTPS question."""

    bgp_neighbors: dict[Name, Address] = Field(default_factory=dict)
    https_url: Words | None = Field(default=None, pattern=r"^https://\S+$")
    authority: SecretRef | None = None


class Upstream(Frozen):
    """A link to the national side.

    Attributes:
        links: the links of this inventory that carry it; empty where it is not connected.
        networks: networks reached over it.
        probe: how its state is found; None means its state is `unknown`.
    """

    key: Identifier
    kind: UpstreamKind
    name: Text
    clauses: tuple[Words, ...]
    hosting: Hosting
    asn: Count | None = None
    links: tuple[Name, ...] = ()
    networks: tuple[Network, ...] = ()
    fqdn: Fqdn | None = None
    probe: Probe | None = None
    down_after: Value[Seconds] | None = None
