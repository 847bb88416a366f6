"""5,000 hosts: our entry, validation included, against ansible-inventory on the same hosts as plain YAML.

Run by script/bench alone on the machine. Both are whole processes, timed in the same run; ours three times, of which
the median counts, because it is the shorter. Ends with 1 when ours takes more than a tenth.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

HOME = Path(__file__).resolve().parents[2]
HOSTS = 5000
HOSTS_PER_FILE = 250
HOSTS_PER_RACK = 40
LIMIT_RATIO = 0.1


def write_inventory(root: Path) -> None:
    """Write an inventory of HOSTS servers in two sites, each with rack unit, serial and two interfaces."""
    devices = root / "devices"
    devices.mkdir(parents=True)
    shutil.copy2(HOME / "inventory" / "lab" / "hosts", root / "hosts")
    (root / "inventory.yml").write_text("inventory: {name: scale, environment: twin, title: Scale}\n")
    sites = {
        name: {"title": {"id": name, "en": name}, "purpose": "primary", "domain": f"{name}.example.test"}
        for name in ("north", "south")
    }
    rooms = {f"{site}-hall": {"site": site, "title": {"id": "Ruang", "en": "Hall"}} for site in sites}
    racks = {
        f"{site_of(n)}-rack{n}": {"room": f"{site_of(n)}-hall", "units": 42} for n in range(HOSTS // HOSTS_PER_RACK)
    }
    prefixes = {
        "north-lan": {"network": "198.18.0.0/17", "kind": "lan", "site": "north", "gateway": "198.18.0.1"},
        "south-lan": {"network": "198.18.128.0/17", "kind": "lan", "site": "south", "gateway": "198.18.128.1"},
        "management": {"network": "198.19.0.0/16", "kind": "management"},
    }
    content = {"sites": sites, "rooms": rooms, "racks": racks, "prefixes": prefixes}
    (root / "base.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    for first in range(0, HOSTS, HOSTS_PER_FILE):
        lines = ["devices:"]
        for number in range(first, first + HOSTS_PER_FILE):
            lines += host_lines(number)
        (devices / f"hosts-{first:05d}.yml").write_text("\n".join(lines) + "\n")


def site_of(rack: int) -> str:
    return "north" if rack % 2 == 0 else "south"


def host_lines(number: int) -> list[str]:
    """Give one host as a person would write it, like those of inventory/lab."""
    rack, unit = divmod(number, HOSTS_PER_RACK)
    site, index = site_of(rack), number + 10
    half = 0 if site == "north" else 128
    role = ("application", "database", "operations", "backup")[number % 4]
    return [
        f"  host{number:05d}:",
        "    kind: server",
        f"    site: {site}",
        f"    roles: [{role}]",
        "    platform: debian13",
        f"    position: {{rack: {site}-rack{rack}, unit: {unit + 1}}}",
        f"    serial: S{number:07d}",
        "    interfaces:",
        f"      mgmt0: {{network: management, address: 198.19.{index // 250}.{index % 250 + 1}/16}}",
        f"      lan0: {{network: {site}-lan, address: 198.18.{half + index // 250}.{index % 250 + 1}/17}}",
    ]


def run(argv: list[str | Path], environment: dict[str, str]) -> tuple[float, dict[str, object]]:
    """Run a whole process; give its wall time in seconds and the JSON it printed."""
    start = time.perf_counter()
    done = subprocess.run(argv, env=environment, capture_output=True, check=True)
    return time.perf_counter() - start, json.loads(done.stdout)


def measure(tmp_path: Path) -> tuple[float, float]:
    """Give the seconds of ours and of theirs; both must list the same hosts."""
    root = tmp_path / "inventory" / "scale"
    write_inventory(root)
    (tmp_path / "ansible.cfg").touch()
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "DCOPS_HOME": str(HOME),
        "DCOPS_STATE": str(tmp_path / "state"), "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
    }  # fmt: skip
    runs = [run([root / "hosts", "--list"], environment) for _ in range(3)]
    ours = statistics.median(seconds for seconds, _ in runs)
    listing = runs[0][1]
    meta = listing.pop("_meta")
    assert isinstance(meta, dict)
    assert len(meta["hostvars"]) == HOSTS
    shared = listing.pop("all")
    assert isinstance(shared, dict)
    children: dict[str, object] = {
        name: {"hosts": {host: {} for host in group["hosts"]}}
        for name, group in listing.items()
        if isinstance(group, dict)
    }
    plain = tmp_path / "plain.yml"
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    plain.write_text(yaml.dump({"all": {**shared, "hosts": meta["hostvars"], "children": children}}, Dumper=dumper))
    tool = Path(sys.executable).with_name("ansible-inventory")
    theirs, printed = run([tool, "-i", plain, "--list"], environment)
    assert printed["_meta"]["hostvars"].keys() == meta["hostvars"].keys()  # type: ignore[index]
    return ours, theirs


def main() -> int:
    """Measure and print; give 1 when ours is above its limit."""
    with tempfile.TemporaryDirectory(prefix="dcops-bench-") as folder:
        ours, theirs = measure(Path(folder))
    ratio = ours / theirs
    print(f"{HOSTS} hosts: ours {ours:.2f} s, plain YAML {theirs:.2f} s, ratio {ratio:.3f} (at most {LIMIT_RATIO})")
    return int(ratio > LIMIT_RATIO)


if __name__ == "__main__":
    sys.exit(main())
