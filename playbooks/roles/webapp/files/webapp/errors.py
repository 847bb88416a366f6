"""What can be wrong with a request or with what an application works with; each has its own answer over HTTP."""

from __future__ import annotations


class Invalid(Exception):
    """The request lacks a field or has one of the wrong form; the message names it."""


class Conflict(Exception):
    """The id is taken by something with another content."""


class Unavailable(Exception):
    """What the application works with cannot be used now; the message says what and why."""


class NotPermitted(Exception):
    """This site may not accept writes now; the other one may."""
