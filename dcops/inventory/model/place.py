"""Where equipment stands and what feeds it: sites, rooms, racks, power feeds, UPS, PDU."""

from enum import StrEnum

from pydantic import Field

from dcops.core.units import Seconds
from dcops.core.words import Frozen, Text, Value
from dcops.inventory.model.base import Boolean, Count, Fqdn, Identifier, Name, Watts, Words


class SitePurpose(StrEnum):
    """What a site is for."""

    PRIMARY = "primary"
    RECOVERY = "recovery"
    NATIONAL = "national"
    OFFICE = "office"


class Mode(StrEnum):
    """Whether dcops may write here: `observe` means no writing adapter is even made."""

    MANAGE = "manage"
    OBSERVE = "observe"


class Site(Frozen):
    """A place with equipment.

    Attributes:
        asn: BGP AS number of the site, None where it does not speak BGP.
        domain: DNS domain of its devices.
        is_managed: False for a site that is somebody else's and stands here only to be seen (PDN); its devices are
            left out of the Ansible inventory and refused by every writing verb.
        operations_server: the device whose dcops is active for this site.
    """

    name: Identifier
    title: Text
    purpose: SitePurpose
    asn: Count | None = Field(default=None, le=4294967294)
    domain: Fqdn
    is_managed: Boolean = True
    mode: Mode | None = None
    operations_server: Name | None = None
    owner: Value[Words] | None = None
    address_note: Words | None = None


class Room(Frozen):
    """A room of a site."""

    name: Name
    site: Identifier
    title: Text
    floor_load_note: Words | None = None


class Rack(Frozen):
    """A rack: `units` high, numbered from 1 at the bottom."""

    name: Name
    room: Name
    units: Count = Field(ge=1, le=60)
    asset_code: Words | None = None


class Side(StrEnum):
    """Which of the two independent power paths."""

    A = "A"
    B = "B"


class PowerFeed(Frozen):
    """One of the power paths of a site.

    Attributes:
        rating_watts: what it may carry continuously.
        ups: UPS units that stand in this path; empty when it is raw utility.
    """

    name: Name
    site: Identifier
    side: Side
    rating_watts: Watts
    ups: tuple[Name, ...] = ()


class Monitored(Frozen):
    """Where a device without a network address of its own is read: the SNMP context `context` at `device`."""

    device: Name
    context: Words | None = None


class Ups(Frozen):
    """An uninterruptible power supply; `runtime` is the declared battery time at full load."""

    name: Name
    site: Identifier
    room: Name
    rating_watts: Watts
    runtime: Value[Seconds] | None = None
    serial: Words | None = None
    asset_code: Words | None = None
    contract: Name | None = None
    monitored: Monitored | None = None


class Pdu(Frozen):
    """A rack's power strip on one feed."""

    name: Name
    rack: Name
    feed: Name
    rating_watts: Watts
    outlets: Count = Field(ge=1)
    serial: Words | None = None
    asset_code: Words | None = None
    monitored: Monitored | None = None
