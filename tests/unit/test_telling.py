"""What a command that fails is told as: the place and the setting are those of this installation."""

from pathlib import Path

import pytest
from eventsourcing.persistence import OperationalError, ProgrammingError
from psycopg.errors import UndefinedTable

from hub.errors import Unavailable
from hub.operating.telling import told
from hub.settings import Settings

SERVER = "postgresql://hub:hemmelig@db/hub"


@pytest.mark.parametrize(("url", "setting"), [("", "HUB_DATA_DIR"), (SERVER, "HUB_DATABASE_URL")])
def test_a_database_that_cannot_be_written_is_named_with_its_own_setting(
    tmp_path: Path, url: str, setting: str
) -> None:
    """Of a file nobody is asked whether its server runs."""
    settings = Settings(on_call="+45 11 22 33 44", data_dir=tmp_path, database_url=url)
    error = Unavailable("try again, under the same key")
    error.__cause__ = OperationalError("KANARIE")
    line = told(error, lambda: settings)
    assert line.endswith(f"ee {setting}"), line
    assert ("server" in line) == bool(url)
    assert settings.database in line
    assert "KANARIE" not in line
    assert "hemmelig" not in line


def test_a_database_without_tables_is_said_to_be_one_also_where_the_library_tells_it(tmp_path: Path) -> None:
    error = ProgrammingError("KANARIE")
    error.__cause__ = UndefinedTable("KANARIE")
    settings = Settings(on_call="+45 11 22 33 44", data_dir=tmp_path, database_url=SERVER)
    assert told(error, lambda: settings) == "db/hub holds no tables of the hub: run `hub init` first"


def test_settings_that_cannot_be_read_either_hide_nothing_of_the_failure(tmp_path: Path) -> None:
    """Some commands need none: a file that is in the way is named all the same."""

    def unset() -> Settings:
        return Settings(on_call="KANARIE")

    assert told(FileExistsError(17, "File exists", "f"), unset) == "File exists: f"
    error = Unavailable("try again, under the same key")
    error.__cause__ = OperationalError("KANARIE")
    line = told(error, unset)
    assert line.startswith("HUB_ON_CALL must be")
    assert "KANARIE" not in line
