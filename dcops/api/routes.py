"""The routes under /v1 and those that supervisors ask."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from dcops.api.context import Context, context_of
from dcops.api.paging import etag_of, is_known, page
from dcops.api.problems import ProblemError, responses
from dcops.core.clock import utc_now
from dcops.core.errors import DcopsError
from dcops.registry.model import LinkStatus, PublicApplication, PublicLink
from dcops.registry.plan import select
from dcops.registry.service import applications

__all__ = ["probes", "v1"]

v1 = APIRouter(prefix="/v1")
probes = APIRouter()
Here = Annotated[Context, Depends(context_of)]
# What a client may send as a word: no control characters, so that nothing strange reaches a log or a comparison.
_WORD = r"^[^\x00-\x1f\x7f]*$"
Word = Annotated[str | None, Field(max_length=200, pattern=_WORD)]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=1000)]
Key = Annotated[str, Path(max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]
_NOT_MODIFIED: dict[int | str, dict[str, object]] = {304: {"description": "Not Modified"}}


class ApplicationQuery(BaseModel):
    """Conditions on applications; an unknown one is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")

    owner: Word = None
    lifecycle: Word = None
    criticality: Word = None
    hosting: Word = None
    q: Word = Field(default=None, description="Words in the key or the name.")
    cursor: Annotated[str | None, Field(max_length=200)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ApplicationPage(BaseModel):
    """One page of applications; ask again with `next_cursor` until it is null."""

    items: list[PublicApplication]
    total: int = Field(description="How many fit the conditions, over all pages.")
    next_cursor: str | None
    revision: str = Field(description="Revision of the inventory the answer was made from.")


class Links(BaseModel):
    """The links upstream with their states."""

    items: list[PublicLink]


class Readiness(BaseModel):
    """Whether requests can be answered, and why not."""

    status: Literal["ready", "not_ready"]
    reason: str = ""


def _cached(body: BaseModel, if_none_match: str | None, cache: str) -> Response:
    """The answer with its entity tag; 304 without a body when the asker has it."""
    content = body.model_dump_json().encode()
    etag = etag_of(content)
    headers = {"ETag": etag, "Cache-Control": cache}
    if is_known(etag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


@v1.get(
    "/apps",
    response_model=ApplicationPage,
    responses={**_NOT_MODIFIED, **responses(400, 503)},
    summary="Applications of the catalogue",
    tags=["applications"],
)
def list_applications(
    here: Here, query: Annotated[ApplicationQuery, Query()], if_none_match: IfNoneMatch = None
) -> Response:
    """All entries of the catalogue that fit every condition; `unknown` chooses those where nobody set the value."""
    inventory = here.inventory()
    chosen = select(
        applications(inventory),
        owner=query.owner,
        lifecycle=query.lifecycle,
        criticality=query.criticality,
        hosting=query.hosting,
        text=query.q,
    )
    items, next_cursor = page(chosen, query.cursor, query.limit)
    body = ApplicationPage(
        items=list(items), total=len(chosen), next_cursor=next_cursor, revision=inventory.short_revision
    )
    return _cached(body, if_none_match, "public, max-age=60")


@v1.get(
    "/apps/{id}",
    response_model=PublicApplication,
    responses={**_NOT_MODIFIED, **responses(400, 404, 503)},
    summary="One application",
    tags=["applications"],
)
def one_application(here: Here, id: Key, if_none_match: IfNoneMatch = None) -> Response:
    """The entry of the catalogue with this key."""
    for item in applications(here.inventory()):
        if item.id == id:
            return _cached(item, if_none_match, "public, max-age=60")
    raise ProblemError(404, "not-found", f'application "{id}" is unknown')


@v1.get("/upstreams", response_model=Links, responses=responses(400, 503), summary="Links upstream", tags=["upstreams"])
def list_upstreams(here: Here, response: Response) -> Links:
    """PDN, JIP and SPLP with their states, looked at now or at most a few seconds ago."""
    links = here.board.links()
    response.headers["Cache-Control"] = _freshness([link.status for link in links])
    return Links(items=list(links))


@v1.get(
    "/upstreams/{id}/status",
    response_model=LinkStatus,
    responses=responses(400, 404, 503),
    summary="State of one link",
    tags=["upstreams"],
)
def one_upstream(here: Here, id: Key, response: Response) -> LinkStatus:
    """The state of one link with the checks it was found from; past `stale_after` it is `unknown`."""
    status = here.board.link(id).status
    response.headers["Cache-Control"] = _freshness([status])
    return status


def _freshness(statuses: list[LinkStatus], now: datetime | None = None) -> str:
    """A caching rule that never outlives what it covers."""
    moment = now or utc_now()
    ends = [status.stale_after for status in statuses if status.stale_after is not None]
    left = min(((end - moment).total_seconds() for end in ends), default=0)
    return f"public, max-age={max(0, min(5, int(left)))}"


@probes.get("/livez", summary="The process answers", tags=["probes"])
def livez() -> dict[str, str]:
    """Always `alive` while the process can answer at all."""
    return {"status": "alive"}


@probes.get("/readyz", responses={503: {"model": Readiness}}, summary="Requests can be answered", tags=["probes"])
def readyz(here: Here, response: Response) -> Readiness:
    """Whether there is a valid inventory to answer from; 503 with the reason otherwise."""
    try:
        here.inventory()
        error = here.inventory_error()
    except DcopsError as found:
        error = found
    response.headers["Cache-Control"] = "no-store"
    if error is None:
        return Readiness(status="ready")
    response.status_code = 503
    return Readiness(status="not_ready", reason=f"the inventory on disk is not the one in use: {error.message}")


@probes.get("/metrics", response_class=Response, summary="Metrics of this process", tags=["probes"])
def metrics(here: Here) -> Response:
    """Requests, their duration, and links as last looked at, in Prometheus' text format."""
    return Response(here.metrics.render(here.board.last_states()), media_type="text/plain; version=0.0.4")
