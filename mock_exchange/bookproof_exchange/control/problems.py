"""Refusals of the control API: what was expected, what was found, and how to mend it, as application/problem+json."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from bookproof_exchange.control import model
from bookproof_exchange.dialects.api import HttpAnswer
from bookproof_exchange.scenario.problems import Problem as ScenarioProblem

MEDIA = "application/problem+json"
_EXPECTED = re.compile(r"expected (?P<expected>.*), found (?P<found>.*)", re.DOTALL)


class Refusal(Exception):
    """A request that is not fulfilled."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        hint: str | None = None,
        errors: Iterable[model.Wrong] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.errors = tuple(errors)
        self.headers = headers

    def answer(self) -> HttpAnswer:
        problem = model.Problem(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            hint=self.hint,
            errors=self.errors,
        )
        headers = (("content-type", MEDIA), ("cache-control", "no-store"), *self.headers)
        return HttpAnswer(status=self.status, body=msgspec.json.encode(problem), headers=headers)


def bad(field: str, expected: str, found: str, *, hint: str | None = None, status: int = 400) -> Refusal:
    """One field of the request is not what it has to be."""
    detail = f"expected {expected}, found {found}"
    error = model.Wrong(detail=detail, field=field, expected=expected, found=found, hint=hint)
    return Refusal(status, f"{field}: {detail}" if field else detail, hint=hint, errors=(error,))


def of_scenario(problems: Iterable[ScenarioProblem], prefix: str, *, status: int = 422) -> Refusal:
    """What the scenario loader objects to. ``prefix``: what its fields begin with and the request's do not."""
    errors = []
    for problem in problems:
        parts = _EXPECTED.fullmatch(problem.message)
        field = problem.field.removeprefix(prefix).removeprefix(".")
        errors.append(
            model.Wrong(
                detail=problem.message,
                field=field,
                expected=parts["expected"] if parts else None,
                found=parts["found"] if parts else None,
                hint=problem.hint,
            )
        )
    first = errors[0]
    more = f" [and {len(errors) - 1} more]" if len(errors) > 1 else ""
    detail = f"{first.field}: {first.detail}" if first.field else first.detail
    return Refusal(status, detail + more, hint=first.hint, errors=errors)
