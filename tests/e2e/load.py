"""Reporters, caseworkers and tovholders who go on as long as they are let, and note what they were told."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx2

from contracts.client.errors import HubUnreachable, Refused
from hub.adapters.partners.errors import NoLongerOpen
from hub.adapters.partners.links import Link
from hub.adapters.partners.ngo.adapter import Ngo
from tests.e2e.journal import Journal
from tests.e2e.scene import Scene, utc_now
from tests.support.social_reports import example
from tests.world import HOSPITAL, NGO, NIGHT, POLICE, SAME_WOMAN, TOVHOLDER

SENDERS, PAUSE_S = 3, 0.3
TOVHOLDERS = 2
REPORT_PAUSE_S = 1.0
LOOK_S = 0.2
HEAL_S = 60.0
REPORTS = {POLICE: NIGHT, HOSPITAL: SAME_WOMAN}
ANNA: Any = {"person": "anna", "name": "Anna Ansat", "purpose": "referral"}


class Load:
    """Everybody, each in a thread."""

    def __init__(self, scene: Scene, journal: Journal) -> None:
        self._scene, self._journal = scene, journal
        self._stop = threading.Event()
        self.failures: list[BaseException] = []
        for consent in scene.ending:
            journal.write("ended", consent)
        works: list[Callable[[], None]] = [partial(self._reporter, slug) for slug in REPORTS]
        works += [partial(self._caseworker, n) for n in range(SENDERS)]
        works += [partial(self._tovholder, n) for n in range(TOVHOLDERS)]
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let everybody finish what is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failures.append(error)

    def _reporter(self, slug: str) -> None:
        """Drops reports in the program's folder: from then on they are the program's to deliver."""
        drop = self._scene.folder / slug / "drop"
        while not self._stop.wait(REPORT_PAUSE_S):
            report = {**example(REPORTS[slug]), "report_id": str(uuid4())}
            written = drop / f"{report['report_id']}.new"
            written.write_text(json.dumps(report))
            self._journal.write("handed-in", report["report_id"])
            written.rename(written.with_suffix(".json"))

    def _caseworker(self, first: int) -> None:
        with self._client() as client:
            for number in range(first, 10**6, SENDERS):
                if self._stop.wait(PAUSE_S):
                    return
                self._assess(client, self._scene.cases[number % len(self._scene.cases)])

    def _tovholder(self, first: int) -> None:
        """A consent is given, the NGO told, what it was told opened there, and the consent withdrawn."""
        cases, opened = self._scene.consenting[first::TOVHOLDERS], list[str]()
        with self._client() as client, closing(Ngo.of(self._scene.partners[NGO])) as ngo:
            for number in count():
                if self._stop.wait(PAUSE_S):
                    return
                case = cases[number % len(cases)]
                consent = self._consent(client, case)
                self._assess(client, case)
                opened += self._opened(ngo, case)
                self._post(client, f"/v1/cases/{case}/consents/{consent}/withdrawal", {})
                self._journal.write("withdrawn", consent)
                with suppress(HubUnreachable):
                    for message in keys_given(self._scene, opened):
                        self._journal.write("opened", message)

    def _opened(self, ngo: Ngo, case: UUID) -> list[str]:
        """A person at the NGO opens the newest that can be opened; none where all stop first."""
        deadline = time.monotonic() + HEAL_S
        while not self._stop.wait(LOOK_S):
            assert time.monotonic() < deadline, "the NGO was never told"
            for line in reversed(ngo.messages()):
                if line.thread == self._scene.threads[case]:
                    with suppress(HubUnreachable, NoLongerOpen):
                        ngo.open_message(line.message_id, **ANNA)
                        self._journal.write("opened", str(line.message_id))
                        return [str(line.message_id)]
        return []

    def _consent(self, client: httpx2.Client, case: UUID) -> str:
        now = utc_now()
        asked = {
            "recipients": [NGO],
            "categories": ["risk"],
            "purpose": "Samtaleforløb",
            "form": "oral",
            "given_at": now.isoformat(),
            "ends_at": (now + timedelta(days=90)).isoformat(),
        }
        return str(self._post(client, f"/v1/cases/{case}/consents", asked)["consent"])

    def _assess(self, client: httpx2.Client, case: UUID) -> None:
        mark = f"mark-{uuid4()}"
        asked = {
            "instrument": "sara-v3",
            "instrument_version": "3",
            "answers": {"item-1": "yes"},
            "judgement": "high",
            "reason": mark,
        }
        self._post(client, f"/v1/cases/{case}/assessments", asked)
        self._journal.write("acknowledged", mark)

    def _client(self) -> httpx2.Client:
        return httpx2.Client(base_url=f"http://127.0.0.1:{self._scene.port}", timeout=15)

    def _post(self, client: httpx2.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The same request under the same key, until the hub says that it is done."""
        key, deadline = str(uuid4()), time.monotonic() + HEAL_S
        while True:
            login = f"Bearer {self._scene.issuer.token(TOVHOLDER.person)}"
            try:
                headers = {"Authorization": login, "Idempotency-Key": key}
                answer = client.post(path, json=body, headers=headers)
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code == 201:
                found: dict[str, Any] = answer.json()
                return found
            assert answer is None or answer.status_code == 503, f"{answer.status_code} {answer.text}"
            assert time.monotonic() < deadline, "the hub never came back"
            time.sleep(LOOK_S)


def keys_given(scene: Scene, messages: Sequence[str]) -> Iterator[str]:
    """Those of which the hub gives the NGO a key, to its program or to a person. Raises `HubUnreachable`."""
    with closing(Link.of(scene.partners[NGO])) as link:
        for message in map(UUID, messages):
            with suppress(Refused):
                if link.hub.head_keys([message]) or link.hub.open(message, **ANNA):
                    yield str(message)
