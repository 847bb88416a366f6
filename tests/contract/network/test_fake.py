"""The stateful fake passes the suite that real devices pass."""

from __future__ import annotations

import pytest

from dcops.network.model import Target
from dcops.network.ports import OpenReader, OpenWriter
from tests.contract.network.fake_frr import FakeFrr, FakeNetwork
from tests.contract.network.suite import NetworkSessionContract


class TestFakeFrr(NetworkSessionContract):
    @pytest.fixture
    def network(self) -> FakeNetwork:
        return FakeNetwork({"r1": FakeFrr("r1")})

    @pytest.fixture
    def reader(self, network: FakeNetwork) -> OpenReader:
        return network.reader

    @pytest.fixture
    def writer(self, network: FakeNetwork) -> OpenWriter:
        return network.writer

    @pytest.fixture
    def target(self) -> Target:
        return Target("r1", "jkt", "198.18.10.2", "frr")
