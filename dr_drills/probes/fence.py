"""The proof that an old primary can neither be reached by clients nor accept a write."""

from dcops.core.errors import DcopsError, Unreachable
from dcops.drills.context import DrillContext
from dcops.drills.kinds import Probe
from dcops.drills.model import Finding
from dr_drills.actions.fence import Site
from dr_drills.parameters import ClusterAt, DeviceName
from dr_drills.probes.service import FencedSite, fenced


class Proved(ClusterAt):
    """The old primary, and the application server that wrote to it: `path` is where letters are sent to."""

    application: DeviceName
    path: str


def _proved(context: DrillContext, parameters: Proved) -> Finding:
    """Ask both ways: nobody announces the address and the old application refuses; the old database takes no write.

    That a database does not answer here does not show that it is down: so the application beside it is asked as well,
    and who might still lead clients to it.
    """
    behind = fenced(context, FencedSite(device=parameters.application, path=parameters.path))
    if behind.is_ok is not True:
        return behind
    database = _refuses_writes(context, parameters)
    facts = {"clients": behind.detail, "database": database.detail}
    return database.model_copy(update={"detail": f"{behind.detail}; {database.detail}", "facts": facts})


def _refuses_writes(context: DrillContext, parameters: Proved) -> Finding:
    server = f"{parameters.device}/{parameters.cluster}"
    try:
        rows = context.databases.query(server, "postgres", "SELECT pg_is_in_recovery()")
    except Unreachable as error:
        if "FATAL:" in error.message:  # the server itself said so: it runs
            detail = f"{server} answers, but not whether it serves: {error.message}"
            return Finding(is_ok=None, reason="unread", detail=detail)
        return Finding(is_ok=True, detail=f"{server} takes no connection: {error.message}")
    except DcopsError as error:
        return Finding(
            is_ok=None, reason="unread", detail=f"{server} answers, but not whether it serves: {error.message}"
        )
    if rows[0][0]:
        return Finding(is_ok=True, detail=f"{server} is a stand-by")
    return Finding(is_ok=False, reason="serves", detail=f"{server} still takes writes")


def _shut(context: DrillContext, parameters: Site) -> Finding:
    """Every router of the site shows its networks shut; one that does not answer leaves it undecided."""
    seen = context.fence.seen(parameters.site)
    if seen.open:
        return Finding(is_ok=False, reason="open", detail=f"open at {', '.join(seen.open)}")
    if seen.unread or not seen.shut:
        return Finding(is_ok=None, reason="unread", detail=f"did not answer: {', '.join(seen.unread) or 'no router'}")
    return Finding(is_ok=True, detail=f"shut at {', '.join(seen.shut)}")


PROVED = Probe(
    "fence.proved", "A lost primary can be reached by no client and takes no write", Proved, _proved, fences=True
)
SHUT = Probe("fence.shut", "A site's own networks are shut at its routers", Site, _shut)
