"""Chooses by the kind of a policy's database what dumps it, and what loads a dump of it for a verification."""

from pathlib import Path

from dcops.backup.mariadb import Mariadb
from dcops.backup.model import AnySource, DatabaseSource, MariadbSource
from dcops.backup.ports import Database, ThrowawayCluster
from dcops.backup.postgresql import Postgresql
from dcops.backup.sqlite_ssh import SqliteOverSsh
from dcops.backup.ssh import SshTarget
from dcops.backup.throwaway import ThrowawayPostgresql
from dcops.backup.throwaway_mariadb import ThrowawayMariadb
from dcops.backup.throwaway_sqlite import ThrowawaySqlite
from dcops.core.errors import DcopsError
from dcops.core.secrets import SecretStore, file_below
from dcops.core.settings import Settings


def database_of(settings: Settings, source: AnySource, address: str) -> Database:
    """Give what dumps a source at an address. Raises DcopsError when its password or authority is not there."""
    if not isinstance(source, DatabaseSource | MariadbSource):
        return SqliteOverSsh(source, SshTarget(source.device, address, source.ssh_user))
    ca = authority_path(settings, source.ca) if source.ca else None
    password = SecretStore(settings).get(source.password)
    if isinstance(source, MariadbSource):
        return Mariadb(source, address, password, ca)
    return Postgresql(source, address, password, ca)


def throwaway_of(source: AnySource, folder: Path) -> ThrowawayCluster:
    """Give what loads a dump of a source; a server of its own is made in `folder`."""
    if isinstance(source, DatabaseSource):
        return ThrowawayPostgresql(folder)
    return ThrowawayMariadb(folder) if isinstance(source, MariadbSource) else ThrowawaySqlite()


def authority_path(settings: Settings, ref: str) -> Path:
    """Give the file of a certificate authority, which is public. Raises DcopsError when it is not there."""
    path = file_below(settings.secrets, ref)
    if not path.is_file():
        raise DcopsError("the certificate authority is not there", where=str(path))
    return path
