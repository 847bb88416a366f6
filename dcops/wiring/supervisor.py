"""The process that keeps a twin, joined to this host's journal: started by `dcops lab up`, not by people."""

import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from dcops.core.errors import DcopsError, Interrupted
from dcops.core.settings import Settings
from dcops.core.words import Environment
from dcops.lab.model import Topology, Twin
from dcops.lab.overlay import Folders
from dcops.lab.supervisor import serve
from dcops.records.service import Journal


@dataclass(frozen=True)
class TwinJournal:
    """Opens this host's journal for records of a twin.

    Anew for each record: faults are rare, and the state folder may come and go while a twin is up.
    """

    settings: Settings
    folders: Folders

    def __call__(self) -> Journal:
        """Give the journal. Raises Refused on a host that is enrolled elsewhere than in the twin's inventory."""
        from dcops.wiring.records import attested_node, open_journal  # half a second that `lab up` need not wait for

        topology = Topology.model_validate_json(self.folders.topology.read_text())
        attested_node(self.settings, Environment.TWIN, topology.inventory)
        # No revision: the twin runs on, whatever becomes of the inventory's files.
        return open_journal(self.settings, None, Environment.TWIN)


def main(arguments: list[str]) -> int:
    """`TOP TWIN OWNER SOURCE`."""
    top, name, owner, source = arguments
    folders = Folders(Path(top))
    open_journal = TwinJournal(Settings.load(), folders)
    # The first fault should not wait for what a journal imports.
    threading.Thread(target=_warm, args=(open_journal,), daemon=True).start()
    try:
        serve(Twin(name=name, owner=owner), folders, Path(source), open_journal)
    except DcopsError as error:
        sys.stderr.write(f"supervisor: {error}\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(Interrupted.exit_code)
    return 0


def _warm(open_journal: TwinJournal) -> None:
    try:
        open_journal()
    except (DcopsError, OSError) as error:
        sys.stderr.write(f"supervisor: faults will not be in the journal: {error}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
