"""The recorded SSH host keys of devices, read from a known_hosts file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from paramiko.hostkeys import HostKeys
from paramiko.pkey import PKey

from dcops.core.errors import DcopsError

__all__ = ["recorded_fingerprints"]


def recorded_fingerprints(known_hosts: Path, address: str, port: int = 22) -> frozenset[str]:
    """The SHA-256 (hex) of each host key recorded for `address` and `port`; empty when there is none."""
    keys = HostKeys()
    try:
        keys.load(str(known_hosts))
    except OSError as error:
        raise DcopsError(f"cannot read the recorded host keys: {error.strerror}", where=str(known_hosts)) from error
    found: Mapping[str, PKey] = keys.lookup(address if port == 22 else f"[{address}]:{port}") or {}
    return frozenset(hashlib.sha256(key.asbytes()).hexdigest() for key in found.values())
