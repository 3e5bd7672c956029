"""The composition root, where parts meet. Nothing is built at import; tests build the same way."""

import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from uuid import UUID, uuid4

from contracts.client.keys import Identity
from contracts.client.party import Party
from contracts.terms import Category, OrganisationKind
from hub.adapters.broker.embedded import EmbeddedBroker
from hub.adapters.broker.kafka import KafkaBroker, KafkaSettings
from hub.adapters.store.application import StoreApplication
from hub.adapters.store.views import TableView, TableViews
from hub.aggregates.base import Actor
from hub.application import Hub, Within
from hub.application.committing import Command, Committer
from hub.application.inbound import Inbound
from hub.application.queries import Queries
from hub.application.room import Room
from hub.application.waiting import Waiting
from hub.application.watching import watched
from hub.bootstrap.kept import AnotherKek, identity_of, kept_identity, opened, write_made_for
from hub.errors import HubError, Invalid, Missing
from hub.gates.covered import Covering
from hub.gates.disclosing import Discloser
from hub.gates.opening import Opener
from hub.gates.outgoing import Outgoing
from hub.keys.keyring import create_kek_file
from hub.measures import Measures
from hub.ports import Broker
from hub.projections import disclosures, hand_overs, intake, receipts, referrals, timeline
from hub.settings import Settings
from hub.topics.dead_letters import DeadLetters
from hub.topics.projecting import PROJECTIONS, Projector, ReadModels
from hub.topics.relay import Relay

VIEWS = (timeline.NAME, intake.NAME, hand_overs.NAME, referrals.NAME, receipts.NAME, disclosures.NAME)


LAST_EVENTS = 20
"""How many of the last events are asked for their time at the start."""


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


class SteadyClock:
    """The later of the clock and the latest time seen: a clock moved back revives no consent (design).

    It begins at the time of the last events in the log, so that a restart forgets nothing.
    """

    def __init__(self, clock: Callable[[], datetime], begins: datetime) -> None:
        self._clock = clock
        self._latest = begins
        self._lock = Lock()

    def __call__(self) -> datetime:
        """Now."""
        with self._lock:
            self._latest = max(self._latest, self._clock())
            return self._latest


def latest_time(app: StoreApplication) -> datetime:
    """The latest time among the last events of the log; what is erased or corrupt has none to tell."""
    times = [datetime.min.replace(tzinfo=UTC)]
    for stored in app.notifications(
        max(0, (app.recorder.max_notification_id() or 0) - LAST_EVENTS), LAST_EVENTS
    ):
        with suppress(HubError):
            times.append(getattr(app.open(stored), "timestamp", times[0]))
    return max(times)


@dataclass(frozen=True, slots=True)
class Parts:
    """The hub, put together."""

    settings: Settings
    app: StoreApplication
    identity: Identity
    hub: Hub
    committer: Committer
    opener: Opener
    inbound: Inbound
    outgoing: Outgoing
    queries: Queries
    views: Mapping[str, TableView]
    waiting: Waiting
    measures: Measures
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]

    def relay(self, broker: Broker) -> Relay:
        """The one that sends."""
        return Relay(self.app.store, broker, self.outgoing, self.measures.sent)

    def party(self, slug: str) -> Party:
        """A recipient whose read model the hub keeps. Raises `Missing`."""
        identity = self.recipient_keys(slug)
        if identity is None:
            raise Missing("the hub keeps no read model for this recipient", field="recipient")
        return Party(self.settings.municipality, slug, identity, self.identity.public)

    def models(self, slug: str, views: Mapping[str, TableView], *, rebuild: bool = False) -> ReadModels:
        """What fills a recipient's views."""
        together = TableViews(self.app.store.database, views)
        return ReadModels(party=self.party(slug), opener=self.opener, views=together, rebuild=rebuild)

    def projector(self, broker: Broker, slug: str) -> Projector:
        """Keeps a recipient's read models up with its topic."""
        return Projector(
            broker=broker,
            party=self.party(slug),
            models=self.models(slug, {name: self.views[name] for name in PROJECTIONS}),
            outgoing=self.outgoing,
            bury=DeadLetters(broker, self.settings.municipality).bury,
        )

    def keeps(self, slug: str) -> bool:
        """Whether the hub keeps this recipient's read model, and so its private keys: the unit's always."""
        return slug == self.settings.unit or self._recipient_folder(slug).exists()

    def recipient_keys(self, slug: str) -> Identity | None:
        """The private keys of a recipient whose read model the hub itself keeps."""
        return kept_identity(self._recipient_folder(slug)) if self.keeps(slug) else None

    def _recipient_folder(self, slug: str) -> Path:
        return self.settings.data_dir / "keys" / "recipients" / slug

    def signing_key_of(self, slug: str) -> bytes | None:
        """The public key by which a partner that may send signs; None for anybody else."""
        row = self.app.store.partner(slug)
        return row.signing_key if row is not None and row.active else None

    def register_unit(self) -> None:
        """The owning unit is a recipient like any other; its keys are the hub's to keep."""
        public = identity_of(self._recipient_folder(self.settings.unit)).public
        self.hub.register_partner(
            Command(by=Actor("hub", "hub", "operator", self.settings.unit)),
            slug=self.settings.unit,
            name=self.settings.unit.replace("-", " ").capitalize(),
            kind=OrganisationKind.MUNICIPAL_UNIT,
            categories=list(Category),
            sealing_key=public.sealing,
            signing_key=public.signing,
            contact={
                "name": self.settings.unit,
                "email": f"{self.settings.unit}@{self.settings.municipality}.example",
                "duty_phone": self.settings.on_call,
            },
        )

    def ready(self) -> None:
        """Raises `Unavailable` where the database is away, `Corrupt` where the keys do not open it."""
        self.app.store.partner(self.settings.unit)
        self.app.keys.prove()

    def takes_reports(self) -> None:
        """As `ready`; raises `NoRoom` too, where the disk keeps its reserve for what may not wait."""
        self.ready()
        Room(self.settings.disks, self.settings.disk_reserve).refuse_below_reserve()

    def close(self) -> None:
        """Let go of connections."""
        self.app.close()


