from tests.training.conftest import faces, run_folder, store, table  # noqa: F401 (fixtures)
