"""The provisioned twin of the twin tests, for the long tests of drills."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))  # tests import tests, whoever started pytest

from tests.integration.drills.test_tabletop import home, started
from tests.twin.conftest import _host, image, twin
from tests.twin.test_drill_on_twin import ready

__all__ = ["_host", "home", "image", "ready", "started", "twin"]
