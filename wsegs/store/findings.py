"""The findings of a verification: one line each, about an image or the whole file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass
class Findings:
    """What was checked in a file, and what is wrong.

    Attributes
    ----------
    path
        The file.
    kind
        What the file is.
    checked
        Name of a check -> number of images, or what it was checked by.
    lines
        What is wrong; a line about an image begins with its name.
    """

    path: Path
    kind: Literal["mask store", "landmark table", "file of features"]
    checked: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, problem: str, image: str | None = None) -> None:
        """Add a finding about the file or one of its images."""
        self.lines.append(problem if image is None else f"{image}: {problem}")

    def as_json(self) -> dict[str, Any]:
        """Return the findings as JSON holds them."""
        return {"file": str(self.path), "kind": self.kind, "checked": self.checked, "findings": self.lines}