def initialise(settings: Settings) -> bool:
    """Make what is missing: keys, fence, tables, the unit as a recipient. Whether a KEK was made."""
    made, folder_made = not settings.kek_path.exists(), not settings.kek_path.parent.exists()
    for path in (settings.kek_path, settings.fence_path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if made:
        create_kek_file(settings.kek_path)
    try:
        parts = build(settings, migrate=True)
    except BaseException as error:
        # A new key beside an old database opens nothing; left there, it would look like the one to keep.
        if made:
            settings.kek_path.unlink()
            if folder_made:  # Left there, it would be in the way of the copy.
                with suppress(OSError):
                    settings.kek_path.parent.rmdir()
            if isinstance(error, AnotherKek):
                raise Missing(
                    f"{settings.kek_path} is missing, and the database was made with it: put your copy back"
                ) from error
        raise
    try:
        if parts.app.store.partner(settings.unit) is None:
            if parts.app.store.partners():
                raise Invalid(
                    "HUB_UNIT is not the unit that this hub was made for: set that one", field="unit"
                )
            parts.register_unit()
        else:
            kept_identity(settings.data_dir / "keys" / "recipients" / settings.unit)
    finally:
        parts.close()
    write_made_for(settings, parts.identity.public)
    return made


def build(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[], UUID] = uuid4,
    migrate: bool = False,
) -> Parts:
    """Put the hub together over the store that the settings name. Raises `Missing`, `Corrupt`."""
    app, identity = opened(settings, migrate=migrate)
    store, keys = app.store, app.keys
    clock, measures = SteadyClock(clock, latest_time(app)), Measures()
    app.on_commit(measures.wrote)
    measures.destroyed(lambda: keys.erasures() + len(keys.ended()))
    views = {name: app.view(name) for name in VIEWS}
    discloser = Discloser(
        municipality=settings.municipality,
        store=store,
        keys=keys,
        new_id=new_id,
        silent_after=settings.purge_silent_after,
    )
    committer = Committer(
        events=app,
        store=store,
        keys=keys,
        discloser=discloser,
        clock=clock,
        room=Room(settings.disks, settings.disk_reserve),
    )
    opener = _opener(settings, app, committer, new_id)
    hub = _hub(settings, committer, new_id)
    watched(hub, measures)
    return Parts(
        settings=settings,
        app=app,
        identity=identity,
        hub=hub,
        committer=committer,
        opener=opener,
        inbound=_inbound(settings, app, identity, hub, committer, new_id),
        outgoing=Outgoing(store=store, identity=identity, municipality=settings.municipality, clock=clock),
        queries=Queries(
            committer=committer,
            discloser=discloser,
            opener=opener,
            views=views,
            events=app,
            read=hub.record_reading,
            retraction_seen=hub.record_retraction_seen,
            clock=clock,
        ),
        views=views,
        waiting=Waiting(store, views, app.last),
        measures=measures,
        clock=clock,
        new_id=new_id,
    )


def _opener(
    settings: Settings, app: StoreApplication, committer: Committer, new_id: Callable[[], UUID]
) -> Opener:
    return Opener(
        municipality=settings.municipality,
        events=app,
        store=app.store,
        keys=app.keys,
        ledger=committer.ledger,
        covering=Covering(case=committer.case, agreement=committer.agreement),
        barring=committer.barring,
        partner_id=committer.partner_id,
        clock=committer.now,
        new_id=new_id,
    )


def _hub(settings: Settings, committer: Committer, new_id: Callable[[], UUID]) -> Hub:
    within = Within(
        acute_read=settings.acute_read_within,
        referral_answered_working_days=settings.referral_answer_working_days,
    )
    return Hub(
        committer,
        unit=settings.unit,
        on_call=settings.on_call,
        broker_login=settings.kafka_username,
        within=within,
        new_id=new_id,
    )


def _inbound(
    settings: Settings,
    app: StoreApplication,
    identity: Identity,
    hub: Hub,
    committer: Committer,
    new_id: Callable[[], UUID],
) -> Inbound:
    return Inbound(
        hub=hub,
        store=app.store,
        identity=identity,
        municipality=settings.municipality,
        former_keys=committer.former_keys,
        production=settings.production,
        clock=committer.now,
        new_id=new_id,
    )


def broker_of(settings: Settings) -> Broker:
    """The broker that the settings name. Raises `Missing` where a folder would be made for it alone."""
    if not settings.kafka_bootstrap:
        if not settings.data_dir.is_dir():
            raise Missing(f"there is no {settings.data_dir}: run `hub init` first, or see HUB_DATA_DIR")
        return EmbeddedBroker(settings.data_dir / "broker.db")
    return KafkaBroker(kafka_settings(settings))


def kafka_settings(settings: Settings) -> KafkaSettings:
    """How the broker is reached. Raises `Invalid` where its CA certificate can't be read."""
    if settings.kafka_ca is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.kafka_ca)
        except OSError as error:
            why = "holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
            raise Invalid(f"HUB_KAFKA_CA: {settings.kafka_ca}: {why}", field="kafka_ca") from error
    return KafkaSettings(
        bootstrap=settings.kafka_bootstrap,
        ca_path=settings.kafka_ca,
        username=settings.kafka_username or None,
        password=settings.kafka_password.get_secret_value() or None,
        replication_factor=settings.kafka_replication,
    )
