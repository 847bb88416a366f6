"""The kit's metric as Prometheus text, from the records. Pure."""

from collections.abc import Iterable
from datetime import datetime

_HELP = {
    "dcops_kit_last_build_timestamp_seconds": "When the newest recovery kit was built, by its record.",
    "dcops_kit_max_age_seconds": "How old a recovery kit may be by the inventory's policy, proposed or adopted.",
}


def exposition(built_at: Iterable[datetime], max_age_seconds: float | None) -> str:
    """Return the text; what is not known has no sample, so that an alert on its absence can see it."""
    newest = max(built_at, default=None)
    values = (newest.timestamp() if newest else None, max_age_seconds)
    lines = []
    for (name, text), value in zip(_HELP.items(), values, strict=True):
        if value is not None:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {value}"]
    return "".join(f"{line}\n" for line in lines)
