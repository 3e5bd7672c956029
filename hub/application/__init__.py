"""The table of contents of the hub: one method a command, by area. Each answers with its position in the log.

A command loads the cases it concerns, lets them decide, lets the gate decide who is told, seals, and writes
everything in one transaction. Nothing is decided here that a domain expert would want to read.

| area | commands |
|---|---|
| `intake` | reports, matching them, opening the case, naming its coordinator |
| `contact` | contact, information, consent left unasked, anonymous advice; a no, an end |
| `children` | child notifications that fall due, and their answers; citizens who are under 18 |
| `safety` | safe contact, address protection, assessments, the safety level |
| `reporting` | a report added to, or taken back, by its reporter |
| `handing_over` | to another tovholder, and who stands in |
| `moving` | to another municipality |
| `staff` | the block list of a case; logins that are stopped |
| `correcting` | what was wrong, set right |
| `forgetting` | a citizen asks to be forgotten, and is answered |
| `forwarding` | a report that is not ours, sent on and erased |
| `bases` | consents and legal bases, given and withdrawn |
| `referrals` | requested, answered, cancelled |
| `due` | what the clock sets off: bases end, what waited too long escalates |
| `partners` | registered, suspended, resumed; their answers to revocations |
"""

from hub.application.bases import Bases
from hub.application.carrying import Answer, Within
from hub.application.children import Children
from hub.application.contact import Contact
from hub.application.correcting import Correcting
from hub.application.due import Due
from hub.application.forgetting import Forgetting
from hub.application.handing_over import HandingOver
from hub.application.intake import Intake
from hub.application.moving import Moving
from hub.application.partners import Partners
from hub.application.referrals import Referrals
from hub.application.reporting import Reporting
from hub.application.reports import ReportTaken
from hub.application.safety import Safety
from hub.application.staff import Staff


class Hub(
    Intake,
    HandingOver,
    Reporting,
    Contact,
    Children,
    Correcting,
    Safety,
    Bases,
    Referrals,
    Moving,
    Forgetting,
    Staff,
    Due,
    Partners,
):
    """The commands of the hub. Built by `bootstrap`; tests build it the same way."""


__all__ = ["Answer", "Hub", "ReportTaken", "Within"]
