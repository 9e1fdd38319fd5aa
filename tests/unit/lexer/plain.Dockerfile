# syntax=dockerfile-pyenv:dev
FROM quay.io/astronomer/astro-runtime:12.7.1

# Snowpark wants 3.9.
PYENV 3.9 epo_pyenv epo_requirements.txt

pyenv	3.11   plain
  Pyenv "3.13" a-b ./x.txt  
COPY --chown=astro:0 . .
CMD ["airflow", "webserver"]
