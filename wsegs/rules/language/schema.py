"""The JSON Schema of rule files for editors, from the model that checks them."""

from __future__ import annotations

import json
from typing import Any

from wsegs.rules.language.model import RuleFile
from wsegs.rules.language.model_errors import REQUIRED, SECTIONS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def rule_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a rule file.

    It covers keys, types and shapes. Only ``wsegs rules check`` knows which landmarks exist and whether an expression
    parses.
    """
    schema = _any_of(RuleFile.model_json_schema())
    properties = schema["properties"]
    # A file that extends another one has only the differences; an entry without a value is removed.
    schema.pop("required")
    schema["anyOf"] = [{"required": ["extends"]}, {"required": list(REQUIRED)}]
    for section in SECTIONS:
        entries = properties[section]
        entries["additionalProperties"] = {"anyOf": [entries["additionalProperties"], {"type": "null"}]}
    properties["regions"].pop("minProperties", None)
    schema["title"] = "wsegs rule file"
    return {"$schema": _DIALECT, **schema}


def _any_of(part: Any) -> Any:
    """Return a schema with ``anyOf`` for ``oneOf``: a list of two numbers is a point and a list of landmarks.

    ``additionalProperties: true`` of newer pydantic is dropped: it is the default.
    """
    if isinstance(part, dict):
        kept = {key: value for key, value in part.items() if (key, value) != ("additionalProperties", True)}
        return {"anyOf" if key == "oneOf" else key: _any_of(value) for key, value in kept.items()}
    return [_any_of(value) for value in part] if isinstance(part, list) else part


def schema_text() -> str:
    """Return the schema as it is published in ``rules/schema.json``."""
    return json.dumps(rule_schema(), indent=1) + "\n"
