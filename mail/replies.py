"""What servers and reports say, made fit to be shown: one printable line."""

LONGEST = 300


def one_line(text: str, longest: int | None = LONGEST) -> str:
    """Return the text as one printable line, cut at `longest` letters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:longest]


def is_timeout(failure: Exception) -> bool:
    """Whether a wait was too long: the standard library's clients report that as a lost connection, caused by it."""
    return isinstance(failure, TimeoutError) or isinstance(failure.__context__, TimeoutError)
