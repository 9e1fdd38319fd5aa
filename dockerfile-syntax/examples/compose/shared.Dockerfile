# syntax=dockerfile-pyenv:1
FROM debian:bookworm-slim
COPY --from=requirements etl.txt /tmp/
PYENV 3.11 etl <<EOF
-r /tmp/etl.txt
EOF
