# Stand-ins for Astro Runtime: `base` for its -base tags, `scripts` for the others, `inline` for the others up to
# Runtime 10, whose ONBUILD lines call no scripts. What they share with the real ones: user, ids, home, WORKDIR, ENV,
# SHELL, pip.conf with a further index and constraints, /pyproject.toml with a [tool.uv] table, entrypoint, ONBUILD.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm AS base
ENV AIRFLOW_HOME=/usr/local/airflow PYTHONPATH=/usr/local/airflow ASTRONOMER_USER=astro ASTRONOMER_UID=50000 \
    DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 LC_ALL=C.UTF-8
RUN apt-get update && apt-get install -y --no-install-recommends gosu tini \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 50000 --create-home astro && groupadd astrogroup --gid 101 && usermod --append --groups astrogroup astro
ARG UV
RUN pip install --no-cache-dir --root-user-action=ignore uv==${UV}
ARG AIRFLOW
ARG AS_OF
RUN --mount=type=cache,id=bed-airflow,target=/cache \
    uv pip install --system --no-progress --cache-dir=/cache --link-mode=copy --compile-bytecode \
    --exclude-newer=${AS_OF} apache-airflow==${AIRFLOW} virtualenv
COPY --chmod=755 astro-entrypoint /entrypoint
COPY --chmod=755 install-system-packages install-python-dependencies write-constraints /usr/local/bin/
RUN write-constraints /usr/local/share/astronomer-pip-constraints.txt /usr/local/share/astronomer-index \
    && install --directory --owner=astro "$AIRFLOW_HOME" "$AIRFLOW_HOME/logs"
USER astro
WORKDIR /usr/local/airflow
ENTRYPOINT ["/entrypoint"]
CMD ["airflow", "--help"]

FROM base AS onbuild
SHELL ["/bin/bash", "-o", "pipefail", "-e", "-u", "-x", "-c"]
LABEL io.astronomer.docker.airflow.onbuild=true

FROM onbuild AS inline
ONBUILD COPY packages.txt .
ONBUILD USER root
ONBUILD RUN if [[ -s packages.txt ]]; then \
    apt-get update && cat packages.txt | xargs apt-get install -y --no-install-recommends \
    && apt-get clean && rm -rf /var/lib/apt/lists/*; \
  fi
ONBUILD COPY requirements.txt .
ONBUILD RUN if grep -Eqx 'apache-airflow\s*[=~>]{1,2}.*' requirements.txt; then \
    echo >&2 "requirements.txt must not name apache-airflow: change the base image instead"; exit 1; \
  fi; \
  pip install --no-cache-dir -q -r requirements.txt
ONBUILD USER astro
ONBUILD COPY --chown=astro:astro . .

FROM onbuild AS scripts
ONBUILD COPY packages.txt .
ONBUILD USER root
ONBUILD RUN /usr/local/bin/install-system-packages
ONBUILD COPY requirements.txt .
ONBUILD RUN /usr/local/bin/install-python-dependencies
ONBUILD USER astro
ONBUILD COPY --chown=astro:0 . .
