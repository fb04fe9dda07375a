"""Check the keys and types of a rule file: every mistake at once, each with its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from wsegs.errors import RuleError
from wsegs.io.files import did_you_mean
from wsegs.io.validation import Mistake, Step, find_mistakes
from wsegs.io.yaml_source import Node
from wsegs.rules.language.model import SHAPE_NAMES, RuleFile

SECTIONS = ("parameters", "regions", "attributes")
REQUIRED = ("version", "scheme", "regions")
# What stands in for a required key that is missing or wrong, so that the rest of the file is checked, too.
_STAND_INS: dict[str, Any] = {"version": 1}
_NO_MERGE_KEYS = "; merge keys are not part of YAML 1.2, 'extends:' changes another file"


def check_model(root: Node) -> tuple[RuleFile | None, list[RuleError]]:
    """Check the keys and types of a rule file.

    Returns
    -------
    What can be used of the file, without the entries that are wrong; None if nothing can.
    Every mistake, with its place, what was expected there and what came.
    """
    data = root.plain()
    try:
        return RuleFile.model_validate(data), []
    except ValidationError as error:
        mistakes = find_mistakes(error, RuleFile)
        wrong = [detail["loc"] for detail in error.errors(include_url=False, include_context=False)]
    errors = [_in_words_of_rules(mistake).error(root) for mistake in mistakes]
    if not isinstance(data, dict):
        return None, errors
    for path in wrong:
        _leave_out(data, path)
    try:
        return RuleFile.model_validate(data), errors
    except ValidationError:
        return None, errors


def _leave_out(data: dict[str, Any], path: tuple[Step, ...]) -> None:
    """Remove the entry that a mistake lies in."""
    first = str(path[0])
    section = data.get(first)
    if first in SECTIONS and isinstance(section, dict) and len(path) > 1:
        section.pop(str(path[1]), None)
    elif first in _STAND_INS:
        data[first] = _STAND_INS[first]
    else:
        data.pop(first, None)


def _in_words_of_rules(mistake: Mistake) -> Mistake:
    """Say what only a rule file's author can mean."""
    if mistake.kind == "union_tag_not_found" and isinstance(mistake.value, dict):
        return replace(mistake, message=_no_shape(mistake.value))
    return replace(mistake, message=mistake.message + _hint(mistake))


def _hint(mistake: Mistake) -> str:
    key = mistake.path[-1] if mistake.path else ""
    if mistake.kind == "extra_forbidden":
        if key in ("let", "minus", "within"):
            return f"; a region with '{key}' has its shapes under 'shapes:'"
        if key == "<<":
            return _NO_MERGE_KEYS
        if key in SHAPE_NAMES:
            return "; a shape is of one kind, a list of shapes is their union"
    if mistake.kind == "too_long" and any("(" in part for part in mistake.value if isinstance(part, str)):
        return "; an expression with a comma needs quotes"
    return ""


def _no_shape(keys: Collection[str]) -> str:
    hint = next(filter(None, (did_you_mean(key, SHAPE_NAMES) for key in keys)), "")
    got = ", ".join(keys) or "none"
    return (
        f"expected a shape: one of {', '.join(SHAPE_NAMES)}; got the keys {got[:80]}"
        f"{_NO_MERGE_KEYS if '<<' in keys else hint}"
    )
