from tests.training.conftest import faces, store, table  # noqa: F401 (fixtures)
