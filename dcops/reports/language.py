"""The two languages of what auditors and the public read, and the catalogues of what pages say in them."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from dcops.core import yaml
from dcops.core.words import Text

_CATALOGUES = Path(__file__).with_name("catalogues")


class Language(StrEnum):
    """Indonesian and English."""

    ID = "id"
    EN = "en"


class Catalogue:
    """The texts of one kind of page in one language; a key that is not there is a defect and raises KeyError."""

    def __init__(self, texts: Mapping[str, Text], language: Language) -> None:
        self._texts, self.language = texts, language

    def __call__(self, key: str, **values: Any) -> str:
        """Give a text; `{name}` in it is filled from `values`."""
        text = self._texts[key].in_language(self.language.value)
        return text.format(**values) if values else text

    def known(self, key: str, default: str) -> str:
        """Give the text of a word that others made, as it is when the catalogue does not have it."""
        return self(key) if key in self._texts else default


@cache
def _texts(name: str) -> Mapping[str, Text]:
    document = yaml.load(_CATALOGUES / f"{name}.yml")
    return {
        f"{part}.{key}": Text.model_validate(text)
        for part, entries in document.items()
        for key, text in entries.items()
    }


def open_catalogue(name: str, language: Language) -> Catalogue:
    """Give the catalogue `name` (a file of `catalogues/`): keys are `PART.KEY`."""
    return Catalogue(_texts(name), language)


def keys_of(name: str) -> frozenset[str]:
    """Give every key of a catalogue."""
    return frozenset(_texts(name))
