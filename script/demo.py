"""One real line through everything, on the twin: up, provision, network, watch, back up, lose and recover, tell, prove.

Each stage drives dcops' own commands and then reads its figures back from the tool that holds them (vtysh, git,
Prometheus, restic, the journal, the observer's ledger), never from the command that made them. The first stage that
does not hold ends the demo with what is wrong and exit status 1.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
DCOPS = str(ROOT / ".venv/bin/dcops")
STATE = Path(os.environ.get("DCOPS_STATE") or ROOT / "var")
APP = "naskah_dinas_elektronik"
SERVICE = "naskah"
SERVICE_URL = "https://naskah.pmk.test:8443"
SERVICE_ADDRESS = "198.18.100.10"
DRILL = "naskah-db-loss"
OBSERVER = ("python3", "/usr/local/lib/dcops/observer.py")
LETTERS_MEGABYTES = 200
ATTACHMENTS = 2000
BGP_SECONDS = 45
TARGETS_SECONDS = 60

console = Console(highlight=False, soft_wrap=True)


class Broken(Exception):
    """A stage does not hold: what is wrong, for a person."""


@dataclass
class Demo:
    """What the stages know of each other."""

    twin: str
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Print one line of the story."""
        console.print(f"    {text}", markup=False)

    def run(self, *argv: str, quiet: bool = False, fine: tuple[int, ...] = (0,)) -> str:
        """Run a program, show its progress as it happens, give its standard output. Raises Broken on another status."""
        environment = {**os.environ, "DCOPS_TWIN": self.twin}
        if not quiet:
            console.print(f"  [bold]$[/] {_short(argv)}")
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=environment) as child:
            with ThreadPoolExecutor(1) as pool:
                said = pool.submit(_follow, child.stderr, quiet)
                out = child.stdout.read() if child.stdout else ""
            status = child.wait()
        if status not in fine:
            raise Broken(f"{_short(argv)} ended with {status}: {_reason(out, said.result())}")
        return out

    def dcops(self, *arguments: str, quiet: bool = False, fine: tuple[int, ...] = (0,)) -> str:
        """Run a dcops command on this host."""
        return self.run(DCOPS, *arguments, quiet=quiet, fine=fine)

    def node(self, name: str, *command: str, quiet: bool = False, fine: tuple[int, ...] = (0,)) -> str:
        """Run a command on a node of the twin."""
        return self.dcops("lab", "exec", name, "--", *command, quiet=quiet, fine=fine)

    def node_json(self, name: str, *command: str, fine: tuple[int, ...] = (0,)) -> Any:
        """Run a command on a node and read the JSON it prints."""
        return _read(self.node(name, *command, quiet=True, fine=fine), command)


def _follow(stream: IO[str] | None, quiet: bool) -> str:
    """Show what a program says as it says it, unless quiet, and give its last lines."""
    last: deque[str] = deque(maxlen=20)
    for line in stream or ():
        last.append(line)
        if not quiet:
            sys.stderr.write(line)
            sys.stderr.flush()
    return "".join(last)


def _short(argv: tuple[str, ...]) -> str:
    words = ["dcops" if word == DCOPS else word for word in argv]
    return shlex.join(words)


def _reason(out: str, err: str | None) -> str:
    """Give the last words of a failed command: its JSON error, else its last line."""
    try:
        error = json.loads(out)["error"]
        return " ".join(str(error[key]) for key in ("where", "message", "hint") if error.get(key))
    except (ValueError, KeyError, TypeError):
        lines = ((err or "") + "\n" + out).strip().splitlines()
        return lines[-1] if lines else "no message"


def _read(text: str, command: tuple[str, ...]) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Broken(f"{_short(command)} printed no JSON: {text[:200]!r}") from error


def wait_for(what: str, seconds: float, probe: Callable[[], Any]) -> Any:
    """Ask `probe` each second until it gives something true. Raises Broken naming `what` after `seconds`."""
    began = time.monotonic()
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() - began > seconds:
            raise Broken(f"{what} did not come within {seconds:.0f} s")
        time.sleep(1)


