"""Lines of a Dockerfile as BuildKit's clients show them, the ones to blame marked."""


def excerpt(data: bytes, filename: str, lines: tuple[int, int] | None) -> str:
    """The excerpt for lines (1-based, inclusive) of a file, with the lines around them; "" without lines.

    Drawn as (*Source).Print draws it (solver/errdefs/source.go, BuildKit 0.32).
    """
    text = data.decode("utf-8", "replace").split("\n")
    if lines is None or not 1 <= lines[0] <= len(text):
        return ""
    first, last = lines[0], min(lines[1], len(text))
    start, end = first, last
    padding = 4 if first == last else 2
    done = 0
    while done < padding:
        if start > 1:
            start -= 1
            done += 1
        if end != len(text):
            end += 1
            done += 1
        done += 1
    marked = range(first, last + 1)
    shown = (f" {n:3} | {'>>>' if n in marked else '   '} {text[n - 1]}\n" for n in range(start, end + 1))
    return f"{filename}:{first}\n{'-' * 20}\n{''.join(shown)}{'-' * 20}\n"
