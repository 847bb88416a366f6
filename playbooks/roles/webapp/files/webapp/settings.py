"""Settings of an application: an ini file for what may be read, systemd credentials for what may not."""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass, field
from pathlib import Path

CONFIG_VARIABLE = "WEBAPP_CONFIG"


@dataclass(frozen=True)
class Settings:
    """One application's ini file. `site` is the key of the data centre, e.g. `jkt`.

    Attributes:
        folder: where the application keeps its own data, if it has any.
        targets: name of another application -> its addresses, in the order they are asked.
        permit: the site permit's file (role permit); None where none is in use.
        sections: the ini file as it is.
    """

    name: str
    site: str
    folder: Path
    ca: str
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    permit: Path | None = None
    sections: dict[str, dict[str, str]] = field(default_factory=dict)

    def section(self, name: str) -> dict[str, str]:
        """Give one section of the file. Raises KeyError when it has none of this name."""
        return self.sections[name]


def load_settings(path: str | None = None) -> Settings:
    """Read the ini file (`WEBAPP_CONFIG`). Raises OSError when it is missing and KeyError when a key is."""
    parser = configparser.ConfigParser(interpolation=None)
    with open(path or os.environ[CONFIG_VARIABLE], encoding="utf-8") as handle:
        parser.read_file(handle)
    sections = {name: dict(parser[name]) for name in parser.sections()}
    own = sections["webapp"]
    targets = {name: tuple(text.split()) for name, text in sections.get("targets", {}).items()}
    return Settings(
        name=own["name"],
        site=own["site"],
        folder=Path(own.get("folder", "/nonexistent")),
        ca=own["ca"],
        targets=targets,
        permit=Path(own["permit"]) if own.get("permit") else None,
        sections=sections,
    )


def credential(name: str) -> str:
    """Give a secret that the service manager handed over. Raises OSError when it did not."""
    return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / name).read_text(encoding="utf-8").strip()