# --- the stages, in order ---------------------------------------------------------------------------------------------


def up(demo: Demo) -> None:
    """Build the image if it is not there and boot every site of the lab inventory."""
    demo.dcops("lab", "build")
    demo.dcops("lab", "up", "--twin", demo.twin)
    status = _read(demo.dcops("lab", "status", "--twin", demo.twin, "--json", quiet=True), ("lab", "status"))
    up_nodes = [node for node in status["nodes"] if node["state"] == "up"]
    if len(up_nodes) != len(status["nodes"]):
        down = [node["name"] for node in status["nodes"] if node["state"] != "up"]
        raise Broken(f"nodes not up: {', '.join(down)}")
    demo.facts["nodes_up"] = len(up_nodes)


def provision(demo: Demo) -> None:
    """Set every server up by Ansible, twice: the second run changes nothing. Fill the applications."""
    demo.dcops("provision", "run", "site", "-i", "lab", "--yes")
    second = _read(demo.dcops("provision", "run", "site", "-i", "lab", "--yes", "--json"), ("provision", "run"))
    changed = sum(host["changed"] for host in second["hosts"])
    demo.facts["provision_second_run_changed"] = changed
    if changed:
        names = [host["name"] for host in second["hosts"] if host["changed"]]
        raise Broken(f"the second run of the playbook changed {changed} things on {', '.join(names)}")
    demo.node(
        "jkt-app1", "naskah-isi", "--letters-megabytes", str(LETTERS_MEGABYTES), "--attachments", str(ATTACHMENTS)
    )
    demo.node("jkt-app1", "absensi-isi")
    demo.node("jkt-app1", "kearsipan-isi")


def network(demo: Demo) -> None:
    """Set routing through Netmiko, wait for BGP, see the service from outside, keep the configurations in git."""
    demo.node("jkt-ops1", "dcops", "net", "apply", "all", "--yes")

    def established() -> int:
        routers = ("jkt-rtr1", "jkt-rtr2", "drc-rtr1", "drc-rtr2", "pdn-rtr1")
        return sum(_established(demo, router) for router in routers) if all(_ready(demo, r) for r in routers) else 0

    demo.facts["bgp_established"] = wait_for("BGP sessions of all routers", BGP_SECONDS, established)
    wait_for("the service seen from pdn", 30, lambda: _seen_from_pdn(demo))
    demo.node("jkt-ops1", "dcops", "net", "backup", "all")
    listed = demo.node("jkt-ops1", "git", "-C", "/var/lib/dcops/network/configs", "ls-files", quiet=True)
    demo.facts["configs_backed_up"] = len([name for name in listed.split() if "rtr" in name])
    if demo.facts["configs_backed_up"] < 4:
        raise Broken(f"only {demo.facts['configs_backed_up']} of 4 router configurations are in git")


def _peers(demo: Demo, router: str) -> dict[str, Any]:
    summary = demo.node_json(router, "vtysh", "-c", "show bgp ipv4 unicast summary json")
    return dict(summary.get("peers", {}))


def _established(demo: Demo, router: str) -> int:
    return sum(peer["state"] == "Established" for peer in _peers(demo, router).values())


def _ready(demo: Demo, router: str) -> bool:
    peers = _peers(demo, router)
    return bool(peers) and all(peer["state"] == "Established" for peer in peers.values())


def _seen_from_pdn(demo: Demo) -> bool:
    asked = ("curl", "-sS", "-m", "3", "--cacert", "/etc/observer/service-ca.crt", "--resolve")
    url = ("naskah.pmk.test:8443:" + SERVICE_ADDRESS, f"{SERVICE_URL}/sehat")
    answer = demo.node("pdn-gw1", *asked, *url, quiet=True, fine=tuple(range(256)))
    return '"ok"' in answer


