"""Names as bind's own tools see and change them: `dig` from this host, `nsupdate -l` at each name server.

`nsupdate -l` signs with the session key (TSIG) that named makes at each start and that never leaves the server. So no
credential to change names is kept anywhere, and named takes no update from the network.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from dcops.core.errors import CommandError, ParseError, TransportError, Unreachable, UsageError
from dcops.core.process import run
from dcops.core.text import did_you_mean
from dcops.drills.model import NameAnswer, NameMove
from dcops.drills.ports import Hosts

_NO_REPLY = 9  # dig(1), RETURN CODES
_SECONDS = 2
_WORKERS = 4
# -4: with IPv6 off, nsupdate 9.20 fails at ::1 first and then sends 127.0.0.1 the update without its zone (FORMERR).
_UPDATE = ("nsupdate", "-4", "-l", "-t", "5")


@dataclass(frozen=True)
class NameBook:
    """What the inventory says of names.

    Attributes:
        servers: name server -> address; `resolver`: of the caching resolver outside clients use.
        fixed: name -> address; `movable`: name -> site -> address; `active`: name -> site in the steady state.
        ttls: name -> seconds; of others `default_ttl`.
    """

    servers: Mapping[str, str]
    resolver: str
    fixed: Mapping[str, str] = field(default_factory=dict)
    movable: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    active: Mapping[str, str] = field(default_factory=dict)
    ttls: Mapping[str, int] = field(default_factory=dict)
    default_ttl: int = 60

    def expected(self, name: str, site: str | None = None) -> NameAnswer:
        """Give what `name` answers, at `site` if it can be moved. Raises UsageError for what is not known."""
        ttl = self.ttls.get(name, self.default_ttl)
        if name in self.fixed:
            return NameAnswer(addresses=(self.fixed[name],), ttl_seconds=ttl)
        return NameAnswer(addresses=(self.at(name, site or self.active.get(name, "")),), ttl_seconds=ttl)

    def at(self, name: str, site: str) -> str:
        """Give the address a name has at `site`. Raises UsageError for one that cannot be moved there."""
        if name not in self.movable:
            known = [*self.movable, *self.fixed] if name not in self.fixed else [*self.movable]
            guess = did_you_mean(name, known)
            hint = f'Did you mean "{guess}"?' if guess else f"Names: {', '.join(sorted(known)) or 'none'}."
            raise UsageError(f'"{name}" is no name that can be moved', hint=hint)
        sites = self.movable[name]
        if site not in sites:
            raise UsageError(f'{name} has no device at "{site}"', hint=f"Sites: {', '.join(sites)}.")
        return sites[site]


class BindNames:
    """Reads and moves names; each server is asked and changed by itself, for there is no transfer between them."""

    def __init__(self, book: NameBook, hosts: Hosts) -> None:
        self._book, self._hosts = book, hosts

    def expected(self, name: str, site: str | None = None) -> NameAnswer:
        """Give what the inventory says `name` answers, with the whole time it may be kept."""
        return self._book.expected(name, site)

    def served(self, name: str) -> dict[str, NameAnswer | None]:
        """Give name server -> its answer; None for one that does not answer."""
        return {server: self._ask_or_none(address, name) for server, address in self._book.servers.items()}

    def outside(self, name: str) -> NameAnswer:
        """Give what the caching resolver of the national side tells its clients. Raises Unreachable."""
        return _ask(self._book.resolver, name)

    def point(self, name: str, site: str) -> NameMove:
        """Have every name server that can be reached answer the address at `site`; hold it against what it answers."""
        address, ttl = self._book.at(name, site), self._book.expected(name, site).ttl_seconds
        servers = tuple(self._book.servers)
        with ThreadPoolExecutor(_WORKERS) as pool:  # side by side: one that is lost keeps nobody waiting
            taken = list(pool.map(lambda server: self._point(server, name, address, ttl), servers))
        moved = tuple(server for server, is_taken in zip(servers, taken, strict=True) if is_taken)
        if not moved:
            raise Unreachable(f"{name} was not moved: no name server was reached", where=", ".join(servers))
        return NameMove(address=address, servers=moved, unreached=tuple(each for each in servers if each not in moved))

    def _point(self, server: str, name: str, address: str, ttl: int) -> bool:
        """Change one server and hold it against what it then answers; False when it was not reached."""
        try:
            self._hosts.run(server, _UPDATE, input=update_text(name, address, ttl).encode())
            answer = _ask(self._book.servers[server], name)
        except TransportError:
            return False
        if answer.addresses != (address,):
            raise CommandError(_UPDATE, 0, f"{server} still answers {', '.join(answer.addresses) or 'nothing'}")
        return True

    def _ask_or_none(self, address: str, name: str) -> NameAnswer | None:
        try:
            return _ask(address, name)
        except TransportError:
            return None


def update_text(name: str, address: str, ttl: int) -> str:
    """Give the commands of nsupdate(1) that leave `name` with one address: all or nothing, in one message."""
    lines = (f"zone {name}", f"update delete {name}. A", f"update add {name}. {ttl} A {address}", "send")
    return "".join(f"{line}\n" for line in lines)


def parse_answer(text: str) -> NameAnswer:
    """Give the answer in what `dig +noall +comments +answer` printed; an alias is followed, its time counts too.

    Raises ParseError for a server that refused or failed.
    """
    status = next((part.split()[1].rstrip(",") for part in text.split(", ") if part.startswith("status: ")), "")
    if status not in ("NOERROR", "NXDOMAIN"):
        raise ParseError(f"the answer has status {status or 'none'}")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith(";")]
    records = [row for row in rows if len(row) == 5 and row[2] == "IN" and row[3] in ("A", "CNAME")]
    addresses = sorted(row[4] for row in records if row[3] == "A")
    return NameAnswer(addresses=tuple(addresses), ttl_seconds=min((int(row[1]) for row in records), default=0))


def _ask(server: str, name: str) -> NameAnswer:
    """Ask one server once. Raises Unreachable when it gives no answer, or none that can be used."""
    argv = ["dig", f"@{server}", name, "A", "+noall", "+comments", "+answer", f"+time={_SECONDS}", "+tries=1"]
    done = run(argv, check=False, timeout_seconds=_SECONDS + 5)
    if done.returncode == _NO_REPLY:
        raise Unreachable("no answer to a question for a name", where=server)
    if done.returncode != 0:
        raise CommandError(argv, done.returncode, done.stderr.decode(errors="replace")[-500:])
    try:
        return parse_answer(done.text)
    except ParseError as error:
        raise Unreachable(str(error), where=server) from error
