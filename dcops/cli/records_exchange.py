"""`dcops records exchange`: the operations server's end of an exchange of journals that the retention host begins."""

import sys
from typing import Annotated

import typer

from dcops.cli.common import InventoryOption, writing_inventory
from dcops.core.errors import UsageError
from dcops.core.settings import Settings


def exchange(
    peer: Annotated[str, typer.Option("--with", metavar="NODE", help="Whose journal comes on standard input.")],
    inventory: InventoryOption = None,
) -> None:
    """Give this host's journal on standard output and take another host's from standard input, both as tar archives.

    For an authorized key that may do nothing else: the retention host fetches the receipts with it and hands over what
    it forgot. What comes is kept only when it verifies with the key placed here and continues what came before.

    \b
    Example, in /root/.ssh/authorized_keys:
      restrict,command="/usr/local/bin/dcops records exchange --with drc-bkp1" ssh-ed25519 AAAA...
    """
    from dcops.inventory import load
    from dcops.wiring.exchange import LIMIT_BYTES, packed, peer_named, receive
    from dcops.wiring.records import open_journal

    if sys.stdin.isatty() or sys.stdout.isatty():
        raise UsageError("this end is for a program", hint="See docs/backup.md, Retention.")
    settings = Settings.load()
    loaded = load(settings.inventory_root(writing_inventory(settings, inventory)))
    node = peer_named(loaded, peer)
    journal = open_journal(settings, loaded, loaded.environment)
    archive = sys.stdin.buffer.read(LIMIT_BYTES + 1)
    if len(archive) > LIMIT_BYTES:
        raise UsageError(f"more than {LIMIT_BYTES} bytes came", where=node)
    # Ours goes out whatever becomes of what came: the other side must be able to see the receipts.
    sys.stdout.buffer.write(packed(settings, journal))
    sys.stdout.buffer.flush()
    receive(settings, node, archive)
