"""The test bed: Docker engines, a registry for Docker Hub's names, base images, interpreters, from Debian alone.

Everything it keeps between runs lies in one cache directory and is laid there whole or not at all; what runs is
recorded in one state directory. `python -m tests.bed up` starts it, `python -m tests.bed down` stops it.
"""
