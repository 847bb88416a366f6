"""The real servers of the backup tests serve drills too: the same cluster, repository and SSH server."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))  # tests import tests, whoever started pytest

from tests.integration.backup.conftest import cluster, done, ssh_server, stored
from tests.integration.drills.recorded import bundle, cli, public, run_id, settings, signer, state

__all__ = [
    "bundle", "cli", "cluster", "done", "public", "run_id", "settings", "signer", "ssh_server", "state", "stored"
]  # fmt: skip
