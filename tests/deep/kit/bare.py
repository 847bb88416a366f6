"""A bare Debian: what a minimal installation holds, in a folder, entered without any network."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dcops.lab.mmdebstrap import SUITE, mirrors

# What a booted machine has: its own /proc, the usual devices, an id. Everything ends with the last process in it.
_ENTER = """
cd "$1"; shift
mount -t proc proc proc
mount -t tmpfs tmpfs dev
for name in null zero random urandom tty; do touch "dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
hostname bare
exec chroot . env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""
_APART = ("unshare", "--net", "--mount", "--pid", "--fork", "--uts", "--propagation", "private")


@dataclass(frozen=True)
class Bare:
    """The machine whose disk is `root`."""

    root: Path

    @classmethod
    def made(cls, root: Path) -> "Bare":
        """Install a minimal Debian into `root`: apt, and nothing that is not essential."""
        argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet"]
        argv += ["--dpkgopt=force-unsafe-io", SUITE, str(root), *mirrors()]
        subprocess.run(argv, check=True, timeout=1200, capture_output=True)
        (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
        return cls(root)

    def run(self, *argv: str, timeout: float = 1800) -> "subprocess.CompletedProcess[str]":
        """Run a program on it."""
        command = [*_APART, "sh", "-euc", _ENTER, "enter", str(self.root), *argv]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL
        )
