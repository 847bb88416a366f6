"""What a fence looks like: which routers show a site shut. Pure."""

from dcops.core.words import Frozen


class Shut(Frozen):
    """The routers of a site: those that show its networks shut, those that show them open, those that do not answer."""

    shut: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
