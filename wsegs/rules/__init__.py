"""Rules, written in YAML: from landmarks to base regions to attribute masks.

:func:`load_rules` and :func:`compile_rules` return a :class:`RuleSet`. They are imported on first use: OpenCV and
pydantic are not needed to print a help text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsegs.rules.lookup import AttributeLookup
    from wsegs.rules.ruleset import RuleSet, compile_rules, load_rules

__all__ = ["AttributeLookup", "RuleSet", "compile_rules", "load_rules"]


def __getattr__(name: str) -> Any:
    if name == "AttributeLookup":
        from wsegs.rules.lookup import AttributeLookup

        return AttributeLookup
    if name in __all__:
        from wsegs.rules import ruleset

        return getattr(ruleset, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
