"""From the YAML people write to models: the sections, and every problem of every item at once. Pure.

A content file is a mapping of sections, a section a mapping of names to items; a section may be spread over files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from dcops.core.text import did_you_mean
from dcops.inventory import model
from dcops.inventory.finding import Finding
from dcops.inventory.model.application import CatalogueEntry, Operations, Upstream
from dcops.inventory.model.base import IDENTIFIER_PATTERN, NAME_PATTERN, SECRET_PATTERN, TIME_PATTERN

# section -> (model, the field that receives the item's name)
SECTIONS: Mapping[str, tuple[type[BaseModel], str]] = {
    "sites": (model.Site, "name"),
    "rooms": (model.Room, "name"),
    "racks": (model.Rack, "name"),
    "feeds": (model.PowerFeed, "name"),
    "ups": (model.Ups, "name"),
    "pdus": (model.Pdu, "name"),
    "devices": (model.Device, "name"),
    "vrfs": (model.Vrf, "name"),
    "vlans": (model.Vlan, "name"),
    "prefixes": (model.Prefix, "name"),
    "services": (model.ServiceAddress, "name"),
    "links": (model.Link, "name"),
    "circuits": (model.Circuit, "name"),
    "names": (model.DnsName, "name"),
    "certificates": (model.Certificate, "name"),
    "contracts": (model.Contract, "name"),
    "tenants": (model.Tenant, "name"),
    "catalogue": (CatalogueEntry, "key"),
    "applications": (Operations, "key"),
    "upstreams": (Upstream, "key"),
    "people": (model.Person, "name"),
    "credentials": (model.Credential, "name"),
    "time_stamp_authorities": (model.TimeStampAuthority, "name"),
}
# Sections that are one item, not a mapping of items.
SINGLE: Mapping[str, type[BaseModel]] = {"inventory": model.Head, "calendar": model.Calendar, "policy": model.Policy}


# The name under which a single section that stands in a second file is reported.
_SECOND = "(again)"


@dataclass
class Draft:
    """What was read so far.

    Attributes:
        raw: section -> name -> item as written. source: (section, name) -> index of the file it came from.
        models: section -> name -> model, of items without a problem.
    """

    raw: dict[str, dict[str, Any]] = field(default_factory=lambda: {section: {} for section in (*SECTIONS, *SINGLE)})
    source: dict[tuple[str, str], int] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add_file(self, index: int, content: Any) -> None:
        """Take in the content of file number `index`; what does not fit becomes a finding."""
        if content is None:
            return
        if not isinstance(content, Mapping):
            self._note("", "", index, "the file is no mapping of sections", "Start with a section such as devices:.")
            return
        for section, items in content.items():
            if section in SINGLE:
                self._add_single(index, str(section), items)
            elif section in SECTIONS:
                self._add_items(index, str(section), items)
            else:
                close = did_you_mean(str(section), self.raw)
                hint = f'Did you mean "{close}"?' if close else f"Sections: {', '.join(self.raw)}."
                self._note(str(section), "", index, f'unknown section "{section}"', hint)

    def _note(self, section: str, name: str, index: int, message: str, hint: str) -> None:
        self.source.setdefault((section, name), index)
        self.findings.append(Finding(section, name, (), message, hint))

    def _add_single(self, index: int, section: str, item: Any) -> None:
        if self.raw[section]:
            self.source[section, _SECOND] = index
            self.findings.append(
                Finding(section, _SECOND, (), f'section "{section}" stands in two files', "Keep one of them.")
            )
            return
        self.source[section, ""] = index
        self.raw[section][""] = item if item is not None else {}

    def _add_items(self, index: int, section: str, items: Any) -> None:
        if items is None:
            return
        if not isinstance(items, Mapping):
            self._note(section, "", index, "the section is no mapping of names", "Write NAME: and the fields below it.")
            return
        known = self.raw[section]
        for key, item in items.items():
            name = str(key)
            if name in known:
                # The second one is reported at its own line.
                self.findings.append(Finding(section, name, (), f'"{name}" is defined twice', "Rename or remove one."))
                self.source[section, name] = index
                continue
            known[name] = item if item is not None else {}
            self.source[section, name] = index

    def build(self) -> None:
        """Turn every item into its model; each problem becomes a finding."""
        kinds = {name: item.get("kind") for name, item in self.raw["prefixes"].items() if isinstance(item, Mapping)}
        domains = {name: item.get("domain") for name, item in self.raw["sites"].items() if isinstance(item, Mapping)}
        for section, (kind, key) in SECTIONS.items():
            items: dict[str, Any] = {}
            for name, item in self.raw[section].items():
                if not isinstance(item, Mapping):
                    self.findings.append(Finding(section, name, (), "is no mapping of fields", "Write FIELD: VALUE."))
                elif key in item:
                    self.findings.append(Finding(section, name, (key,), f'"{key}" is given by the name', "Remove it."))
                else:
                    items[name] = {**item, key: name}
            if section == "devices":
                for item in items.values():
                    _prepare_device(item, kinds, domains)
            self.models[section] = self._validated(section, kind, items)
        for section, kind in SINGLE.items():
            item = self.raw[section].get("", {})
            if section == "calendar" and isinstance(item, Mapping):
                item = {part: _named(entries) for part, entries in item.items()}
            if section in self.raw and (self.raw[section] or section != "inventory"):
                self.models[section] = self._validated(section, kind, {"": item})

    def _validated(self, section: str, kind: type[BaseModel], items: dict[str, Any]) -> dict[str, Any]:
        """Give the models of `items`; leave out and report the ones with problems."""
        adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, kind])  # type: ignore[valid-type]
        try:
            return adapter.validate_python(items)
        except ValidationError as error:
            bad: set[str] = set()
            for details in error.errors(include_url=False):
                name = str(details["loc"][0])
                bad.add(name)
                if details["loc"][1:] == ("fqdn",) and "fqdn" not in self.raw[section][name]:
                    continue  # derived from a name that is reported itself
                self.findings.append(_finding(section, name, kind, items[name], details))
            return adapter.validate_python({name: item for name, item in items.items() if name not in bad})


_ROLE_OF_KIND = {"link": "link", "loopback": "loopback", "management": "management"}


def _prepare_device(item: dict[str, Any], prefix_kinds: Mapping[str, Any], domains: Mapping[str, Any]) -> None:
    """Fill in what is derived: full DNS name, interface names and roles. Wrong shapes are left for the model."""
    if "fqdn" not in item:
        item["fqdn"] = f"{item['name']}.{domains.get(str(item.get('site')), 'unknown.invalid')}"
    interfaces = item.get("interfaces")
    if isinstance(interfaces, Mapping):
        item["interfaces"] = [
            {"role": _ROLE_OF_KIND.get(str(prefix_kinds.get(str(each.get("network")))), "lan"), **each, "name": name}
            if isinstance(each, Mapping)
            else each
            for name, each in interfaces.items()
        ]


def _named(entries: Any) -> Any:
    """Give each entry of a mapping its key as `name`."""
    if not isinstance(entries, Mapping):
        return entries
    return {key: {**each, "name": key} if isinstance(each, Mapping) else each for key, each in entries.items()}


def _finding(section: str, name: str, kind: type[BaseModel], item: Any, details: Any) -> Finding:
    """Put one pydantic error into words, with the keys as they are written in the file."""
    keys = tuple(_written_keys(item, details["loc"][1:]))
    message, hint = _words(kind, details)
    return Finding(section, name, keys, message, hint)


def _written_keys(item: Any, location: tuple[str | int, ...]) -> Iterator[str | int]:
    """Follow `location` through `item`; an interface's index becomes its name, a type's own name is left out."""
    for key in location:
        if isinstance(item, Mapping):
            if key in item:
                item = item[key]
            elif str(key).startswith(("function-", "constrained-")):
                continue
            else:
                item = None
            yield key
        elif isinstance(item, list | tuple) and isinstance(key, int) and key < len(item):
            item = item[key]
            named = isinstance(item, Mapping) and "name" in item
            yield item["name"] if named else key
        else:
            yield key


_PLAIN = {
    "string_type": "is no text",
    "int_type": "is no whole number",
    "float_type": "is no number",
    "bool_type": "is neither true nor false",
    "tuple_type": "is no list",
    "dict_type": "is no mapping",
    "model_type": "is no mapping of fields",
    "model_attributes_type": "is no mapping of fields",
}
_ADVICE = {
    "string_type": "Put it in quotes.",
    "int_type": "Write digits without quotes.",
    "float_type": "Write a number without quotes.",
    "bool_type": "Write true or false.",
    "tuple_type": "Write a list: [a, b].",
    "dict_type": "Write KEY: VALUE pairs.",
    "model_type": "Write FIELD: VALUE pairs.",
    "model_attributes_type": "Write FIELD: VALUE pairs.",
}


# What stands here by mistake may be the secret itself.
_SECRET_FIELDS = frozenset({"secret", "ref", "key", "certificate", "authority"})
_BOUNDS = {
    "less_than_equal": ("At most", "le"),
    "greater_than_equal": ("At least", "ge"),
    "greater_than": ("More than", "gt"),
}
_FORMS = {
    NAME_PATTERN: ("is no name", "Use lower-case letters, digits and hyphens."),
    IDENTIFIER_PATTERN: ("is no name", "Use lower-case letters, digits and underscores, a letter first."),
    TIME_PATTERN: ("is no time of day", 'Write "22:00".'),
}


def _wrong_form(value: Any, pattern: str) -> tuple[str, str]:
    """Say that a text has the wrong form; what may be a secret in the wrong place is never repeated."""
    if pattern == SECRET_PATTERN:
        return (
            "is no secret reference",
            "Write file:NAME, env:NAME, credential:NAME or vault:FILE#KEY, never the secret.",
        )
    message, hint = _FORMS.get(pattern, ("has not the form expected", f"It must match {pattern}."))
    return f'"{value}" {message}', hint


def _words(kind: type[BaseModel], details: Any) -> tuple[str, str]:
    """Give what is wrong and what to do for one pydantic error."""
    code, value, location = details["type"], details.get("input"), details["loc"][1:]
    if code == "extra_forbidden":
        known = sorted(_fields_at(kind, location[:-1]))
        close = did_you_mean(str(location[-1]), known)
        return f'unknown key "{location[-1]}"', f'Did you mean "{close}"?' if close else f"Known: {', '.join(known)}."
    if code == "missing":
        return "is missing", "Add it."
    if code == "enum":
        expected = details["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        close = did_you_mean(str(value), expected)
        return f'"{value}" is unknown', f'Did you mean "{close}"?' if close else f"Known: {', '.join(expected)}."
    if code == "string_pattern_mismatch":
        return _wrong_form(value, details["ctx"]["pattern"])
    if code in _BOUNDS:
        word, key = _BOUNDS[code]
        return f"{value} is out of range", f"{word} {details['ctx'][key]}."
    if code == "value_error":
        return str(details["ctx"]["error"]).rstrip("."), "Correct it."
    if code in _PLAIN:
        is_hidden = location[-1:] and location[-1] in _SECRET_FIELDS
        shown = (
            "" if is_hidden else f'"{value}" ' if isinstance(value, str | int | float | bool) or value is None else ""
        )
        return f"{shown}{_PLAIN[code]}", _ADVICE[code]
    return details["msg"].lower().rstrip("."), "Correct it."


def _fields_at(kind: Any, location: tuple[str | int, ...]) -> set[str]:
    """Give the field names of the model at `location` below `kind`; empty when that is no model."""
    for key in location:
        kind = _inner(kind, key)
    kind = _plain_type(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {each.alias or name for name, each in kind.model_fields.items()}
        return fields - {"role"} if kind is model.Interface else fields
    return set()


def _plain_type(kind: Any) -> Any:
    """Take `Annotated` and `| None` off a type."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    return kind


def _inner(kind: Any, key: str | int) -> Any:
    """Give the type of the child `key` of a type: a model's field, a tuple's or a mapping's element."""
    kind = _plain_type(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        found = kind.model_fields.get(str(key))
        return found.annotation if found else None
    arguments = get_args(kind)
    if get_origin(kind) is tuple:
        return arguments[0]
    return arguments[1] if get_origin(kind) is dict else kind
