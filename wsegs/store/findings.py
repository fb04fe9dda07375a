"""What a verification found: one line each, about one image or the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass
class Findings:
    """What was checked in a file, and what is wrong with it.

    Attributes
    ----------
    path
        The file.
    kind
        What the file is.
    checked
        What was looked at, for the summary: name -> count, or what there was to check by.
    lines
        What is wrong, each beginning with the image where it is about one.
    """

    path: Path
    kind: Literal["mask store", "landmark table"]
    checked: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, problem: str, image: str | None = None) -> None:
        """Add a finding about the file or one of its images."""
        self.lines.append(problem if image is None else f"{image}: {problem}")

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"file": str(self.path), "kind": self.kind, "checked": self.checked, "findings": self.lines}
