"""A BuildKit frontend that gives Dockerfiles a PYENV instruction."""

__version__ = "1.0.0.dev0"

IMAGE = ""
"""Repository of the published frontend image, such as `registry.example.com/team/dockerfile-pyenv`; "" until there is
one. Messages, pages and releases use it: RELEASING.md says how."""

REPOSITORY = ""
"""Address of the published source, such as `https://git.example.com/team/dockerfile-pyenv`; "" until there is one."""

FRONTEND = f"{IMAGE or 'dockerfile-pyenv'}:{__version__.partition('.')[0]}"
"""The image that a syntax line names: the published one, or the one that `make image` loads into an engine."""
