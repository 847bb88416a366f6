"""dcops: run a data centre, its recovery site and its national link, and prove that it does."""

__version__ = "0.1.0"
