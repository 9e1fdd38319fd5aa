# Stand-ins for apache/airflow: `python-local` has Python in /usr/local, as up to 3.0, `python-linked` in /usr/python
# with links in /usr/local, as from 3.1 on. Airflow is in a virtual environment in the home of its user of group 0.
ARG PYTHON=3.11
ARG LAYOUT=local
FROM python:${PYTHON}-slim-bookworm AS python-local

FROM debian:bookworm-slim AS python-linked
COPY --from=python-local /usr/local /usr/python
RUN for directory in bin lib include; do \
    mkdir -p /usr/local/$directory; ln -s /usr/python/$directory/* /usr/local/$directory/; done

FROM python-${LAYOUT}
ENV PATH=/root/bin:/home/airflow/.local/bin:/usr/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive AIRFLOW_HOME=/opt/airflow AIRFLOW_UID=50000 \
    VIRTUAL_ENV=/home/airflow/.local PIP_CACHE_DIR=/tmp/.cache/pip UV_CACHE_DIR=/tmp/.cache/uv
SHELL ["/bin/bash", "-o", "pipefail", "-o", "errexit", "-o", "nounset", "-o", "nolog", "-c"]
RUN apt-get update && apt-get install -y --no-install-recommends dumb-init \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 root-pip /root/bin/pip
COPY --chmod=755 apache-entrypoint /entrypoint
RUN adduser --quiet airflow --uid 50000 --gid 0 --home /home/airflow --disabled-password --gecos Airflow \
    && mkdir -p /opt/airflow/dags /opt/airflow/logs && chown -R airflow:0 /opt/airflow /home/airflow \
    && chmod -R g=u /opt/airflow /home/airflow /etc/passwd
USER airflow
ARG UV
RUN python3 -m venv /home/airflow/.local && pip install --no-cache-dir uv==${UV}
ARG AIRFLOW
ARG AS_OF
ARG VIRTUALENV=
RUN --mount=type=cache,id=bed-airflow-user,target=/cache,uid=50000 \
    uv pip install --no-progress --cache-dir=/cache --link-mode=copy --compile-bytecode \
    --exclude-newer=${AS_OF} apache-airflow==${AIRFLOW} ${VIRTUALENV} \
    && uv pip freeze > ~/constraints.txt
WORKDIR /opt/airflow
USER 50000
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"]
CMD []
