"""The story: a night of violence, two reports, one person, a consent, a referral, and a consent withdrawn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from contracts.message_v1 import Part
from contracts.terms import ReferralStatus
from hub.adapters.partners.errors import NoLongerOpen
from hub.adapters.partners.ngo.adapter import Ngo
from hub.aggregates.citizen_case.terms import InclusionCriterion
from hub.demo.stage import NGO, OTHER_NGO, PARTNERS, TOLD_NGO, Person, Stage, example

NAME = "Maja Eksempelsen"
CPR = "7403912006"
PERPETRATOR = "Jonas"
HIDING_PLACE = "Opdigtet Allé 7"
SAFE_NUMBER = "00 31 00 99"
NARRATIVE = "Patruljen kaldt"
COURSE = {"report_received", "case_opened", "referral_requested", "referral_accepted", "consent_withdrawn"}


class Teller(Protocol):
    """Who tells and counts (`hub.demo.playing.Narrator`)."""

    def says(self, line: str) -> None: ...
    def checks(self, line: str, holds: bool) -> None: ...
    def refused(self, line: str, status: int, call: Callable[[], object]) -> None: ...


Until = Callable[[Callable[[], Any]], Any]


@dataclass(slots=True)
class Case:
    """What the story has to remember."""

    case: str
    inquiry: str
    consent: str = ""
    referral: str = ""


def tell(stage: Stage, teller: Teller, until: Until) -> str:
    """Play it from the first report to the purge; the case."""
    teller.says("The operator registers police, A&E and two NGOs with their agreements and public keys.")
    stage.register_partners()
    stage.start_workers()
    slugs = [p["slug"] for p in stage.people["drift"].get("/v1/partners")["partners"]]
    teller.checks(f"registered: {', '.join(slugs)}", {*slugs} == {*PARTNERS, stage.settings.unit})

    case = _night(stage, teller, until)
    _morning(stage, teller, case)
    one, other = stage.ngo(NGO), stage.ngo(OTHER_NGO)
    _consent(stage, teller, until, case, one, other)
    _answer(stage, teller, until, case, one)
    _withdrawal(stage, teller, until, case, one)
    _to_the_last(stage, teller, case, other)
    return case.case


def _night(stage: Stage, teller: Teller, until: Until) -> Case:
    police, emergency = stage.police(), stage.emergency_department()
    inge = stage.people["inge"]
    found: list[str] = []
    for who, whose, waits, adapter, name in (
        (
            "00.10, an officer reports a night of violence",
            "the police's",
            "a report waits",
            police,
            "01-politi-natlig-vold-i-hjemmet",
        ),
        (
            "01.20, A&E reports a woman",
            "A&E's",
            "two reports wait",
            emergency,
            "02-skadestue-samme-kvinde-en-time-senere",
        ),
    ):
        teller.says(f"{who}. The report is on disk before it is sent.")
        kept = adapter.submit(example(name))
        teller.checks(f"{whose} own program says: {kept.state}", kept.state == "not_yet_delivered")

        def receipt(adapter: Any = adapter, report: Any = kept.report_id) -> Any:
            adapter.step()
            status = adapter.one(report)
            return status if status.receipt else None

        status = until(receipt)
        words = f"{status.receipt}, not yet read by a person; duty number {status.on_call}"
        teller.checks(
            f"receipt {status.number}: {words}",
            status.state == "delivered"
            and status.receipt == "received"
            and status.on_call == stage.settings.on_call,
        )
        waiting = until(partial(_inbox, inge, len(found) + 1))
        found += [w["case"] for w in waiting if w["case"] not in found]
        teller.checks(
            f"the intake inbox shows that {waits}, and not whom it is about",
            len(waiting) == len(found) and not any(word in str(waiting) for word in (NAME, CPR)),
        )
    case = Case(found[0], found[1])
    _sees_nothing(teller, "the police", stage.partner_login(police.settings.slug), case)
    _sees_nothing(teller, "A&E", stage.partner_login(emergency.settings.slug), case)
    return case


def _sees_nothing(teller: Teller, who: str, login: Person, case: Case, when: str = "") -> None:
    teller.refused(f"{who} cannot see the inbox{when}", 403, lambda: login.get("/v1/inbox"))
    path = f"/v1/cases/{case.case}/timeline"
    teller.refused(f"{who} cannot see the case{when}", 404, lambda: login.get(path, "intake"))


def _inbox(person: Any, at_least: int) -> Any:
    waiting = person.get("/v1/inbox")["waiting"]
    return waiting if len(waiting) >= at_least else None


def _morning(stage: Stage, teller: Teller, case: Case) -> None:
    inge, mette, bo = (stage.people[name] for name in ("inge", "mette", "bo"))
    teller.says("Inge, the caseworker, opens the first inquiry, and says what for.")
    path = f"/v1/cases/{case.case}/timeline"
    teller.refused("for no purpose it opens to nobody", 422, lambda: inge.get(path, ""))
    seen = inge.get(path, "intake")
    teller.checks(f"she reads whom it is about: {NAME}", NAME in str(seen["entries"]))
    teller.checks("where she hides is not on the timeline", HIDING_PLACE not in str(seen))
    same = inge.post(f"/v1/cases/{case.case}/candidates", purpose="intake")["cases"]
    teller.checks("the same CPR number stands in the other inquiry; a person decides", same == [case.inquiry])

    teller.says("She matches the two, opens the case, and names Mette as tovholder.")
    inge.post(f"/v1/cases/{case.case}/matches", {"inquiry": case.inquiry, "reason": "samme person"}, "intake")
    inge.post(
        f"/v1/cases/{case.case}/opening", {"criteria": dict.fromkeys(InclusionCriterion, True)}, "intake"
    )
    done = inge.post(f"/v1/cases/{case.case}/coordinator", {"person": "mette", "name": "Mette Tovholder"})
    timeline = mette.get(path, position=done["position"])
    reports = [entry["kind"] for entry in timeline["entries"] if entry.get("report")]
    teller.checks("Mette sees both reports on one timeline", reports == ["report_received"] * 2)
    left = inge.get("/v1/inbox", position=done["position"])
    teller.checks("no report waits in the inbox: a person decided", left["waiting"] == [])
    due = mette.get("/v1/inbox", position=done["position"])["child_notifications"]
    teller.checks(
        "of the children at risk, one notification of each report waits there until a person answers",
        {d["case"] for d in due} == {case.case, case.inquiry},
    )
    teller.refused("Bo, tovholder of other cases, is told that there is none", 404, lambda: bo.get(path))
    teller.refused("Inge's access ended with the assignment", 404, lambda: inge.get(path))

    teller.says("Mette fetches how the citizen may safely be contacted, and reads the free text.")
    lethal = mette.post(f"/v1/cases/{case.case}/could-kill", purpose="contact")["values"]
    teller.checks(
        "a named person, with a purpose, gets the values that could kill",
        HIDING_PLACE in str(lethal) and SAFE_NUMBER in str(lethal),
    )
    unread = mette.post(f"/v1/cases/{case.case}/free-text", purpose="safety")["unread"]
    teller.checks(
        "the officer's narrative gives the hiding place away: she does not release it",
        any(HIDING_PLACE in str(text) and NARRATIVE in str(text) for text in unread),
    )
    mette.post(f"/v1/cases/{case.case}/safety-level", {"level": "high", "reason": "kvælning, eskalerer"})


def _consent(stage: Stage, teller: Teller, until: Until, case: Case, one: Ngo, other: Ngo) -> None:
    mette = stage.people["mette"]
    now = stage.parts.clock()
    answer_by = now + timedelta(days=2)
    referral = {
        "recipient": NGO,
        "offer": "rådgivning",
        "urgency": "urgent",
        "answer_by": answer_by.isoformat(),
    }
    teller.says("Without a consent nothing leaves the municipality.")
    path = f"/v1/cases/{case.case}/referrals"
    teller.refused("a referral is refused", 409, lambda: mette.post(path, referral))
    told = mette.get(f"/v1/cases/{case.case}/disclosures", "citizen_access")["told"]
    teller.checks(
        "the disclosures name the municipality's own unit alone",
        [t["recipient"] for t in told] == [stage.settings.unit],
    )
    one.receive()
    teller.checks("Lysning's own program has received nothing", one.messages() == [])

    teller.says(
        "Maja consents: Lysning may know who she is, what happened, the danger, her wishes, for six months."
    )
    given = mette.post(
        f"/v1/cases/{case.case}/consents",
        {
            "recipients": [NGO],
            "categories": TOLD_NGO,
            "purpose": "rådgivning",
            "form": "oral",
            "given_at": now.isoformat(),
            "ends_at": (now + timedelta(days=180)).isoformat(),
        },
    )
    case.consent = given["consent"]
    case.referral = mette.post(path, referral)["referral"]
    inbox = until(lambda: _received(one))
    teller.checks(
        "Lysning's inbox shows a referral and its deadline, and not whom",
        [line.deadline for line in inbox] == [answer_by] and NAME not in str([*inbox, *one.messages()]),
    )
    parts = _open_all(one)
    told = str([part.data for part in parts])
    teller.checks(
        f"Anna opens it in Lysning's own program: {NAME}, what happened, the danger, her wishes",
        NAME in told and {part.category for part in parts} == {*TOLD_NGO},
    )
    teller.checks("with the warning that safe-contact rules exist", "safe_contact" in told)
    teller.checks(
        "not where she hides, not the narrative", HIDING_PLACE not in told and NARRATIVE not in told
    )
    teller.checks("not who the perpetrator is", PERPETRATOR not in told)
    other.receive()
    teller.checks("Havnelys, the other NGO, has received nothing", other.messages() == [])
    login = stage.partner_login(OTHER_NGO)
    message = str(one.messages()[0].message_id)
    body = {"person": "x", "name": "x", "purpose": "referral"}
    teller.refused(
        "and cannot open Lysning's message by its id",
        404,
        lambda: login.post(f"/v1/messages/{message}/open", body),
    )


def _received(adapter: Ngo) -> Any:
    adapter.receive()
    return adapter.inbox()


def _open_all(adapter: Ngo) -> list[Part]:
    looks = [
        adapter.open_message(row.message_id, person="anna", name="Anna Rådgiver", purpose="referral")
        for row in adapter.messages()
    ]
    return [part for look in looks for part in look.parts]


def _answer(stage: Stage, teller: Teller, until: Until, case: Case, one: Ngo) -> None:
    mette = stage.people["mette"]
    teller.says("Anna accepts the referral in Lysning's own program.")
    one.answer(one.inbox()[0].referral, ReferralStatus.ACCEPTED, person="anna", name="Anna Rådgiver")
    one.step()
    anna = stage.people["anna"]
    _sees_nothing(teller, "Anna herself", anna, case)
    teller.checks(
        "nor has the hub anything to show her: Lysning's keys are its own program's",
        anna.get("/v1/referrals")["referrals"] == [],
    )

    def accepted() -> bool:
        entries = mette.get(f"/v1/cases/{case.case}/timeline")["entries"]
        return any(entry["kind"] == "referral_accepted" for entry in entries)

    teller.checks("Mette's timeline says: accepted", until(accepted))
    told = until(lambda: _told(mette, case, NGO))
    teller.checks(
        "the citizen can be shown what Lysning was told, on which basis, and that Anna opened it",
        {category for d in told["disclosed"] for category in d["categories"]} == {*TOLD_NGO}
        and all(d["bases"] == [case.consent] for d in told["disclosed"])
        and {o["by"] for o in told["opened"]} == {"Anna Rådgiver"},
    )


def _told(person: Any, case: Case, recipient: str) -> Any:
    told = person.get(f"/v1/cases/{case.case}/disclosures", "citizen_access")["told"]
    return next((t for t in told if t["recipient"] == recipient and t["opened"]), None)


def _withdrawal(stage: Stage, teller: Teller, until: Until, case: Case, one: Ngo) -> None:
    mette = stage.people["mette"]
    held = [row.message_id for row in one.messages()]
    teller.says("Maja withdraws her consent. It takes effect at once.")
    mette.post(f"/v1/cases/{case.case}/consents/{case.consent}/withdrawal")
    login = stage.partner_login(NGO)
    body = {"person": "anna", "name": "Anna Rådgiver", "purpose": "referral"}
    for number, message in enumerate(held, 1):
        teller.refused(
            f"with Lysning's own login the hub gives out no key to message {number} of {len(held)} any more",
            404,
            partial(login.post, f"/v1/messages/{message}/open", body),
        )
    teller.checks(
        "nor does Lysning's program open any for anybody who looks now",
        held != [] and not any(_opens(one, message) for message in held),
    )
    teller.says("Lysning's program is told, deletes what it had, and says so.")

    def answered() -> str | None:
        one.step()
        told = _told(mette, case, NGO)
        answer = str(told["revoked"][-1]["answered"]) if told and told["revoked"] else "waiting"
        return None if answer == "waiting" else answer

    teller.checks("the disclosures show: revoked, and purged", until(answered) == "purged")
    teller.checks("Lysning's program holds nothing any more", one.messages() == [])
    timeline = mette.get(f"/v1/cases/{case.case}/timeline")
    kinds = {entry["kind"] for entry in timeline["entries"]}
    teller.checks("Mette still sees the whole course, the withdrawal included", kinds >= COURSE)


def _to_the_last(stage: Stage, teller: Teller, case: Case, other: Ngo) -> None:
    teller.says("Each partner asks once more, with its own login.")
    for slug, (name, _, _) in PARTNERS.items():
        _sees_nothing(teller, name, stage.partner_login(slug), case, " when all is over")
    other.receive()
    teller.checks("Havnelys has received nothing to the last", other.messages() == [])


def _opens(adapter: Ngo, message: Any) -> bool:
    try:
        adapter.open_message(message, person="per", name="Per Rådgiver", purpose="referral")
    except NoLongerOpen:
        return False
    return True
