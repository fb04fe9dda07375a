from __future__ import annotations

from pathlib import Path

import pytest

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.training.recipe import Recipe, load_recipe, read_recipe, write_recipe
from wsegs.training.schedule import plan_steps

SHIPPED = Path(__file__).parents[2] / "models"


def test_attparsenet_is_that_of_the_paper() -> None:
    recipe = load_recipe("attparsenet")
    assert recipe.size == (218, 178)
    assert [(stage.epochs, stage.losses) for stage in recipe.stages] == [
        (10, {"segmentation": 1}),
        (22, {"segmentation": 1, "attributes": 1}),
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
    assert baseline.losses == {"attributes"}
    assert len(baseline.stages) == 1


def test_support_vector_machines_have_no_prior() -> None:
    assert load_recipe("region-probe", {"fit": {"loss": "svm", "penalties": [1]}}).fit.prior == 1
    with pytest.raises(DataError, match=r"fit: loss: svm: expected prior: 1, since scikit-learn takes none, got 10"):
        load_recipe("region-probe", {"fit.loss": "svm"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: adam ", "name: adom ", r"line \d+: optimizer.name: expected 'adam', .*, got 'adom'"),
        ("flips: true", "flipz: true", r"line \d+: unknown key 'flipz'; expected one of .*; did you mean 'flips'"),
        ("epochs: 22", "epochs: -2", r"line \d+: stages.1.epochs: expected greater than 0, got -2"),
        (
            "segmentation: 1, a",
            "segmantation: 1, a",
            r"line \d+: stages.1.losses.segmantation: expected .*segmentation",
        ),
        ("size: 218x178", "size: 218", r"line \d+: size: expected .*got 218"),
        ("size: 218x178", "size: 218x", r"line \d+: size: expected HEIGHTxWIDTH such as 218x178, got '218x'"),
        ("version: 1", "version: 2", r"line \d+: version: expected 1, got 2"),
        ("version: 1", "&a version: 1\n&a sead: 2", r"line \d+: unknown key 'sead'"),  # ruamel warned; libFuzzer
        ("batch_size: 32", "batch_size: [1", r"line \d+: not YAML"),
        ("batch_size: 32", "batch_size: !!python/object:os.system 1", r"line \d+: expected plain data, got the tag"),
        ("seed: 0", "seed: 1\nseed: 2", r"line \d+: 'seed' is there twice"),
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


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        *((name, 40_000) for name in ("basic", "ssp", "ssg", "naive", "bbox", "sppnet")),
        *((name, 75_000) for name in ("parser", "joint")),
    ],
)
def test_recipes_state_the_settings_of_kalayeh_gong_and_shah(name, steps) -> None:
    recipe = load_recipe(name)
    assert (recipe.size, recipe.batch_size, recipe.flips) == ((218, 178), 32, True)
    if "attributes" in recipe.tasks:
        assert recipe.tasks["attributes"].options == {"balance": "none", "held_out": [], "smoothing": 0.0}
    assert (recipe.optimizer.name, recipe.optimizer.learning_rate, recipe.optimizer.weight_decay) == (
        *("adagrad", 0.001, 0.0005),
    )
    assert recipe.schedule.name == "constant"
    assert recipe.network.options["width"] == 1
    # The steps end it, whatever the number of images; they are rounded down to rounds of equal length.
    for images in (2_000, 162_770):
        assert steps - 50 < plan_steps(recipe, images).steps <= steps


def test_pooling_by_region_is_data_of_the_recipe() -> None:
    pooling = load_recipe("ssp").network.options["pooling"]
    assert {region for region, kind in pooling.items() if kind == "max"} == {"eyes", "eyebrows", "nose", "mouth"}
    assert pooling["default"] == "average"


def test_a_recipe_comes_back_with_its_regions(tmp_path) -> None:
    recipe = load_recipe("joint", {"tasks.parsing.from": "store", "tasks.parsing.store": "other.h5"})
    write_recipe(tmp_path / "recipe.yaml", recipe)
    assert read_recipe(tmp_path / "recipe.yaml") == recipe
    recipe = load_recipe("bbox", {"regions.aspects": [1, 3]})
    write_recipe(tmp_path / "recipe.yaml", recipe)
    assert read_recipe(tmp_path / "recipe.yaml") == recipe


def test_mistakes_in_regions_name_field_and_line(tmp_path) -> None:
    text = (SHIPPED / "ssp.yaml").read_text()
    path = tmp_path / "mine.yaml"
    line = text[: text.index("  from: parser")].count("\n") + 1
    path.write_text(text.replace("  from: parser", "  form: parser"))
    with pytest.raises(DataError, match=rf"line {line}: regions: unknown key 'form'; expected .*; did you mean 'from'"):
        read_recipe(path)
    path.write_text(text.replace("  from: parser", "  from: parsers"))
    with pytest.raises(DataError, match=rf"line {line}: regions.from: expected 'parser', 'store'"):
        read_recipe(path)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000 + "]" * 5000,
        "".join(f"{' ' * depth}a:\n" for depth in range(3000)),
        "a: &a [1, 1]\n"
        + "".join(f"{n}: &{n} [*{o}, *{o}, *{o}, *{o}]\n" for o, n in zip("abcdefghijk", "bcdefghijkl", strict=True)),
        "name: " + "x" * 5_000_000,
        "a: 1\n" * 2_000_000,
    ],
    ids=["lists", "mappings", "aliases", "a long line", "many lines"],
)
def test_what_fuzzing_found_is_refused_at_once(tmp_path, text):
    """Deep nesting was a RecursionError, and a long line took a minute."""
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(DataError, match=r"r\.yaml: "):
        load_recipe(str(tmp_path / "r.yaml"))
