"""A database → the same database with the tables of this version."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, inspect, text

from miharu.store.errors import StateError
from miharu.store.state_tables import METADATA

HEAD: Final = "r0005"
"""The newest revision in `migrations/versions`."""

READING: Final = "miharu_reading"
"""The execution option of a connection that only reads: it waits for no writer, however long that takes."""

_VERSIONS: Final = "alembic_version"
_VERSION_CHARACTERS: Final = 32


def bring_up_to_date(engine: Engine) -> None:
    """Run the migrations a database lacks, all in one transaction; an empty SQLite file gets all tables at once.

    Raises StateError where a newer version of miharu has been at it.
    """
    with engine.execution_options(**{READING: True}).begin() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite" and not inspect(connection).get_table_names():
            _create(connection)
        elif _revision(connection) != HEAD:
            _migrate(connection)


def _create(connection: Connection) -> None:
    """Make what all migrations together make (a test compares them), without Alembic."""
    METADATA.create_all(connection, checkfirst=False)
    versions = Table(
        _VERSIONS,
        MetaData(),
        Column("version_num", String(_VERSION_CHARACTERS), nullable=False),
        PrimaryKeyConstraint("version_num", name=f"{_VERSIONS}_pkc"),
    )
    versions.create(connection, checkfirst=False)
    connection.execute(versions.insert().values(version_num=HEAD))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()  # noqa: S608
    return found


def _migrate(connection: Connection) -> None:
    # Alembic takes a while to import and is hardly ever needed.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        message = f"the state database was made by another version of miharu ({error}); use that version or a newer one"
        raise StateError(message) from error
