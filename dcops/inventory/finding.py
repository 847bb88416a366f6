"""A thing that is wrong, said by section, name and keys; the loader turns it into file and line. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One problem of the item `name` in `section`; `keys` lead to the value inside the item."""

    section: str
    name: str
    keys: tuple[str | int, ...]
    message: str
    hint: str = ""

    @property
    def path(self) -> str:
        """Write the place as people do: `devices.jkt-db1.interfaces.lan0.address`."""
        text = self.section
        for key in (self.name, *self.keys):
            text += f"[{key}]" if isinstance(key, int) else f".{key}" if key else ""
        return text
