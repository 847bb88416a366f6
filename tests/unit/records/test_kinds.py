"""The registered kinds: unique, frozen, closed to unknown fields, and silent about values."""

import pytest

from dcops.core.errors import DcopsError
from dcops.records.kinds import all_kinds, find_kind, latest_kind, read_payload, validate_payload
from dcops.records.model import Envelope


def test_every_kind_and_version_stands_once() -> None:
    names = [(model.kind, model.version) for model in all_kinds()]
    assert len(names) == len(set(names))
    assert {"run.started", "backup.receipt", "drill.result", "enrolment", "approval", "gap"} <= {n for n, _ in names}


@pytest.mark.parametrize("model", list(all_kinds()), ids=lambda model: model.kind)
def test_each_kind_is_documented_frozen_and_has_a_legal_name(model: type) -> None:
    assert model.__doc__
    assert model.model_config["frozen"]  # type: ignore[attr-defined]
    assert model.model_config["extra"] == "forbid"  # type: ignore[attr-defined]
    pattern = Envelope.model_json_schema()["properties"]["kind"]["pattern"]
    import re

    assert re.match(pattern, model.kind)  # type: ignore[attr-defined]


def test_an_unknown_kind_is_an_error_that_says_where_to_add_it() -> None:
    with pytest.raises(DcopsError, match=r"bakup\.receipt: this kind of record is not registered"):
        validate_payload("bakup.receipt", {})
    assert find_kind("run.started", 99) is None
    with pytest.raises(DcopsError, match="version 99"):
        read_payload("run.started", 99, {})


def test_all_wrong_fields_are_named_and_no_value_is_repeated() -> None:
    with pytest.raises(DcopsError) as caught:
        validate_payload("run.refused", {"verb": 3, "reasons": "canary-1", "passwrd": "canary-2"})
    text = str(caught.value)
    assert all(name in text for name in ("verb", "reasons", "passwrd"))
    assert "canary" not in text


def test_details_take_what_has_no_field() -> None:
    made = validate_payload("run.refused", {"verb": "v", "reasons": [], "details": {"a": [1]}})
    assert made.details == {"a": [1]}
    assert read_payload("run.refused", 1, made.model_dump(mode="json")) == made
    assert latest_kind("run.refused") is type(made)
