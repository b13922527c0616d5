"""Text from data, file names and runs, made fit for a terminal."""


def printable(text: str) -> str:
    """Without the control characters that would move a cursor, colour a terminal, turn the reading direction or break
    an SVG, and without halves of characters that no terminal can print: they are written as Python would (``\\n``,
    ``\\x1b``, ``\\udcff``)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
