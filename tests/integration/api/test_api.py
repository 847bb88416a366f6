"""The API over real HTTP: lists, pages, tags, problems, and nothing that is not public."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from dcops.inventory import load
from tests.integration.api.conftest import ROOT, Answer, Api

PROBLEM = "application/problem+json"


def test_all_entries_of_the_catalogue_are_listed(api: Api) -> None:
    answer = api.get("/v1/apps?limit=100")
    assert answer.status == 200
    body = answer.json()
    assert len(body["items"]) == body["total"] == 27
    assert body["next_cursor"] is None
    assert len({item["id"] for item in body["items"]}) == 27


def test_pages_give_every_entry_once(api: Api) -> None:
    seen: list[str] = []
    path = "/v1/apps?limit=10"
    while path:
        body = api.get(path).json()
        seen += [item["id"] for item in body["items"]]
        path = f"/v1/apps?limit=10&cursor={body['next_cursor']}" if body["next_cursor"] else ""
    assert len(seen) == len(set(seen)) == 27


HOSTED = ["naskah_dinas_elektronik", "kearsipan", "absensi", "sistem_penghubung_layanan"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("hosting=hosted", HOSTED),
        ("criticality=critical", ["naskah_dinas_elektronik"]),
        ("criticality=important", HOSTED[1:]),
        ("lifecycle=production", HOSTED),
        ("q=naskah", ["naskah_dinas_elektronik"]),
        ("q=LETTER%20official", ["naskah_dinas_elektronik"]),
        (f"owner={quote('Bagian Kepegawaian, Biro Umum')}", ["naskah_dinas_elektronik"]),
        ("q=nothing-of-the-kind", []),
    ],
)
def test_conditions(api: Api, query: str, expected: list[str]) -> None:
    assert [item["id"] for item in api.get(f"/v1/apps?{query}").json()["items"]] == expected


def test_values_nobody_set_can_be_asked_for(api: Api) -> None:
    assert api.get("/v1/apps?criticality=unknown&limit=100").json()["total"] == 23


def test_one_entry_says_what_the_policy_and_the_inventory_say(api: Api) -> None:
    body = api.get("/v1/apps/naskah_dinas_elektronik").json()
    assert body["name"] == {"id": "Sistem Naskah Dinas Elektronik", "en": "Electronic official letter system"}
    assert (body["rto_target"], body["rpo_target"], body["target_status"]) == ("PT15M", "PT1H", "proposed")


def test_only_public_fields_leave_and_no_host_address_or_secret(api: Api) -> None:
    text = "".join(api.get(path).body.decode() for path in ("/v1/apps?limit=100", "/v1/apps/naskah_dinas_elektronik"))
    inventory = load(ROOT / "inventory" / "lab")
    hidden = [*inventory.devices, *inventory.by_address, *(item.secret for item in inventory.credentials.values())]
    assert [word for word in hidden if word in text] == []
    assert "file:" not in text


def test_an_answer_already_known_is_not_sent_again(api: Api) -> None:
    first = api.get("/v1/apps?limit=5")
    again = api.get("/v1/apps?limit=5", If_None_Match=f'W/"x", {first.headers["etag"]}')
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert api.get("/v1/apps?limit=6", If_None_Match=first.headers["etag"]).status == 200


def assert_problem(answer: Answer, status: int, name: str) -> None:
    assert answer.status == status
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:dcops:problem:{name}"
    assert "Traceback" not in answer.body.decode()


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/v1/apps/nothing", 404, "not-found"),
        ("/v1/apps/NOT-A-KEY", 400, "invalid-request"),
        ("/v1/apps?limit=0", 400, "invalid-request"),
        ("/v1/apps?limit=201", 400, "invalid-request"),
        ("/v1/apps?limit=many", 400, "invalid-request"),
        ("/v1/apps?cursor=!!", 400, "invalid-request"),
        ("/v1/apps?cursor=bm90aGluZw", 400, "invalid-request"),
        ("/v1/apps?ownr=x", 400, "invalid-request"),
        ("/v1/apps?q=%00", 400, "invalid-request"),
        ("/v1/upstreams/pnd/status", 404, "not-found"),
        ("/v2/apps", 404, "not-found"),
    ],
)
def test_wrong_requests_are_problems(api: Api, path: str, status: int, name: str) -> None:
    assert_problem(api.get(path), status, name)


def test_all_wrong_parameters_are_named_at_once(api: Api) -> None:
    errors = api.get("/v1/apps?limit=0&ownr=x").json()["errors"]
    assert {error["where"] for error in errors} == {"query.limit", "query.ownr"}


def test_nothing_can_be_written(api: Api) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = api.get("/v1/apps", method=method)
        assert_problem(answer, 405, "method-not-allowed")
        assert "GET" in answer.headers["allow"]


def test_links_whose_state_nobody_can_see_are_unknown(api: Api) -> None:
    body = api.get("/v1/upstreams").json()
    by_id = {item["id"]: item for item in body["items"]}
    assert set(by_id) == {"pdn", "jip", "splp"}
    assert by_id["jip"]["status"]["state"] == "unknown"
    assert "no probe is set" in by_id["jip"]["status"]["reason"]
    pdn = api.get("/v1/upstreams/pdn/status")
    assert pdn.json()["state"] == "unknown"
    assert {check["kind"] for check in pdn.json()["checks"]} == {"bgp", "https"}
    assert pdn.json()["stale_after"] > pdn.json()["observed_at"]
    assert 0 <= int(pdn.headers["cache-control"].rpartition("=")[2]) <= 5


def test_probes_and_metrics(api: Api) -> None:
    assert api.get("/livez").json() == {"status": "alive"}
    assert api.get("/readyz").json()["status"] == "ready"
    api.get("/v1/apps/naskah_dinas_elektronik")
    text = api.get("/metrics").body.decode()
    routes = {
        sample.labels["route"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "dcops_api_requests_total"
    }
    assert "/v1/apps/{id}" in routes
    assert "/v1/apps/naskah_dinas_elektronik" not in routes


def test_the_document_describes_every_answer(api: Api) -> None:
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert "422" not in operation["responses"], path
    apps = document["paths"]["/v1/apps"]["get"]
    assert PROBLEM in apps["responses"]["400"]["content"]
    schema = {"$ref": "#/components/schemas/ApplicationPage", "components": document["components"]}
    Draft202012Validator(schema).validate(api.get("/v1/apps?limit=100").json())
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    Draft202012Validator(schema).validate(api.get("/v1/apps?limit=0").json())


PARAMETERS = ("owner", "lifecycle", "criticality", "hosting", "q", "cursor", "limit", "x")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/v1/apps", "/v1/apps/{}", "/v1/upstreams/{}/status", "/livez", "/readyz"]),
    word=st.text(min_size=1, max_size=20),
    query=st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=30), max_size=3),
)
def test_whatever_is_asked_the_answer_is_one_that_is_documented(
    api: Api, path: str, word: str, query: dict[str, str]
) -> None:
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    answer = api.get(path.format(quote(word, safe="")) + (f"?{text}" if text else ""))
    assert answer.status in (200, 304, 400, 404)
    if answer.status >= 400:
        assert answer.headers["content-type"] == PROBLEM


def test_an_inventory_that_goes_wrong_is_told_and_the_last_good_one_is_kept(api: Api) -> None:
    path: Path = api.home / "inventory" / "lab" / "sites.yml"
    good = path.read_text()
    path.write_text(good + "\nnonsense: {a: 1}\n")
    try:
        _until(api, 503)
        assert "inventory" in api.get("/readyz").json()["reason"]
        assert api.get("/v1/apps").status == 200
    finally:
        path.write_text(good)
    _until(api, 200)


def _until(api: Api, status: int) -> None:
    import time

    end = time.monotonic() + 15
    while api.get("/readyz").status != status:
        assert time.monotonic() < end
        time.sleep(0.3)


def test_it_ends_cleanly_when_told_to(api: Api) -> None:
    os.kill(api.child.pid, signal.SIGTERM)
    assert api.child.popen.wait(15) == 0
