"""The commands of `dockerfile-pyenv`, one module each: `add_to` declares its arguments and names its function."""
