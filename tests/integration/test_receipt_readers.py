"""Who sees a receipt: its reporter and one named leader, its reporter alone when staff are involved."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from contracts.inbound_v1 import Inbound
from hub.adapters.http.access import Role
from hub.aggregates.citizen_case.events import InquiryOpened, ReportRetracted, ReportSupplemented
from hub.aggregates.partner import ReceiptsLeaderNamed
from tests.support.api import Api, Caller, clock_now, slug_of
from tests.support.social_reports import example
from tests.world import POLICE, UNIT, World

COLLEAGUE = "politi-udoever-er-kollega-hos-anmelderen"


@pytest.fixture
def town(tmp_path: Path, store_url: str) -> Iterator[Api]:
    """Give the API over a municipality whose clock is near the real one."""
    with closing(World.built(tmp_path / "hub", store_url, clock=clock_now())) as world:
        yield Api(world)


def officer(town: Api, name: str) -> Caller:
    return town.login(name, POLICE, Role.REPORTER)


def handed_over(town: Api, name: str = "01-politi-natlig-vold-i-hjemmet", **fields: str) -> UUID:
    """Palle hands a report over."""
    report_id = uuid4()
    report = {**example(name), "report_id": str(report_id), **fields}
    assert officer(town, "palle").post("/v1/social-reports", report).status_code == 202
    return report_id


def sees(town: Api, who: str, report_id: UUID) -> bool:
    answer = officer(town, who).get(f"/v1/social-reports/{report_id}/receipt")
    assert answer.status_code in (200, 404)
    return answer.status_code == 200


def name_leader(town: Api, person: str | None) -> None:
    path = f"/v1/partners/{POLICE}/receipts-leader"
    operator = town.login("drift", UNIT, Role.OPERATOR)
    assert operator.post(path, {"person": person}).status_code == 201


def test_a_receipt_is_seen_by_its_reporter_and_by_nobody_else_of_the_organisation(town: Api) -> None:
    report_id = handed_over(town)
    assert sees(town, "palle", report_id)
    no = officer(town, "bent").get(f"/v1/social-reports/{report_id}/receipt")
    none = officer(town, "bent").get(f"/v1/social-reports/{uuid4()}/receipt")
    assert (no.status_code, no.content) == (none.status_code, none.content)


def test_one_named_leader_sees_it_too_until_another_is_named_or_nobody(town: Api) -> None:
    report_id = handed_over(town)
    name_leader(town, "lis")
    assert [sees(town, who, report_id) for who in ("palle", "lis", "bent")] == [True, True, False]
    name_leader(town, "bent")
    assert [sees(town, who, report_id) for who in ("palle", "lis", "bent")] == [True, False, True]
    name_leader(town, None)
    assert [sees(town, who, report_id) for who in ("palle", "lis", "bent")] == [True, False, False]
    assert [fact.person for fact in town.world.facts(ReceiptsLeaderNamed)] == ["lis", "bent", ""]


def test_where_staff_are_involved_its_reporter_alone_sees_it(town: Api) -> None:
    """The leader may be the colleague, or eat lunch with him."""
    name_leader(town, "lis")
    report_id = handed_over(town, COLLEAGUE)
    assert [sees(town, who, report_id) for who in ("palle", "lis", "bent")] == [True, False, False]


def test_what_is_added_can_say_that_staff_are_involved(town: Api) -> None:
    """From then on the leader sees neither receipt."""
    name_leader(town, "lis")
    first = handed_over(town)
    assert sees(town, "lis", first)
    added = handed_over(town, COLLEAGUE, supplements=str(first))
    assert [sees(town, who, one) for one in (first, added) for who in ("palle", "lis")] == [
        *(True, False),
        *(True, False),
    ]


def test_what_a_program_sent_by_topic_it_shows_to_its_own_people(town: Api) -> None:
    """The hub knows the program alone; the leader asks here as for any other."""
    report = {**example(), "report_id": str(uuid4())}
    town.world.send(POLICE, Inbound.report(report))
    name_leader(town, "lis")
    report_id = UUID(report["report_id"])
    assert [sees(town, who, report_id) for who in ("palle", "lis", POLICE)] == [False, True, True]


def takes_back(town: Api, who: str, report_id: UUID) -> int:
    path = f"/v1/social-reports/{report_id}/retraction"
    return officer(town, who).post(path, {"reason": "no_basis"}).status_code


def adds(town: Api, who: str, report_id: UUID) -> int:
    report = {**example(), "report_id": str(uuid4()), "supplements": str(report_id)}
    return officer(town, who).post("/v1/social-reports", report).status_code


@pytest.mark.parametrize("does", [takes_back, adds])
@pytest.mark.parametrize(
    ("name", "leaders"), [("01-politi-natlig-vold-i-hjemmet", 202), (COLLEAGUE, 404)], ids=["", "of staff"]
)
def test_who_is_not_shown_the_receipt_neither_adds_to_the_report_nor_takes_it_back(
    town: Api, does: Callable[[Api, str, UUID], int], name: str, leaders: int
) -> None:
    """The colleague whom a report is about, and the leader who eats lunch with him."""
    name_leader(town, "lis")
    report_id = handed_over(town, name)
    assert does(town, "bent", report_id) == 404
    assert town.world.facts(ReportRetracted) == town.world.facts(ReportSupplemented) == []
    assert does(town, "lis", report_id) == leaders
    if leaders == 404:
        assert does(town, "palle", report_id) == 202


@pytest.mark.parametrize("does", [takes_back, adds])
def test_of_a_report_in_a_case_that_is_erased_nobody_is_told_more_than_of_none(
    town: Api, does: Callable[[Api, str, UUID], int]
) -> None:
    report_id = handed_over(town)
    (opened,) = town.world.facts(InquiryOpened)
    town.world.parts.committer.destroy(town.world.case(opened.originator_id))
    assert [does(town, "palle", one) for one in (report_id, uuid4())] == [404, 404]
    path = "/v1/social-reports/{}/retraction"
    erased, none = (
        officer(town, "palle").post(path.format(one), {"reason": "no_basis"}) for one in (report_id, uuid4())
    )
    assert erased.content == none.content


def test_a_leader_is_named_once_and_of_a_partner(town: Api) -> None:
    operator, body = town.login("drift", UNIT, Role.OPERATOR), {"person": "lis"}
    path = f"/v1/partners/{POLICE}/receipts-leader"
    assert operator.post(path, body).status_code == 201
    assert slug_of(operator.post(path, body)) == "conflict"
    assert slug_of(operator.post("/v1/partners/ukendt/receipts-leader", body)) == "not-found"
