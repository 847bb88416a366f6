"""Settings of the application: an ini file for what may be read, a systemd credential for the password."""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass
from pathlib import Path

CONFIG_VARIABLE = "NASKAH_CONFIG"
DEFAULT_CONFIG = "/etc/naskah/naskah.ini"
CREDENTIAL = "db-password"


@dataclass(frozen=True)
class Settings:
    """Where the application runs and what it talks to. `site` is the key of the data centre, e.g. `jkt`.

    `permit`: the site permit's file; None where none is in use.
    """

    site: str
    attachments: Path
    database_host: str
    database_port: int
    database_name: str
    database_user: str
    database_password: str
    database_sslmode: str
    database_sslrootcert: str
    permit: Path | None = None


def load_settings(path: str | None = None) -> Settings:
    """Read the ini file (`NASKAH_CONFIG`, default /etc/naskah/naskah.ini) and the password credential.

    Raises OSError when a file is missing and KeyError when a key is.
    """
    parser = configparser.ConfigParser(interpolation=None)
    with open(path or os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG), encoding="utf-8") as handle:
        parser.read_file(handle)
    naskah, database = parser["naskah"], parser["database"]
    return Settings(
        site=naskah["site"],
        attachments=Path(naskah["attachments"]),
        database_host=database["host"],
        database_port=database.getint("port", 5432),
        database_name=database["name"],
        database_user=database["user"],
        database_password=_password(database.get("password_file", "")),
        database_sslmode=database.get("sslmode", "verify-full"),
        database_sslrootcert=database.get("sslrootcert", "/etc/naskah/ca.crt"),
        permit=Path(naskah["permit"]) if naskah.get("permit") else None,
    )


def _password(fallback_file: str) -> str:
    """The password from systemd's credential folder; from `fallback_file` where no service manager gave one."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else Path(fallback_file)
    return path.read_text(encoding="utf-8").strip()
