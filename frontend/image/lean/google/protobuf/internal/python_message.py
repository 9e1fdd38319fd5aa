"""Protobuf's implementation in Python, which it imports where it uses the compiled one, too."""  # noqa: INP001
