from tests.cli.conftest import masks, run  # noqa: F401 (fixtures)
