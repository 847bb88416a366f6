"""Where a host stands and on what its data lies, from what was read on the host itself. Pure."""

from dcops.core.errors import ParseError
from dcops.core.words import Frozen

# Read on the host by a shell: machine-id, the first of the paths that is there, its file system, and the identity.
SCRIPT = (
    "cat /etc/machine-id; "
    'for p in "$@" /; do if [ -e "$p" ]; then echo "$p"; stat -f -c "%T %i" "$p"; break; fi; done; '
    'cat "$0" 2>/dev/null || true'
)
# Where data lies on the servers of these roles; the first that is there is looked at.
DATA_PATHS = ("/srv/restic", "/var/lib/postgresql", "/var/lib/mysql")


def observing(paths: tuple[str, ...] = DATA_PATHS, identity: str = "/etc/dcops/identity.json") -> list[str]:
    """Give the command that a host is asked; `identity`: where its identity lies."""
    return ["sh", "-c", SCRIPT, identity, *paths]


class Observed(Frozen):
    """What was read: `identity` is the text of the signed identity, empty where the host has none."""

    machine_id: str
    path: str
    filesystem: str
    filesystem_type: str
    identity: str = ""


def parse_observed(text: str) -> Observed:
    """Read what `observing` printed. Raises ParseError."""
    lines = text.split("\n", 3)
    machine_id, path, kind, number = lines[0].strip(), "", "", ""
    if len(lines) > 2:
        path = lines[1]
        kind, _, number = lines[2].partition(" ")
    if len(machine_id) != 32 or machine_id.strip("0123456789abcdef") or not path.startswith("/") or not number:
        raise ParseError("the host does not tell where its data lies")
    identity = lines[3].strip() if len(lines) > 3 else ""
    return Observed(machine_id=machine_id, path=path, filesystem=number, filesystem_type=kind, identity=identity)
