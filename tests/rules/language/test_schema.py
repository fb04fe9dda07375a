"""The published JSON Schema is that of the model, and says of files what the model says."""

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.rules.drawing.test_properties import EVERYTHING
from tests.rules.language.test_errors import HEAD, MISTAKES
from tests.rules.test_shipped import EXAMPLES
from wsegs.io.files import shipped_folder
from wsegs.rules.language.schema import rule_schema, schema_text

RULES = shipped_folder("rules")
# What only a schema of keys and types can see.
OF_STRUCTURE = (
    "unknown key", "unknown shape", "unknown key of the file", "unknown key of a line", "unknown key of an attribute",
    "no regions", "a point of three", "wrong space", "mirror that is a word",
)  # fmt: skip


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(rule_schema())
    return jsonschema.Draft202012Validator(rule_schema())


def test_the_published_schema_is_that_of_the_model():
    """``wsegs rules schema -o rules/schema.json --force`` writes it anew."""
    assert (RULES / "schema.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.slow
def test_files_that_compile_fit_the_schema(validator):
    shipped = [path.read_text(encoding="utf-8") for path in RULES.glob("*.yaml")]
    assert len(shipped) >= 2
    removing = "extends: celeba\nregions: {ears: ~, eyes: {polygon: 36..41}}\n"
    for text in (*shipped, *EXAMPLES, EVERYTHING, removing):
        errors = list(validator.iter_errors(YAML(typ="safe", pure=True).load(text)))
        assert errors == [], text[:200]


@pytest.mark.parametrize("name", OF_STRUCTURE)
def test_files_of_another_structure_do_not(validator, name):
    data = YAML(typ="safe", pure=True).load(HEAD + MISTAKES[name][0])
    assert not validator.is_valid(data)


def test_every_key_is_explained():
    properties = rule_schema()["properties"]
    silent = [name for name, value in properties.items() if "description" not in value]
    assert set(silent) <= {"version", "description"}
