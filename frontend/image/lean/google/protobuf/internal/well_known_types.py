"""The methods of messages such as Timestamp: the frontend's own messages have none."""  # noqa: INP001

WKTBASES: dict[str, type] = {}
