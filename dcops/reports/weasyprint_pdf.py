"""PDF from a page's HTML, by WeasyPrint. Slow to import and in need of Pango, so both happen only when it is used."""

import logging
from typing import Any

from dcops.core.errors import DcopsError

_HINT = "On Debian: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0. --html needs none of it."


def html_to_pdf(html: str) -> bytes:
    """Give the PDF of a page that needs nothing from outside; raise DcopsError when this host cannot make any."""
    weasyprint = _weasyprint()
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=(), fail_on_errors=True)
    try:
        pdf: bytes = weasyprint.HTML(string=html, url_fetcher=fetcher).write_pdf(pdf_identifier=b"dcops", pdf_tags=True)
    except weasyprint.urls.FatalURLFetchingError as error:
        raise DcopsError("a page that becomes a PDF asks for nothing from outside", where="PDF") from error
    return pdf


def _weasyprint() -> Any:
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    try:
        import weasyprint
        import weasyprint.urls
    except ImportError as error:
        raise DcopsError("WeasyPrint is not installed, it makes the PDF", where="PDF", hint=_HINT) from error
    except OSError as error:
        raise DcopsError("Pango is missing, WeasyPrint cannot make a PDF", where="PDF", hint=_HINT) from error
    return weasyprint
