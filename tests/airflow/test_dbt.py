"""dbt in an environment of its own, run by Cosmos in Airflow."""

import pytest
from tests.airflow.conftest import Example, Runtimes
from tests.bed import standins


@pytest.mark.slow
def test_cosmos_runs_dbt_out_of_its_environment(runtimes: Runtimes, example: Example) -> None:
    """The example's models are built in their order, and Airflow's own Python knows nothing of dbt."""
    engine = runtimes(standins.ASTRO_3)
    image = engine.build(example("dbt", {})).image
    script = (
        "airflow db migrate > /tmp/log 2>&1; airflow dags test shop 2025-01-02 > /tmp/log 2>&1 || cat /tmp/log; "
        '"$ASTRO_PYENV_dbt" -c \'import duckdb; '
        'print(duckdb.connect("/tmp/shop.duckdb").execute("select amount from total").fetchone()[0])\'; '
        "python -c 'import dbt.adapters' 2>&1 | tail -1"
    )
    said = engine.run(image, "bash", "-c", script, options=("--env=AIRFLOW__CORE__LOAD_EXAMPLES=false",))
    assert said.splitlines() == ["100", "ModuleNotFoundError: No module named 'dbt.adapters'"]
