"""What every store promises of read models (`ports.View`)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.adapters.store.application import StoreApplication
from hub.adapters.store.views import VERSIONS, TableViews
from hub.errors import Conflict
from hub.ports import Change, Row, View
from tests.integration.store.suite import Suite
from tests.integration.store.support import Place

OWNER, OTHER = "voldsteam", "havnen"


def row(sequence: int, thread: UUID | None = None, kind: str | None = "report_received") -> Row:
    return Row(uuid4(), thread or uuid4(), sequence, {"kind": kind, "deadline": None}, b"sealed")


class Views(Suite):
    """Rows and position go together."""

    @pytest.fixture
    def view(self, app: StoreApplication) -> View:
        return app.view("timeline")

    def rows(self, view: View, owner: str = OWNER, thread: UUID | None = None) -> Sequence[Row]:
        return list(view.rows(owner, thread))

    def test_every_view_is_there(self, app: StoreApplication) -> None:
        """Each with rows of its own."""
        for name in VERSIONS:
            app.view(name).apply(OWNER, (1, 1), [row(1)], [])
        assert [len(self.rows(app.view(name))) for name in VERSIONS] == [1] * len(VERSIONS)

    def test_rows_come_back_in_order(self, view: View, place: Place) -> None:
        """By sequence, whole and by thread, to their owner alone."""
        thread = uuid4()
        three, one, two = row(3, thread), row(1, thread, None), row(2)
        assert view.position(OWNER) == (0, 0)
        assert self.rows(view) == []
        view.apply(OWNER, (1, 3), [three, one, two], [])
        assert self.rows(view) == [one, two, three]
        assert self.rows(view)[0].sealed == b"sealed"
        assert self.rows(view, thread=thread) == [one, three]
        assert self.rows(view, OTHER) == []
        assert (view.position(OWNER), view.position(OTHER)) == ((1, 3), (0, 0))
        later = place.open()
        assert self.rows(later.view("timeline")) == [one, two, three]
        later.close()

    def test_a_new_epoch_comes_after(self, view: View) -> None:
        """Though its sequences begin at 1 again."""
        old, new = row(7), row(1)
        view.apply(OWNER, (1, 7), [old], [])
        view.apply(OWNER, (2, 1), [new], [])
        assert self.rows(view) == [old, new]
        assert view.position(OWNER) == (2, 1)

    def test_a_row_twice_is_one_row(self, view: View) -> None:
        """The later contents count."""
        first = row(1)
        changed = Row(first.message_id, first.thread, 1, {"kind": "blank", "deadline": None}, b"other")
        view.apply(OWNER, (1, 1), [changed, first], [])
        assert self.rows(view) == [first]
        view.apply(OWNER, (1, 1), [first], [])
        view.apply(OWNER, (1, 1), [first], [])
        assert self.rows(view) == [first]
        view.apply(OWNER, (1, 2), [changed], [])
        assert self.rows(view) == [changed]

    def test_purged_rows_are_gone(self, view: View) -> None:
        """Columns included; a thousand at once, and one that was never there."""
        many = [row(n) for n in range(1, 1201)]
        view.apply(OWNER, (1, 1200), many, [])
        view.apply(OTHER, (1, 1), [many[0]], [])
        view.apply(OWNER, (1, 1201), [], [m.message_id for m in many[1:]] + [uuid4()])
        assert self.rows(view) == [many[0]]
        assert len(self.rows(view, OTHER)) == 1

    def test_a_repeat_from_before_a_purge_brings_nothing_back(self, view: View) -> None:
        """Its position is behind: rows stay away, purges are done again."""
        told, other = row(1), row(2)
        view.apply(OWNER, (1, 1), [told], [])
        view.apply(OWNER, (1, 2), [other], [])
        view.apply(OWNER, (1, 3), [], [told.message_id])
        view.apply(OWNER, (1, 1), [told], [other.message_id])
        assert self.rows(view) == []
        assert view.position(OWNER) == (1, 3)

    def test_all_or_nothing(self, view: View) -> None:
        """A row that cannot be written leaves no other, and the position where it was."""
        broken: Any = Row(uuid4(), uuid4(), 2, {}, None)  # type: ignore[arg-type]  # the fault
        with pytest.raises(Exception, match=r"(?i)null"):
            view.apply(OWNER, (1, 2), [row(1), broken], [])
        assert self.rows(view) == []
        assert view.position(OWNER) == (0, 0)

    def test_views_are_moved_together_or_not_at_all(self, app: StoreApplication) -> None:
        """Rows, purges and positions of all; where one cannot be written the others stay as they were."""
        views = {name: app.view(name) for name in ("timeline", "referrals")}
        together = TableViews(app.store.database, views)
        told = row(1)
        together.apply(OWNER, (1, 1), {name: Change([told], []) for name in views})
        assert together.positions(OWNER) == {"timeline": (1, 1), "referrals": (1, 1)}
        broken: Any = Row(uuid4(), uuid4(), 2, {}, None)  # type: ignore[arg-type]  # the fault
        with pytest.raises(Exception, match=r"(?i)null"):
            together.apply(
                OWNER, (1, 2), {"timeline": Change([], [told.message_id]), "referrals": Change([broken], [])}
            )
        assert [self.rows(view) for view in views.values()] == [[told], [told]]
        assert set(together.positions(OWNER).values()) == {(1, 1)}
        together.apply(
            OWNER, (1, 2), {"timeline": Change([], []), "referrals": Change([], [told.message_id])}
        )
        assert [self.rows(view) for view in views.values()] == [[told], []]
        assert set(together.positions(OWNER).values()) == {(1, 2)}
        assert set(together.positions(OTHER).values()) == {(0, 0)}

    def test_a_copy_is_moved_beside_the_view_that_it_will_replace(self, app: StoreApplication) -> None:
        """Each knows its own position, and only its own rows."""
        living = app.view("timeline")
        living.apply(OWNER, (1, 5), [row(5)], [])
        copy = living.begin_rebuild(OWNER)
        alone = TableViews(app.store.database, {"timeline": copy})
        assert alone.positions(OWNER) == {"timeline": (0, 0)}
        first = row(1)
        alone.apply(OWNER, (1, 1), {"timeline": Change([first], [])})
        assert (self.rows(copy), alone.positions(OWNER)) == ([first], {"timeline": (1, 1)})
        assert TableViews(app.store.database, {"timeline": living}).positions(OWNER) == {"timeline": (1, 5)}

    def test_a_rebuild_fills_a_copy(self, view: View, app: StoreApplication) -> None:
        """While this one goes on answering and taking in; then the copy answers, at its own position."""
        old, new = row(1), row(1)
        view.apply(OWNER, (1, 1), [old], [])
        view.apply(OTHER, (1, 1), [old], [])
        copy = view.begin_rebuild(OWNER)
        assert (self.rows(copy), copy.position(OWNER)) == ([], (0, 0))
        copy.apply(OWNER, (1, 1), [new], [])
        second = row(2)
        view.apply(OWNER, (1, 2), [second], [])
        assert self.rows(view) == [old, second]
        copy.apply(OWNER, (1, 2), [second], [])
        copy.switch(OWNER)
        for now in (view, copy, app.view("timeline")):
            assert self.rows(now) == [new, second]
            assert now.position(OWNER) == (1, 2)
        assert self.rows(view, OTHER) == [old]
        view.apply(OWNER, (1, 3), [row(3)], [])
        assert len(self.rows(view)) == 3

    def test_what_was_worked_out_for_the_former_copy_does_not_move_the_new_one(self, view: View) -> None:
        """The living one stood at 3 when its batch was worked out; the copy that replaced it stands at 2."""
        for number in (1, 2, 3):
            view.apply(OWNER, (1, number), [row(number)], [])
        copy = view.begin_rebuild(OWNER)
        copy.apply(OWNER, (1, 2), [row(2)], [])
        since = view.position(OWNER)
        copy.switch(OWNER)
        for rows in ([row(4)], []):
            with pytest.raises(Conflict):
                view.apply(OWNER, (1, 4), rows, [], since)
        assert view.position(OWNER) == (1, 2)
        view.apply(OWNER, (1, 4), [row(3), row(4)], [], view.position(OWNER))
        assert [r.sequence for r in self.rows(view)] == [2, 3, 4]

    def test_a_rebuild_goes_on_where_it_stopped(self, view: View, place: Place) -> None:
        """In another process, from the copy's own position; other owners' copies are apart."""
        view.apply(OWNER, (1, 9), [row(9)], [])
        kept = row(1)
        view.begin_rebuild(OWNER).apply(OWNER, (1, 1), [kept], [])
        later = place.open()
        copy = later.view("timeline").begin_rebuild(OWNER)
        assert copy.position(OWNER) == (1, 1)
        assert self.rows(copy) == [kept]
        assert view.begin_rebuild(OTHER).position(OTHER) == (0, 0)
        copy.switch(OWNER)
        assert self.rows(view) == [kept]
        assert view.begin_rebuild(OWNER).position(OWNER) == (0, 0)
        later.close()

    def test_a_rebuild_of_what_was_never_filled(self, view: View) -> None:
        """An owner's first rows may come by a rebuild."""
        copy = view.begin_rebuild(OWNER)
        first = row(1)
        copy.apply(OWNER, (1, 1), [first], [])
        copy.switch(OWNER)
        assert self.rows(view) == [first]

    def test_a_copy_that_another_rebuild_switched_in_is_never_filled_twice(self, view: View) -> None:
        """Two that fill one copy: whoever is late begins again, and empties nothing."""
        view.apply(OWNER, (1, 1), [row(1)], [])
        one, two = view.begin_rebuild(OWNER), view.begin_rebuild(OWNER)
        one.apply(OWNER, (1, 1), [row(1)], [])
        one.switch(OWNER)
        two.apply(OWNER, (1, 2), [row(2)], [])
        assert len(self.rows(view)) == 2
        three = view.begin_rebuild(OWNER)
        three.apply(OWNER, (1, 1), [row(1)], [])
        three.switch(OWNER)
        for late in (one, two):
            with pytest.raises(Conflict, match="begin again"):
                late.apply(OWNER, (1, 3), [row(3)], [])
            with pytest.raises(Conflict, match="begin again"):
                late.switch(OWNER)
        three.switch(OWNER)
        assert len(self.rows(view)) == 1

    def test_only_a_copy_is_switched(self, view: View) -> None:
        """The living one has nothing to switch to."""
        with pytest.raises(ValueError, match="begin_rebuild"):
            view.switch(OWNER)
