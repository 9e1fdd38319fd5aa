"""A BuildKit frontend that gives Dockerfiles a PYENV instruction."""

__version__ = "1.0.0.dev0"
