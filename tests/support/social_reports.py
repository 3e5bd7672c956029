"""The example reports, and how tests spoil a copy of one and read the refusal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.social_report_v1 import SocialReport

FOLDER = Path(__file__).parents[2] / "contracts" / "examples" / "social_report_v1"
SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.json"))}
REPORTS = {name: SocialReport.model_validate_json(source) for name, source in SOURCES.items()}


def example(name: str = "01-politi-natlig-vold-i-hjemmet") -> dict[str, Any]:
    """A fresh copy, as parsed JSON."""
    loaded: dict[str, Any] = json.loads(SOURCES[name])
    return loaded


def put(report: dict[str, Any], path: str, value: object) -> None:
    """Set what `path` leads to, as in `persons.0.cpr`; the position after the last appends."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = report
    for step in way:
        place = place[step]
    if isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value


def refusal(report: dict[str, Any]) -> str:
    """What a sender is told: every field and message, from Python and from JSON alike."""
    told = []
    read: tuple[Callable[[], object], ...] = (
        lambda: SocialReport.model_validate(report),
        lambda: SocialReport.model_validate_json(json.dumps(report)),
    )
    for reader in read:
        with pytest.raises(ValidationError) as refused:
            reader()
        problems = refused.value.errors(include_input=False, include_context=False, include_url=False)
        told.append(str(refused.value) + json.dumps([(p["loc"], p["msg"]) for p in problems]))
    return "\n".join(told)
