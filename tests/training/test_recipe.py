from __future__ import annotations

from pathlib import Path

import pytest

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.training.recipe import Recipe, load_recipe, read_recipe, write_recipe

SHIPPED = Path(__file__).parents[2] / "models"


def test_attparsenet_is_that_of_the_paper() -> None:
    recipe = load_recipe("attparsenet")
    assert recipe.size == (218, 178)
    assert [(stage.epochs, stage.losses) for stage in recipe.stages] == [
        (10, {"segmentation": 1}),
        (22, {"segmentation": 1, "recognition": 1}),
    ]
    assert (recipe.optimizer.name, recipe.optimizer.learning_rate) == ("adam", 0.001)
    assert recipe.schedule.name == "constant"


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_recipe_loads_and_survives_writing(file, tmp_path) -> None:
    recipe = load_recipe(str(file))
    write_recipe(tmp_path / "recipe.yaml", recipe)
    assert read_recipe(tmp_path / "recipe.yaml") == recipe


def test_the_defaults_are_those_of_the_shipped_recipe() -> None:
    recipe = load_recipe("attparsenet")
    minimal = {"version": 1, "network": recipe.network, "size": "218x178", "stages": recipe.stages}
    assert Recipe.model_validate(minimal) == recipe


def test_flags_override_and_none_does_not() -> None:
    recipe = load_recipe("attparsenet", {"network.width": 0.25, "size": (109, 89), "seed": None, "max_steps": 7})
    assert recipe.network.options["width"] == 0.25
    assert (recipe.size, recipe.seed, recipe.max_steps) == ((109, 89), 0, 7)


def test_the_baseline_has_as_many_epochs_and_no_masks() -> None:
    recipe = load_recipe("attparsenet")
    baseline = recipe.without_segmentation()
    assert baseline.epochs == recipe.epochs
    assert baseline.losses == {"recognition"}
    assert len(baseline.stages) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: adam ", "name: adom ", r"line \d+: optimizer.name: expected 'adam', .*, got 'adom'"),
        ("flips: true", "flipz: true", r"line \d+: unknown field 'flipz'; did you mean 'flips'"),
        ("epochs: 22", "epochs: -2", r"line \d+: stages.1.epochs: expected greater than 0, got -2"),
        (
            "segmentation: 1, r",
            "segmantation: 1, r",
            r"line \d+: stages.1.losses.segmantation: expected .*segmentation",
        ),
        ("size: 218x178", "size: 218", r"line \d+: size: expected .*got 218"),
        ("size: 218x178", "size: 218x", r"line \d+: size: expected HEIGHTxWIDTH such as 218x178, got '218x'"),
        ("version: 1", "version: 2", r"line \d+: version: expected 1, got 2"),
        ("batch_size: 32", "batch_size: [1", r"line \d+: not YAML"),
        ("batch_size: 32", "batch_size: !!python/object:os.system 1", r"not YAML"),
        ("seed: 0", "seed: 1\nseed: 2", r"line \d+: not YAML"),
    ],
)
def test_a_wrong_recipe_is_one_line_with_file_line_and_field(tmp_path, old, new, message) -> None:
    text = (SHIPPED / "attparsenet.yaml").read_text()
    assert old in text
    file = tmp_path / "wrong.yaml"
    file.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=message) as caught:
        read_recipe(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_a_wrong_flag_is_named_by_itself() -> None:
    with pytest.raises(OptionError, match=r"^--learning-rate: expected greater than 0, got -1"):
        load_recipe("attparsenet", {"optimizer.learning_rate": -1})


@pytest.mark.parametrize("content", ["", "- 1\n", "just text\n"])
def test_a_file_that_is_no_recipe(tmp_path, content) -> None:
    (tmp_path / "none.yaml").write_text(content)
    with pytest.raises(DataError, match="expected the fields of a recipe"):
        read_recipe(tmp_path / "none.yaml")


def test_a_missing_recipe_names_the_shipped_ones() -> None:
    with pytest.raises(MissingError, match="attparsenet"):
        load_recipe("attparsnet")
