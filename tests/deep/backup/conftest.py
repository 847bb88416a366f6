"""For the long tests of backups: the provisioned twin, and the real tools of the integration tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))  # tests import tests, whoever started pytest

from tests.integration.backup.conftest import cluster, database, done, house, ssh_server, stored
from tests.integration.mariadb_server import mariadb
from tests.twin.conftest import _host, image, twin
from tests.twin.test_backup_on_twin import backup

__all__ = [
    "_host", "backup", "cluster", "database", "done", "house", "image", "mariadb", "ssh_server", "stored", "twin",
]  # fmt: skip
