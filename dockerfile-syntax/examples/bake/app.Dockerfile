# syntax=dockerfile-pyenv:1
FROM base
PYENV 3.11 reports
