"""Random Dockerfiles with groups of PYENV lines, for graphs without an engine and for real builds."""

from hypothesis import strategies as st

NAMES = ("a", "b", "c", "d", "e", "f", "g", "h")
FILES = ("r.txt", "s.txt")
"""Requirement files that lines name."""


@st.composite
def dockerfiles(
    draw: st.DrawFn, *, debian: str = "debian", python: str = "python:3.9", context: str = "content"
) -> str:
    """A Dockerfile of up to three stages, which stand on each other or use each other's files, with a PYENV line.

    `debian` and `python` are its base images, the latter with an interpreter 3.9; `context` is a file that it copies.
    """
    lines: list[str] = []
    stages: dict[str, tuple[str, set[str]]] = {}
    for number in range(draw(st.integers(1, 3))):
        below = draw(st.sampled_from([debian, python, *stages]))
        base, taken = stages.get(below, (below, set()))
        taken = set(taken)
        lines.append(f"FROM {below} AS s{number}\n")
        for _ in range(draw(st.integers(0, 3))):
            if len(taken) < len(NAMES) - 3 and draw(st.booleans()):
                lines += draw(_group(taken, own=base == python))
            others = ['RUN ["touch", "/x"]\n', 'RUN ["mkdir", "-p", "/y"]\n', "ENV A=b\n", "USER 5\nUSER 0\n"]
            others.append(f"COPY {context} /app\n")
            others += [f'RUN --mount=type=bind,from={one},target=/m ["true"]\n' for one in stages]
            others += [f"COPY --from={one} /etc/os-release /from-{one}/\n" for one in stages]
            lines += draw(st.lists(st.sampled_from(others), max_size=2))
        stages[f"s{number}"] = base, taken
    if not any(line.startswith("PYENV") for line in lines):
        lines.append("PYENV 3.9 a\n")
    return "".join(lines)


@st.composite
def _group(draw: st.DrawFn, taken: set[str], *, own: bool) -> list[str]:
    """The PYENV lines of a group, with names that are not taken, which are taken then.

    `own` says that the base image has an interpreter 3.9.
    """
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from([one for one in NAMES if one not in taken]))
        version = draw(st.sampled_from(["3.9", "3.11", "3.13"]))
        file = draw(st.sampled_from(["", *(f" {one}" for one in FILES)]))
        flags = ["", "", "--no-venv ", *(["--interpreter=base "] if own and version == "3.9" else [])]
        flag = draw(st.sampled_from(flags))
        if flag == "--no-venv ":
            lines.append(f"PYENV --no-venv {version}\n")
        else:
            taken.add(name)
            lines.append(f"PYENV {flag}{version} {name}{file}\n")
    return lines
