"""A package that is had from git alone."""

WORDS = "hello from git"