def watch(demo: Demo) -> None:
    """Wait until the real Prometheus scrapes every target that the inventory gives it."""

    def targets() -> list[dict[str, Any]]:
        answer = demo.node_json("jkt-ops1", "curl", "-sS", "http://127.0.0.1:9090/api/v1/targets?state=active")
        found: list[dict[str, Any]] = answer["data"]["activeTargets"]
        return found

    def all_up() -> int:
        found = targets()
        healthy = sum(target["health"] == "up" for target in found)
        return healthy if found and healthy == len(found) else 0

    try:
        demo.facts["prometheus_targets_up"] = wait_for("all Prometheus targets", TARGETS_SECONDS, all_up)
    except Broken as error:
        down = [target["scrapeUrl"] + ": " + target["lastError"] for target in targets() if target["health"] != "up"]
        raise Broken(f"{error}: {'; '.join(down[:3])}") from error
    demo.say(f"{demo.facts['prometheus_targets_up']} targets up")


def backup(demo: Demo) -> None:
    """Back the application up to the recovery site and find the snapshot again in the repository."""
    demo.node("jkt-ops1", "dcops", "backup", "run", "--app", APP, "--yes")
    listed = demo.node_json("jkt-ops1", "dcops", "backup", "list", "--app", APP, "--json")
    if not listed["snapshots"]:
        raise Broken("the repository holds no snapshot")
    demo.facts["snapshot_id"] = listed["snapshots"][-1]["id"]
    demo.node("jkt-ops1", "dcops", "backup", "check", "--app", APP, "--read-data")


def drill(demo: Demo) -> None:
    """Kill the database at a random moment, recover at drc, hold the result against the outside observer's ledger."""
    demo.node("drc-ops1", "dcops", "drill", "run", DRILL, "--yes", fine=(0, 20, 21, 23))
    newest = ("dcops", "records", "list", "--kind", "drill.result", "--limit", "1", "--json")
    result = demo.node_json("drc-ops1", *newest)[0]["payload"]
    demo.facts["drill"] = {name: result.get(name) for name in DRILL_FACTS}
    if result["verdict"] != "PASS":
        raise Broken(f"the drill ended {result['verdict']}: {'; '.join(result['reasons'])}")
    fault, service = result["marks"]["t_fault"], result["marks"]["t_service"]
    outage = demo.node_json("pdn-gw1", *OBSERVER, "summary", "--since", fault)
    again = datetime.fromisoformat(outage["first_success_again"]["t"]) - datetime.fromisoformat(fault)
    checks = demo.node_json("pdn-gw1", *OBSERVER, "checks", "--since", service)
    demo.facts["drill"]["observer_rto_seconds"] = round(again.total_seconds(), 3)
    demo.facts["drill"]["observer_lost_acknowledged"] = len(checks[0]["lost"])
    _agree(demo.facts["drill"])


def _agree(figures: dict[str, Any]) -> None:
    """Hold the drill's own figures against the observer's. Raises Broken when they differ."""
    if abs(figures["rto_service_seconds"] - figures["observer_rto_seconds"]) > 1:
        ours, theirs = figures["rto_service_seconds"], figures["observer_rto_seconds"]
        raise Broken(f"the drill measured a recovery time of {ours:.1f} s, the outside observer {theirs:.1f} s")
    if figures["lost_acknowledged"] != figures["observer_lost_acknowledged"]:
        ours, theirs = figures["lost_acknowledged"], figures["observer_lost_acknowledged"]
        raise Broken(f"the drill counts {ours} lost letters, the outside observer {theirs}")


DRILL_FACTS = (
    "verdict", "environment", "rto_service_seconds", "rto_verified_seconds", "rpo_seconds", "rto_target_seconds",
    "rpo_target_seconds", "restored_bytes", "lost_acknowledged",
)  # fmt: skip


def tell(demo: Demo) -> None:
    """Ask the API as the national side would: the applications and the state of the link to PDN."""
    base = "http://127.0.0.1:8080"
    for path in ("/livez", "/readyz"):
        demo.node("jkt-ops1", "curl", "-sS", "-f", "-m", "5", base + path, quiet=True)
    apps = demo.node_json("jkt-ops1", "curl", "-sS", "-f", "-m", "5", f"{base}/v1/apps?limit=100")
    demo.facts["apps_listed"] = len(apps["items"])
    upstreams = demo.node_json("jkt-ops1", "curl", "-sS", "-f", "-m", "15", f"{base}/v1/upstreams")
    pdn = next(item for item in upstreams["items"] if item["id"] == "pdn")
    demo.facts["pdn_state"] = pdn["status"]["state"]
    demo.say(f"{demo.facts['apps_listed']} applications, PDN link: {demo.facts['pdn_state']}")
    if demo.facts["pdn_state"] != "pass":
        raise Broken(f"the link to PDN is {demo.facts['pdn_state']}: {pdn['status']['reason']}")


