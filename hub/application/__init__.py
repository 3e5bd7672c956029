"""The table of contents of the hub: one method a command, by area. Each answers with its position in the log.

A command loads the cases it concerns, lets them decide, lets the gate decide who is told, seals, and writes
everything in one transaction. Nothing is decided here that a domain expert would want to read.

| area | commands |
|---|---|
| `intake` | reports, matching them, opening the case, naming its coordinator |
| `contact` | reports set aside, the citizen's no, cases closed and reopened |
| `safety` | safe contact, address protection, assessments, the safety level |
| `correcting` | what was wrong, set right |
| `bases` | consents and legal bases, given, withdrawn, ended |
| `referrals` | requested, answered, cancelled |
| `partners` | registered, suspended, resumed; their answers to revocations |
"""

from hub.application.bases import Bases
from hub.application.carrying import Answer
from hub.application.contact import Contact
from hub.application.correcting import Correcting
from hub.application.intake import Intake, ReportTaken
from hub.application.partners import Partners
from hub.application.referrals import Referrals
from hub.application.safety import Safety


class Hub(Intake, Contact, Correcting, Safety, Bases, Referrals, Partners):
    """The commands of the hub. Built by `bootstrap`; tests build it the same way."""


__all__ = ["Answer", "Hub", "ReportTaken"]
