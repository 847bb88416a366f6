"""Whether this site may accept a write now. Asked before one is begun and again before it is acknowledged.

The second time it may have been lost meanwhile: then the write is stored, but nobody was told so, and it is harmless to
send it again. The rule itself is naskah's: all applications of a site go by one permit.
"""

from __future__ import annotations

from naskah.permit import is_permitted
from webapp.errors import NotPermitted
from webapp.settings import Settings

NO_PERMIT = "this site may not accept writes: it has no permit"


def why_not(settings: Settings) -> str:
    """What keeps this site from accepting writes; empty when it may."""
    return "" if is_permitted(settings.permit) else NO_PERMIT


def require_permit(settings: Settings) -> None:
    """Raise NotPermitted when this site may not accept writes."""
    if reason := why_not(settings):
        raise NotPermitted(reason)
