"""The command: exit status 0 when nothing falls short, 1 when something does, 2 when it can't be tried."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contracts.conformance import recipient, reporter
from contracts.conformance.adapter import BadDescription, Description
from contracts.conformance.shared import Play
from contracts.conformance.stage import Finding, Short, Stage

_HELP: Final = """\
Plays a municipality's hub on this machine, starts your program against it in a new folder for each scenario,
and prints what falls short, one line each, with the rule in BYTES.md.

Your program is described in a TOML file; commands are run in that file's folder, without a shell:

  role = "recipient"                                        # or "reporter"
  run = ["program", "--config", "{settings}", "run"]        # until stopped; is started again if it ends
  open = ["program", "--config", "{settings}", "open", "{message}", "{person}", "{name}", "{purpose}"]
  answer = ["program", "--config", "{settings}", "accept", "{referral}", "{person}", "{name}"]

and of a reporter: submit, with {report}, a path; status, if it has one; kind = its unit.kind.
{settings} is a JSON file with municipality, slug, hub_url, token_url, username (your client id),
hub_sealing_key and hub_signing_key (base64), keys (folder of your sealing.pem and signing.pem, by the latter
you log in; after a change former/<any name>/sealing.pem too), data (the folder for whatever the program
keeps: it is searched), duty_number, poll_s (how long to wait when there is nothing to do), and in the Kafka
profile kafka.bootstrap. With login = "secret" also password: you log in by that. A table [settings] adds
others of your own. `open` prints what the parts hold. `answer` accepts a referral. group names your consumer
group ("{slug}.adapter").
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios; the exit status."""
    found = _parser().parse_args(arguments)
    try:
        description = Description.load(found.adapter)
        plays = _plays(description, found.scenario)
    except BadDescription as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if found.kafka is not None and not _reached(found.kafka):
        return 2
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
        for name, play in plays.items():
            short, tail = run(description, name, play, Path(scratch) / name, found.patience, found.kafka)
            findings += short
            sys.stdout.write(f"{'short' if short else 'ok':5}  {name}: {_first(play)}\n")
            for finding in short:
                sys.stdout.write(f"       {finding}\n")
            if short and found.verbose:
                sys.stdout.write(tail + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(findings)} findings in {len(plays)} scenarios\n")
    return 1 if findings else 0


def run(
    description: Description, name: str, play: Play, folder: Path, patience_s: float, kafka: str | None = None
) -> tuple[list[Finding], str]:
    """Play one scenario in a new folder: what falls short, and the end of what `run` printed."""
    stage = Stage(name, description, folder, patience_s, kafka)
    try:
        play(stage)
    except Short:
        pass  # What is missing is already said, and all that follows would build on it.
    finally:
        stage.close()
    return list(stage.found), stage.program.tail()


def _plays(description: Description, wanted: Sequence[str]) -> dict[str, Play]:
    plays = recipient.SCENARIOS if description.role == "recipient" else reporter.SCENARIOS
    if unknown := sorted(set(wanted) - set(plays)):
        raise BadDescription(f"no scenario {unknown[0]} for a {description.role}: {', '.join(plays)}")
    return {name: play for name, play in plays.items() if not wanted or name in wanted}


def _reached(bootstrap: str) -> bool:
    try:
        from contracts.client.kafka_login import KafkaLogin

        KafkaLogin(bootstrap).reachable()
    except Exception as error:
        sys.stderr.write(f"--kafka: no broker answers at that address ({type(error).__name__})\n")
        return False
    return True


def _first(play: Play) -> str:
    return (play.__doc__ or "").splitlines()[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tvaers-conformance", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("adapter", type=Path, help="the TOML file that describes your program")
    parser.add_argument("--scenario", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds to wait for a thing (20)")
    parser.add_argument(
        "--kafka", metavar="HOST:PORT", help="play the Kafka profile on this broker, no login"
    )
    parser.add_argument("--verbose", action="store_true", help="show the end of what `run` printed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
