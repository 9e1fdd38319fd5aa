"""Speaks BuildKit: the frontend gateway and LLB graphs. Knows nothing of PYENV."""
