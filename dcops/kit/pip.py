"""The wheels of the locked requirements for another Python, through pip."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, cpython_tags
from packaging.utils import parse_wheel_filename

from dcops.core.errors import DcopsError
from dcops.core.process import run

_PASSED = re.compile(r"^(https?_proxy|no_proxy|all_proxy|PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE)$", re.I)
_TIMEOUT_SECONDS = 1800.0


def requirements_for(text: str, python: str) -> str:
    """Return the requirements that hold for CPython `python` ("3.13") on Linux, without markers, hashes as they are.

    pip itself judges markers by the Python that runs it, which is another one here.
    """
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
    }
    lines = []
    for entry in re.findall(r"^[A-Za-z0-9](?:[^\n]*\\\n)*[^\n]*", text, re.MULTILINE):
        head, *hashes = [part.strip(" \\") for part in entry.splitlines()]
        found = Requirement(head)
        if found.marker is None or found.marker.evaluate(environment):
            name = f"{found.name}[{','.join(sorted(found.extras))}]" if found.extras else found.name
            kept = [each for each in hashes if each.startswith("--hash=")]
            lines.append(" \\\n    ".join([f"{name}{found.specifier}", *kept]))
    return "\n".join(lines) + "\n"


class PipWheels:
    """The wheels of a requirements text, for CPython `python` on this machine's kind of processor."""

    def __init__(self, requirements: str, python: str) -> None:
        self._requirements, self._python = requirements, python

    def fetch(self, folder: Path) -> Mapping[str, Path]:
        """Fetch the wheels, each checked against the hashes of the requirements; return name in the kit -> file.

        Raises CommandError with pip's last words, DcopsError when a wheel would not run there.
        """
        chosen = folder / "requirements.txt"
        chosen.write_text(self._requirements, encoding="ascii")
        wheels = folder / "wheels"
        argv = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary=:all:", "--python-version", self._python, "--implementation", "cp", "--require-hashes"),
            *("--dest", str(wheels), "-r", str(chosen)),
        ]
        env = {name: value for name, value in os.environ.items() if _PASSED.match(name)}
        run(argv, env=env, timeout_seconds=_TIMEOUT_SECONDS)
        found = sorted(wheels.glob("*.whl"))
        self._require_usable(found)
        return {"requirements.txt": chosen, **{f"wheels/{path.name}": path for path in found}}

    def _require_usable(self, wheels: list[Path]) -> None:
        """Raise DcopsError for a wheel of another Python; its platform is this machine's, which pip has seen to."""
        major, minor = map(int, self._python.split("."))
        for path in wheels:
            tags = parse_wheel_filename(path.name)[3]
            usable = _interpreters(major, minor, {tag.platform for tag in tags})
            if not any((tag.interpreter, tag.abi) in usable for tag in tags):
                raise DcopsError(f"the wheel is not for Python {self._python}", where=path.name)


def _interpreters(major: int, minor: int, platforms: set[str]) -> set[tuple[str, str]]:
    known: list[Tag] = list(cpython_tags((major, minor), platforms=sorted(platforms)))
    pure = {(f"py{major}", "none"), *((f"py{major}{each}", "none") for each in range(minor + 1))}
    return {(tag.interpreter, tag.abi) for tag in known} | pure
