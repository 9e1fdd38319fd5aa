# syntax=dockerfile-pyenv:1
FROM debian:bookworm-slim
ARG PYTHON
PYENV ${PYTHON} etl
