"""Small helpers for messages to people."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Give the known word closest to `word`, or None when none is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def plural(count: int, noun: str) -> str:
    """Write `1 host` or `3 hosts`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
