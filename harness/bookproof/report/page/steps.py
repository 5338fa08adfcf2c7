"""A scenario in words: one sentence a step."""

from __future__ import annotations

from bookproof.authoring.words import say
from bookproof.report.page.model import Told
from bookproof_exchange.faults.specs import kind_of
from bookproof_exchange.scenario import model


def told(scenario: model.Scenario) -> tuple[Told, ...]:
    """Every step of the script, numbered as in its file."""
    found: list[Told] = []
    for place, step in enumerate(scenario.script, start=1):
        words = say(step)
        match step:
            case model.Inject(fault=fault):
                found.append(Told(place=place, s=f"Fault {kind_of(fault)}: {words}.", kind="fault"))
            case model.Oddity(fault=fault):
                found.append(Told(place=place, s=f"Oddity {kind_of(fault)}: {words}.", kind="oddity"))
            case _:
                found.append(Told(place=place, s=f"{words[:1].upper()}{words[1:]}."))
    return tuple(found)
