"""The command line. Every failure is one line that says what to do; nobody meets a traceback."""

import base64
import json
import os
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from hub import demo as story
from hub import logs
from hub.adapters.broker.kafka_admin import grant_partner
from hub.adapters.http.tokens import NO_ISSUER
from hub.bootstrap import Parts, broker_of, build, initialise, kafka_settings
from hub.bootstrap.kept import foreign_keys
from hub.demo.playing import ON_CALL
from hub.demo.sandbox import Kind
from hub.demo.sandbox import play as play_to_partner
from hub.errors import Corrupt, Invalid, Missing, NoTopic
from hub.measures import ROLES, Measures
from hub.operating.condition import Condition
from hub.operating.doctor import examine
from hub.operating.partner_commands import partner, person
from hub.operating.process import end_at_once, end_within, settle, stopped
from hub.operating.replaying import replay
from hub.operating.restoring import refuse_forgetful, restore
from hub.operating.serving import Server, app_of, openapi
from hub.operating.serving_workers import serve_in_workers
from hub.operating.telling import told
from hub.operating.working import (
    Worker,
    Workers,
    follower_of,
    heartbeats_of,
    projectors,
    receivers,
    relay_of,
    timers_of,
)
from hub.ports import Waits
from hub.projections import disclosures
from hub.settings import Settings, unknown
from hub.topics.projecting import PROJECTIONS

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(partner, name="partner")
app.add_typer(person, name="person")
Port = Annotated[int, typer.Option(help="where pages and API are served; 0: on one that is free")]


def _settings() -> Settings:
    return Settings()


@app.command()
def init() -> None:
    """Make the key-encryption key, the fence, the hub's own keys and the tables. Overwrites nothing."""
    settings = _settings()
    made = initialise(settings)
    print(f"ready: {settings.database}")
    if made:
        print(
            f"keep a copy of keys (all of it), hub.json and fence in {settings.data_dir} where the database's"
            " backups are not: without them all is lost"
        )


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables, and tell the fence what it does not know to be gone.

    To be run as the database's owner, before the processes start.
    """
    with closing(build(_settings(), migrate=True)) as parts:
        added = parts.app.keys.fence_in()
    print("migrated")
    if added:
        print(f"the fence did not know of {added} keys that are gone: now it does")


def _passwords(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise Invalid('--passwords: one JSON object, {"<partner>": "<password>", …}', field="passwords")
    return found


@app.command()
def keys() -> None:
    """Print the hub's public keys, for partners: in hex, and in base64 as their configuration has it."""
    with closing(build(_settings())) as parts:
        public = parts.identity.public
    for name, key in (("hub_sealing_key", public.sealing), ("hub_signing_key", public.signing)):
        print(f"{name}  {key.hex()}  {base64.b64encode(key).decode()}")


@app.command()
def topics(
    passwords: Annotated[
        Path | None, typer.Option(help="JSON of slug → password: make the brokers' users and ACLs too")
    ] = None,
) -> None:
    """Create the topics of every partner; with passwords also its user and its three rights."""
    settings = _settings()
    logins = _passwords(passwords)
    if logins and not settings.kafka_bootstrap:
        raise Invalid("--passwords needs Kafka, for the embedded bus has no logins: set HUB_KAFKA_BOOTSTRAP")
    with closing(build(settings)) as parts, closing(broker_of(settings)) as broker:
        slugs = [row.slug for row in parts.app.store.partners()]
        if logins.keys() - set(slugs):
            raise Invalid(f"--passwords names one that is no partner; registered are: {', '.join(slugs)}")
        broker.create_topics(parts.outgoing.topics(slugs), settings.topic_retention_days)
        for slug, password in logins.items():
            grant_partner(kafka_settings(settings), slug, settings.municipality, password)
        print(f"topics of: {', '.join(sorted(slugs))}")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="the address to answer at")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: one that is free")] = 8000,
) -> None:
    """Serve the API and the pages, in one process or in as many as HUB_SERVE_WORKERS says."""
    end_at_once()
    settings = _settings()
    with _fit(settings) as parts:
        server = Server(app_of(parts, None), host, port)
        _begins(f"serving {server.url}", settings)
        if settings.serve_workers == 1:
            with _measured(parts.measures, settings, "serve"):
                settle()
                server.serve()
            return
    raise typer.Exit(serve_in_workers(settings, server.socket))


