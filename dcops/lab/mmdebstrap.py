"""Drives mmdebstrap, and uv or pip: the one Debian image below every node, built aside and put in place by a rename."""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcops.core.clock import rfc3339, utc_now
from dcops.core.errors import CommandError, DcopsError
from dcops.core.files import write_atomic
from dcops.core.process import DEVNULL, PIPE, run, start
from dcops.lab.ports import Say

SUITE = "trixie"
PYTHON = "3.13"  # of that suite
_FILES = Path(__file__).parent / "files"
_RECIPE = (
    *("--mode=root", "--format=directory", "--variant=minbase"),
    # the tree is thrown away when the build fails, so nothing needs to survive a crash half way
    "--dpkgopt=force-unsafe-io",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")),
)
# In namespaces of its own: its mounts never show here, and all of it dies with us, however we die.
_APART = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"),
)
_PASSED = re.compile(
    r"^(https?_proxy|no_proxy|all_proxy|UV_.*|PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE|APT_CONFIG)$", re.I
)


def packages() -> tuple[str, ...]:
    """Give the Debian packages of the image, in the order of the file."""
    lines = (line.partition("#")[0].strip() for line in (_FILES / "packages.txt").read_text().splitlines())
    return tuple(line for line in lines if line)


class ImageStore:
    """The images below one state folder, each named by the hash of all that shaped it."""

    def __init__(self, folder: Path, requirements: Path) -> None:
        self._folder = folder
        self._requirements = requirements

    def fingerprint(self) -> str:
        """Give the hash of packages, requirements, recipe and scripts; a change of any makes another image."""
        digest = hashlib.sha256()
        shaping = [platform.machine(), SUITE, *packages(), *_RECIPE]
        digest.update("\n".join(shaping).encode())
        for path in (_FILES / "image-essential.sh", _FILES / "image-customize.sh", self._requirements):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    @property
    def root(self) -> Path:
        """Where the current image's tree is, or will be."""
        return self._folder / self.fingerprint() / "root"

    def is_built(self) -> bool:
        """Say whether the current image is there, whole."""
        return (self.root.parent / "image.json").exists()

    def build(self, say: Say) -> float:
        """Build the current image unless it is there; give the seconds it took. A build that was killed leaves nothing.

        Raises DcopsError with the last words of the tool that failed.
        """
        if self.is_built():
            return 0.0
        began = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked(say):
            if self.is_built():
                return 0.0
            self._sweep()
            aside = self._folder / f".building-{os.getpid()}"
            try:
                self._build_in(aside, say)
                aside.rename(self.root.parent)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return time.monotonic() - began

    def remove_others(self, in_use: frozenset[str], say: Say) -> list[str]:
        """Delete images other than the current one and those `in_use`; give what was deleted."""
        if not self._folder.is_dir():
            return []
        keep = {self.fingerprint(), *in_use}
        with self._locked(say):
            old = [path for path in self._folder.glob("[0-9a-f]*") if path.is_dir() and path.name not in keep]
            for path in old:
                say(f"removing image {path.name}, which no disk lies on")
                shutil.rmtree(path, ignore_errors=True)
        return [path.name for path in old]

    def _build_in(self, aside: Path, say: Say) -> None:
        wheels = aside / "wheels"
        wheels.mkdir(parents=True)
        say("Python packages, checked by hash")
        fetch_wheels(self._requirements, wheels)
        argv = [
            *(*_APART, "mmdebstrap", *_RECIPE, f"--include={','.join(packages())}"),
            f'--essential-hook={_FILES / "image-essential.sh"} "$1"',
            f'--customize-hook={_FILES / "image-customize.sh"} "$1" "{wheels}"',
            *(SUITE, str(aside / "root"), *mirrors()),
        ]
        _run_showing(argv, say)
        shutil.rmtree(wheels)
        document = {"hash": self.fingerprint(), "suite": SUITE, "built_at": rfc3339(utc_now()), "packages": packages()}
        write_atomic(aside / "image.json", json.dumps(document, indent=2) + "\n")

    def _sweep(self) -> None:
        """Delete what killed builds left; never through a mount, which would be a part of this machine."""
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for path in self._folder.glob(".building-*"):
            if not any(point.startswith(f"{path}/") for point in mounts):
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _locked(self, say: Say) -> Iterator[None]:
        with (self._folder / ".lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say("another build runs: waiting for it")
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def fetch_wheels(requirements: Path, target: Path) -> None:
    """Install the locked packages for the image's Python into `target`, each checked against its hash."""
    env = {name: value for name, value in os.environ.items() if _PASSED.match(name)}
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    common = ["--target", str(target), "--require-hashes", "-r", str(requirements)]
    if uv:
        chosen = [uv, "pip", "install", "--quiet", "--python-version", PYTHON, "--python-platform"]
        argv = [*chosen, f"{platform.machine()}-unknown-linux-gnu", *common]
    else:
        chosen = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
        argv = [*chosen, "--python-version", PYTHON, "--implementation", "cp", *common]
    run(argv, env=env, timeout_seconds=900)


def mirrors() -> tuple[str, ...]:
    """Give the sources of the image for mmdebstrap: DCOPS_LAB_MIRROR, else this machine's own Debian ones, else none.

    None means mmdebstrap's default for the suite, with updates and security.
    """
    chosen = os.environ.get("DCOPS_LAB_MIRROR")
    if chosen:
        return (f"deb {chosen} {SUITE} main",)
    found = _configured()
    main = next((uri for uri in found if uri.rstrip("/").endswith("/debian")), None)
    if main is None:
        return ()
    lines = [f"deb {main} {SUITE} main", f"deb {main} {SUITE}-updates main"]
    security = next((uri for uri in found if uri.rstrip("/").endswith("/debian-security")), None)
    if security:
        lines.append(f"deb {security} {SUITE}-security main")
    return tuple(lines)


def _configured() -> list[str]:
    """Give the package sources of this machine, where it is a Debian one."""
    try:
        is_debian = "ID=debian" in Path("/etc/os-release").read_text().splitlines()
        if not is_debian:
            return []
        done = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], check=False)
    except (DcopsError, OSError):
        return []
    return list(dict.fromkeys(done.text.split()))


def _run_showing(argv: list[str], say: Say) -> None:
    """Run mmdebstrap and pass on what it is doing. Raises CommandError with its last words."""
    env = {name: value for name, value in os.environ.items() if _PASSED.match(name)}
    tail: list[str] = []
    with start(argv, env=env, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE) as child:
        for raw in child.stderr:
            line = raw.decode(errors="replace").rstrip()
            tail = [*tail[-20:], line]
            if line.startswith("I: "):
                say(line[3:])
        status = child.wait()
    if status != 0:
        errors = [line for line in tail if line.startswith("E:")] or tail[-1:]
        raise CommandError(
            ["mmdebstrap"], status, "\n".join(errors), hint="Set DCOPS_LAB_MIRROR to a mirror this machine reaches."
        )
