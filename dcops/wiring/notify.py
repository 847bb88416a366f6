"""Makes the Notify port of this host: mail to who is on call where the inventory names a relay, else the spool."""

from dcops.core.settings import Settings
from dcops.inventory import Inventory, Role
from dcops.runs.ports import Notify
from dcops.runs.smtp import Letterhead, Relay, SmtpNotify
from dcops.runs.spool_notify import SpoolNotify

AUTHORITY = "ca.crt"


def open_notify(settings: Settings, inventory: Inventory) -> Notify:
    """Give how people are told. Opens no connection.

    Mail is sent from an enrolled host only: anywhere else the addresses of an inventory might be somebody else's.
    """
    folder = settings.state / "notify"
    spool = SpoolNotify(folder)
    relays = sorted(inventory.devices_with_role(Role.MAIL), key=lambda each: each.name)
    recipients = on_call(inventory)
    if not relays or not recipients or not settings.identity_path.exists():
        return spool
    authority, environment = settings.secrets / AUTHORITY, inventory.environment
    place = f"{environment.value}, GLADI / REHEARSAL" if environment.is_rehearsal else environment.value
    notify: Notify = spool
    for relay in reversed(relays):  # asked in order of their names, at last the spool
        if relay.address is not None:
            letterhead = Letterhead(f"dcops@{inventory.sites[relay.site].domain}", recipients, place)
            ca = authority if authority.is_file() else None
            notify = SmtpNotify(Relay(relay.address, ca=ca), letterhead, notify, folder)
    return notify


def on_call(inventory: Inventory) -> tuple[str, ...]:
    """Give the mail addresses of who is on call, by name."""
    people = sorted(inventory.people.values(), key=lambda each: each.name)
    return tuple(each.email for each in people if each.is_on_call and each.email)