@app.command()
def relay() -> None:
    """Send what is stored to its recipients' topics. One at a time: a second one waits."""
    _work("relay", lambda parts, broker: [relay_of(parts, broker)])


@app.command()
def resend(
    slug: Annotated[str, typer.Argument(help="the partner's")],
    epoch: Annotated[int, typer.Option(help="of the number from which on to send again")] = 0,
    after: Annotated[int, typer.Option(help="the last sequence that the partner has")] = 0,
) -> None:
    """Send a partner's messages once more, all or those after a number; what has ended goes as a blank."""
    settings = _settings()
    with _fit(settings) as parts, closing(broker_of(settings)) as broker:
        row = parts.app.store.partner(slug)
        if row is None or not row.active:
            raise Missing("no partner is registered under that name, or it is suspended", field="slug")
        print(f"sent {parts.relay(broker).resend(slug, (epoch, after))} messages to {slug} again")


@app.command()
def project() -> None:
    """Keep the read models up with the topics and the log."""
    _work("project", lambda parts, _: [follower_of(parts)], projectors)


@app.command()
def receive() -> None:
    """Take in what partners write to their topics, and end what has reached its end in time."""
    _work("receive", lambda parts, _: [timers_of(parts), heartbeats_of(parts)], receivers)


@app.command()
def restored() -> None:
    """After a backup was restored, before anything runs: end again what ended since, read again what came."""
    settings = _settings()
    with closing(build(settings)) as parts, closing(broker_of(settings)) as broker:
        found = restore(parts, broker)
    print(f"numbers begin anew in epoch {found.epoch}")
    print(f"ended again: {found.ended} grants of {found.cases} cases")
    if found.damaged:
        print(f"{found.damaged} cases are damaged and were not looked at: see the runbook")
    print(f"read again: {found.read} messages of partners")


@app.command("replay")
def replay_dead_letters(
    dead_letter: Annotated[bool, typer.Option(help="what partners sent and could not be used")] = False,
) -> None:
    """Take in what could not be used when it came and can be used now; each message happens once."""
    if not dead_letter:
        raise Invalid("say what is to be taken in once more: `hub replay --dead-letter`")
    settings = _settings()
    with _fit(settings) as parts, closing(broker_of(settings)) as broker:
        found = replay(parts, broker)
    print(f"taken in {found.taken}, still unusable {found.unusable}, not from a partner {found.other}")


@app.command()
def doctor() -> None:
    """Look at everything that the hub stands on; each thing amiss is a line with what to do about it."""
    settings = _settings()
    amiss = 0
    with ExitStack() as opened:
        for name, found in examine(
            settings,
            lambda: opened.enter_context(closing(build(settings))),
            lambda: opened.enter_context(closing(broker_of(settings))),
        ):
            print(f"{'ok  ' if found is None else 'FAIL'}  {name}{f': {found}' if found else ''}")
            amiss += found is not None
    if not settings.issuer:  # Without one all else works, as where a hub is tried out.
        print(f"warn  issuer: `hub serve` does not start without one: {NO_ISSUER}")
    raise typer.Exit(1 if amiss else 0)


@app.command()
def status() -> None:
    """How many messages wait where, and for how long: outbox, views, partners, dead letters."""
    settings = _settings()
    with closing(build(settings)) as parts, closing(broker_of(settings)) as broker:
        found: list[Waits] = []
        try:
            for waits in Condition(parts, broker).all():
                found.append(waits)  # noqa: PERF402 (what was found before the broker is away counts)
        except NoTopic:
            found.clear()  # Half a table would look like an answer.
            raise
        finally:
            for waits in found:
                since = "" if waits.seconds is None else f"  for {waits.seconds:.0f} s"
                print(f"{waits.what:<40} {waits.count}{since}")


