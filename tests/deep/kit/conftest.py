"""A real backup of a real database, and a bare Debian without a network, for the cold start."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))  # tests import tests, whoever started pytest

from tests.integration.backup.conftest import cluster, ssh_server

__all__ = ["cluster", "ssh_server"]
