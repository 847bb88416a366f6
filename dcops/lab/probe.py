"""Finds out what this machine can do for a twin: rights, programs, kernel features, tried in throwaway namespaces."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dcops.core.errors import DcopsError
from dcops.core.process import run
from dcops.lab import limits

_PROGRAMS = {
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "sysctl": "procps",
    "mount": "mount",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}


@dataclass(frozen=True)
class Check:
    """One thing looked at: name, whether it is there, what was found, what to do, whether a twin needs it."""

    name: str
    is_ok: bool
    found: str
    hint: str = ""
    is_needed: bool = True


def essentials() -> list[Check]:
    """Give the checks that cost nothing: rights and programs."""
    return [_root(), *_programs(), _keyring()]


def everything() -> list[Check]:
    """Give all checks; makes and removes a throwaway namespace or two."""
    checks = essentials()
    if not checks[0].is_ok:
        return checks
    return [*checks, *_resources(), *_kernel(), _init()]


def require(checks: list[Check]) -> None:
    """Raise DcopsError naming everything needed that is missing, each with what to do."""
    missing = [check for check in checks if check.is_needed and not check.is_ok]
    if not missing:
        return
    if missing[0].name == "root":
        raise DcopsError("the twin needs root", hint="Run it with sudo.")
    words = ", ".join(f"{check.name} ({check.found})" for check in missing)
    packages = sorted({check.hint for check in missing if check.hint})
    raise DcopsError(f"this machine cannot run a twin: {words}", hint=" ".join(packages))


def _root() -> Check:
    is_root = os.geteuid() == 0
    return Check("root", is_root, "yes" if is_root else f"uid {os.geteuid()}", "" if is_root else "Run it with sudo.")


def _programs() -> list[Check]:
    found = []
    for program, package in _PROGRAMS.items():
        path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        hint = "" if path else f"apt-get install {package}."
        found.append(Check(program, path is not None, path or "not installed", hint))
    return found


def _keyring() -> Check:
    path = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    hint = "" if path.exists() else "apt-get install debian-archive-keyring."
    return Check("debian keyring", path.exists(), str(path) if path.exists() else "not installed", hint)


def _resources() -> list[Check]:
    memory = int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) // 1024
    disk = shutil.disk_usage("/").free // 10**9
    inotify = limits.current()
    note = "" if inotify >= limits.WANTED else f"Raised to {limits.WANTED} while a twin is up."
    room = "A twin of 16 nodes needs about 2 GB."
    return [
        Check("memory", memory > 2000, f"{memory} MB available", "" if memory > 2000 else room, is_needed=False),
        Check("disk", disk > 6, f"{disk} GB free", "" if disk > 6 else "About 6 GB are needed.", is_needed=False),
        Check("inotify instances", True, str(inotify), note, is_needed=False),
    ]


def _init() -> Check:
    if Path("/run/systemd/system").is_dir():
        is_v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
        return Check(
            "launcher",
            is_v2,
            "systemd-run" if is_v2 else "systemd on cgroup v1",
            "" if is_v2 else "Boot with cgroup v2.",
        )
    unified = any(Path(p).exists() for p in ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"))
    return Check(
        "launcher", unified, "bare" if unified else "no cgroup v2 hierarchy", "" if unified else "Mount cgroup2."
    )


def _kernel() -> list[Check]:
    names = [f"dcopsprobe{os.getpid()}{letter}" for letter in "ab"]
    a, b = names
    try:
        for name in names:
            run(["ip", "netns", "add", name])
        probes: list[tuple[str, Callable[[], bool], bool]] = [
            (
                "veth",
                lambda: _ok(
                    "ip", "-n", a, "link", "add", "name", "p0", "type", "veth", "peer", "name", "e0", "netns", b
                ),
                True,
            ),
            ("bridge", lambda: _ok("ip", "-n", a, "link", "add", "name", "hub0", "type", "bridge"), True),
            ("bridge port isolation", lambda: _isolated(a), True),
            ("macvlan", lambda: _ok(*f"ip -n {b} link add name vr1 link e0 type macvlan mode bridge".split()), True),
            ("nftables bridge family", lambda: _nft(a), True),
            (
                "tbf",
                lambda: _ok(*f"tc -n {a} qdisc replace dev p0 root tbf rate 10mbit burst 32kbit latency 100ms".split()),
                False,
            ),
            ("netem", lambda: _ok(*f"tc -n {a} qdisc replace dev p0 root netem delay 10ms".split()), False),
        ]
        checks = []
        for name, probe, is_needed in probes:
            is_ok = probe()
            hint = "" if is_ok else f"The kernel lacks {name}" + ("." if is_needed else ": lab shape cannot use it.")
            checks.append(Check(name, is_ok, "yes" if is_ok else "missing", hint, is_needed))
    finally:
        for name in names:
            run(["ip", "netns", "del", name], check=False)
    overlay = "overlay" in Path("/proc/filesystems").read_text() or _ok("modprobe", "overlay")
    return [
        *checks,
        Check("overlay", overlay, "yes" if overlay else "missing", "" if overlay else "The kernel lacks overlay."),
    ]


def _isolated(namespace: str) -> bool:
    return _ok(*f"ip -n {namespace} link set dev p0 master hub0".split()) and _ok(
        *f"ip -n {namespace} link set dev p0 type bridge_slave isolated on".split()
    )


def _nft(namespace: str) -> bool:
    lines = [
        "table bridge t {",
        "chain c {",
        "type filter hook forward priority 0;",
        "numgen random mod 10 < 3 drop",
        "}",
        "}",
    ]
    rules = "".join(f"{line}\n" for line in lines).encode()
    return run(["ip", "netns", "exec", namespace, "nft", "-f", "-"], input=rules, check=False).returncode == 0


def _ok(*argv: str) -> bool:
    try:
        return run(argv, check=False).returncode == 0
    except DcopsError:
        return False
