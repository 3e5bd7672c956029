"""A store that an older hub made, on either database."""

from contextlib import closing

import pytest

from hub.adapters.store.refused import NotMigrated
from hub.keys.keyring import create_kek_file
from tests.integration.store.suite import Suite
from tests.integration.store.support import Place, changed, new_case


class Migrating(Suite):
    """Refused until it is migrated, and whole afterwards."""

    @pytest.mark.parametrize("former", [1, 2])
    def test_a_store_of_a_former_schema_is_refused_until_it_is_migrated(
        self, place: Place, former: int
    ) -> None:
        """The first one's hubs counted messages in a table, which nothing keeps up any more."""
        create_kek_file(place.kek)
        with closing(place.open(migrate=True)) as app:
            app.commit(changed(new_case(app)))
            with app.store.database.transaction() as execute:
                execute("CREATE TABLE recipients (recipient TEXT)", [])
                execute("UPDATE store SET schema_version = ?", [former])
        with pytest.raises(NotMigrated, match="hub migrate"):
            place.open()
        with closing(place.open(migrate=True)) as app:
            if former == 1:
                with pytest.raises(Exception, match="recipients"):
                    app.store.database.read("SELECT * FROM recipients")
            app.commit(changed(new_case(app)))