@app.command()
def rebuild(
    view: Annotated[str, typer.Argument(help=", ".join(sorted([*PROJECTIONS, disclosures.NAME])))],
    owner: Annotated[
        str, typer.Argument(help=f"whose: the unit's slug; of {disclosures.NAME}: {disclosures.OWNER}")
    ],
) -> None:
    """Fill a view anew from the stored messages while the old one answers; stopped, it goes on later."""
    from hub.operating.rebuilding import rebuild as fill

    with closing(build(_settings())) as parts:
        for done, total in fill(parts, view, owner):
            print(f"{view} of {owner}: {done} of {total}")


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="end when the story ends")] = False,
    port: Port = 0,
) -> None:
    """Play the whole story with fictitious people, and keep serving it."""
    raise typer.Exit(story.play(once=once, port=port))


@app.command()
def sandbox(
    folder: Annotated[Path, typer.Argument(help="where everything of it lies; made if it is not there")],
    kind: Annotated[Kind, typer.Option(help="what the partner is")] = Kind.NGO,
    port: Port = 0,
) -> None:
    """Give a partner's developer a municipality to try a program against, with made-up cases."""
    raise typer.Exit(play_to_partner(folder, kind, port))


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def conformance(context: typer.Context) -> None:
    """Play a hub against a partner's program and print what falls short; `--help` says how to describe it."""
    from contracts.conformance.__main__ import main as judge

    raise typer.Exit(judge(context.args))


@app.command("openapi")
def print_openapi() -> None:
    """Print the OpenAPI document of this version."""
    print(json.dumps(openapi(), indent=2, ensure_ascii=False, sort_keys=True))


@contextmanager
def _fit(settings: Settings) -> Iterator[Parts]:
    """A hub for what serves or works: none begins on what was put back and is not set right."""
    with closing(build(settings)) as parts:
        refuse_forgetful(parts)
        if amiss := foreign_keys(parts.app, settings):
            raise Corrupt(amiss)
        yield parts


def _begins(role: str, settings: Settings) -> None:
    broker = settings.kafka_bootstrap or "embedded bus"
    print(f"{role}: database {settings.database}, broker {broker}", flush=True)


def _work(
    role: str,
    make: Callable[[Parts, Any], list[Worker]],
    more: Callable[[Parts, Any, Container[str]], list[Worker]] = lambda *_: [],
) -> None:
    end_at_once()
    settings = _settings()
    with _fit(settings) as parts, closing(broker_of(settings)) as broker:
        if role == "relay":
            # One process is enough to say what waits; it is the one that there is only one of.
            parts.measures.watch(Condition(parts, broker).all)
        workers = Workers(make(parts, broker), lambda known: more(parts, broker, known), parts.measures)
        settle()
        stop = stopped()
        with _measured(parts.measures, settings, role):
            _begins(role, settings)
            workers.start()
            stop.wait()
            end_within()
            workers.stop()


@contextmanager
def _measured(measures: Measures, settings: Settings, role: str) -> Iterator[None]:
    """Answer a monitor as long as the process works, where the settings say so; log what it does."""
    logs.tell_all()
    first = settings.metrics_port
    with measures.answering(None if first is None else first + ROLES.index(role)):
        yield


def main() -> None:
    """Run a command; a failure is a line on standard error and status 1."""
    logs.begin(sys.stderr)
    if strangers := unknown(os.environ):
        print(f"hub: warning: no setting, and not used: {', '.join(strangers)}", file=sys.stderr)
    try:
        app()
    except Exception as error:
        # No advice names the duty number, which the demonstration does without.
        sys.exit(f"hub: {told(error, partial(Settings, on_call=ON_CALL))}")


if __name__ == "__main__":
    main()
