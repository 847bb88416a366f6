"""The kinds of records: one module a capability, pure and versioned.

A new kind is a `Payload` subclass in its capability's module, named in that module's `KINDS`; a new capability adds
its module to `_MODULES`. Old versions stay, so that old records can always be read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from dcops.core.errors import DcopsError
from dcops.records.kinds import (
    approvals,
    backup,
    backup_copies,
    backup_wal,
    drills,
    enrolment,
    journal,
    kit,
    lab,
    network,
    observations,
    provision,
    runs,
)
from dcops.records.kinds.base import Payload

_MODULES = (
    approvals,
    backup,
    backup_copies,
    backup_wal,
    drills,
    enrolment,
    journal,
    kit,
    lab,
    network,
    observations,
    provision,
    runs,
)

__all__ = ["Payload", "all_kinds", "find_kind", "latest_kind", "read_payload", "validate_payload"]


def all_kinds() -> Iterator[type[Payload]]:
    """Yield every kind in every version."""
    for module in _MODULES:
        yield from module.KINDS


def find_kind(kind: str, version: int) -> type[Payload] | None:
    """Return the model of a kind in a version, None when this dcops does not know it."""
    return next((model for model in all_kinds() if model.kind == kind and model.version == version), None)


def latest_kind(kind: str) -> type[Payload]:
    """Return the newest model of a kind; raise DcopsError when there is none."""
    models = [model for model in all_kinds() if model.kind == kind]
    if not models:
        raise DcopsError("this kind of record is not registered", where=kind, hint="Add it in dcops/records/kinds/.")
    return max(models, key=lambda model: model.version)


def validate_payload(kind: str, payload: Mapping[str, Any]) -> Payload:
    """Return the payload as its newest model; raise DcopsError naming each wrong field, never a value."""
    try:
        return latest_kind(kind).model_validate(dict(payload))
    except ValidationError as error:
        raise DcopsError(_problems(error), where=f"record {kind}") from None


def read_payload(kind: str, version: int, payload: Mapping[str, Any]) -> Payload:
    """Return a stored payload as the model it was written with.

    Raises DcopsError when this dcops does not know that kind or version, or the payload does not fit.
    """
    model = find_kind(kind, version)
    if model is None:
        raise DcopsError(f"version {version} is not known here", where=f"record {kind}")
    try:
        return model.model_validate(dict(payload))
    except ValidationError as error:
        raise DcopsError(_problems(error), where=f"record {kind}") from None


def _problems(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(str(part) for part in item['loc']) or 'payload'}: {item['msg']}" for item in found)
