"""Servers that more than one package of these tests needs, started once for all of them."""

from tests.integration.mariadb_server import mariadb as mariadb
