"""The sample inventory, copied where a test may change it."""

import shutil
from pathlib import Path

import pytest

from dcops.inventory import Inventory, load

HERE = Path(__file__).parent


@pytest.fixture
def sample_root(tmp_path: Path) -> Path:
    """Give a copy of the sample's folder."""
    root = tmp_path / "inventory" / "sample"
    shutil.copytree(HERE / "sample", root)
    return root


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """Give the sample, read once."""
    root = tmp_path_factory.mktemp("shared") / "inventory" / "sample"
    shutil.copytree(HERE / "sample", root)
    return load(root)
