"""Run a dbt project as a DAG with Cosmos; dbt has its own environment."""

import os
from pathlib import Path

from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig

PROJECT = Path("/usr/local/airflow/dbt/shop")
DBT = str(Path(os.environ["ASTRO_PYENV_dbt"]).with_name("dbt"))

shop = DbtDag(
    dag_id="shop",
    schedule=None,
    catchup=False,
    project_config=ProjectConfig(PROJECT),
    profile_config=ProfileConfig(
        profile_name="shop", target_name="dev", profiles_yml_filepath=PROJECT / "profiles.yml"
    ),
    execution_config=ExecutionConfig(dbt_executable_path=DBT),
    render_config=RenderConfig(dbt_executable_path=DBT),
)