def prove(demo: Demo) -> None:
    """Verify every journal that the stages wrote into."""
    verified = 0
    for node in ("jkt-ops1", "drc-ops1"):
        verified += demo.node_json(node, "dcops", "records", "verify", "--json")["records"]
    own = _read(demo.dcops("records", "verify", "--json", quiet=True), ("records", "verify"))
    demo.facts["records_verified"] = verified + own["records"]
    demo.say(f"{demo.facts['records_verified']} records verified")


STAGES: tuple[Callable[[Demo], None], ...] = (up, provision, network, watch, backup, drill, tell, prove)


# --- running them -----------------------------------------------------------------------------------------------------


def chosen(only: str | None, first: str | None) -> list[Callable[[Demo], None]]:
    """Give the stages to run."""
    names = [stage.__name__ for stage in STAGES]
    if only:
        return [STAGES[names.index(only)]]
    return list(STAGES[names.index(first) if first else 0 :])


def write_summary(demo: Demo) -> Path:
    """Write var/demo/summary.json and give its path."""
    path = STATE / "demo" / "summary.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds = {name: round(value, 1) for name, value in demo.seconds.items()}
    path.write_text(json.dumps({**demo.facts, "seconds": seconds}, indent=2) + "\n")
    return path


def show(demo: Demo) -> None:
    """Print the summary as a table."""
    table = Table("what", "value", box=None, pad_edge=False, header_style="bold", title="Summary", title_justify="left")
    for name, value in demo.facts.items():
        rows = [(f"{name}.{key}", item) for key, item in value.items()] if isinstance(value, dict) else [(name, value)]
        for row, cell in rows:
            table.add_row(row, f"{cell:.2f}" if isinstance(cell, float) else str(cell))
    for name, value in demo.seconds.items():
        table.add_row(f"seconds.{name}", f"{value:.1f}")
    console.print()
    console.print(table)


def look_around(demo: Demo) -> None:
    """Say where to look."""
    forwards = _read(demo.dcops("lab", "status", "--json", quiet=True), ("lab", "status")).get("forwards", [])
    console.print("\nLook around:")
    for forward in forwards:
        console.print(f"  {forward['name']:<22} {forward['url']}", markup=False)
    console.print("  a shell on a node      .venv/bin/dcops lab ssh drc-ops1")
    console.print("  take the twin away     .venv/bin/dcops lab down")


def main() -> int:
    """Run the stages and give the exit status."""
    names = [stage.__name__ for stage in STAGES]
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--twin", default=os.environ.get("DCOPS_TWIN", "lab"), help="name of the twin (default: lab)")
    parser.add_argument("--only", choices=names, help="run this stage alone, on a twin that is up")
    parser.add_argument("--from", dest="first", choices=names, help="begin at this stage, on a twin that is up")
    options = parser.parse_args()
    demo = Demo(options.twin)
    began = time.monotonic()
    for stage in chosen(options.only, options.first):
        console.rule(f"[bold]{stage.__name__}[/]  {(stage.__doc__ or '').splitlines()[0]}", align="left")
        stage_began = time.monotonic()
        try:
            stage(demo)
        except Broken as error:
            write_summary(demo)
            console.print(f"\n[bold red]demo: {stage.__name__}:[/] {error}", markup=True)
            return 1
        demo.seconds[stage.__name__] = time.monotonic() - stage_began
    demo.seconds["all"] = time.monotonic() - began
    path = write_summary(demo)
    show(demo)
    console.print(f"\nwritten to {path}", markup=False)
    look_around(demo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
