"""The provisioned twin of the twin tests, for the long tests of backups."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))  # tests import tests, whoever started pytest

from tests.twin.conftest import _host, image, twin
from tests.twin.test_backup_on_twin import backup

__all__ = ["_host", "backup", "image", "twin"]
