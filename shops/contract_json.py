"""Files of the contract's own JSON: one order a line (NDJSON), or one array of orders.

Both are read in pieces; what is in memory at once is one order, 1 MiB at most.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from shops import strict_json
from shops.candidates import Candidate, UnreadableFile, check, refuse
from shops.schema import MAX_ORDER_BYTES

_PIECE = 64 * 1024
_BLANK = b" \t\r\n"
_UTF8 = "utf-8"
_KEEP_BROKEN_BYTES = "surrogateescape"  # The schema refuses them in their own field, and the rest of the file is read.
_TOO_LONG = "Ce document dépasse 1 Mio."

_STRUCTURE = re.compile(r'["{}\[\],]')
_STRING_END = re.compile(r'["\\]')


def read(stream: BinaryIO) -> Iterator[Candidate]:
    """Yield each order of the file with its lines; a broken one is refused and the next ones are still read.

    Raises UnreadableFile when the file is empty or begins with neither an object nor an array.
    """
    first, line = _skip_blank(stream)
    if first == b"[":
        yield from _read_array(stream, line)
    elif first == b"{":
        yield from _read_lines(stream, first, line)
    elif first:
        raise UnreadableFile("Le fichier doit commencer par { (une commande par ligne) ou par [ (un tableau).")
    else:
        raise UnreadableFile("Le fichier est vide.")


def _skip_blank(stream: BinaryIO) -> tuple[bytes, int]:
    """Return the first byte that says something, and its line."""
    line, byte = 1, stream.read(1)
    if byte == codecs.BOM_UTF8[:1]:
        if stream.read(2) != codecs.BOM_UTF8[1:]:
            raise UnreadableFile("Le fichier doit être écrit en UTF-8.")
        byte = stream.read(1)
    while byte and byte in _BLANK:
        line += byte == b"\n"
        byte = stream.read(1)
    return byte, line


def _read_lines(stream: BinaryIO, first: bytes, line: int) -> Iterator[Candidate]:
    raw = first + stream.readline(MAX_ORDER_BYTES)
    while raw:
        if len(raw) > MAX_ORDER_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_ORDER_BYTES)
            yield refuse(_TOO_LONG, first_line=line, last_line=line)
        elif raw.strip():
            yield _candidate(raw.decode(_UTF8, _KEEP_BROKEN_BYTES), line)
        line, raw = line + 1, stream.readline(MAX_ORDER_BYTES + 1)


def _read_array(stream: BinaryIO, line: int) -> Iterator[Candidate]:
    """Cut the array at the commas of its first level; what stands between two of them is parsed on its own."""
    cutter = _Cutter()
    decoder = codecs.getincrementaldecoder(_UTF8)(_KEEP_BROKEN_BYTES)
    while piece := stream.read(_PIECE):
        for element in cutter.cut(decoder.decode(piece)):
            if element.strip() or not cutter.closed:
                yield _candidate(element, line)
            line += element.count("\n")
        if cutter.size > MAX_ORDER_BYTES:
            reason = f"{_TOO_LONG} Ou bien il n'est pas fermé. La suite du fichier n'a pas été lue."
            yield refuse(reason, first_line=line, last_line=line + cutter.rest().count("\n"))
            return
    rest = cutter.rest()
    if cutter.closed and rest.strip():
        yield refuse("La fin du tableau est suivie d'autre chose, qui n'a pas été lu.", first_line=line, last_line=line)
    elif not cutter.closed:
        last_line = line + rest.rstrip().count("\n")
        yield refuse("Le fichier s'arrête avant la fin du tableau.", first_line=line, last_line=last_line)


@dataclass(slots=True)
class _Cutter:
    """Finds where the elements of an array end, without understanding more of JSON than strings and brackets."""

    depth: int = 0
    in_string: bool = False
    skip: int = 0
    closed: bool = False
    size: int = 0
    parts: list[str] = field(default_factory=list)

    def cut(self, text: str) -> Iterator[str]:
        """Yield the elements that end within this text; keep the rest for the next call."""
        start, position = 0, self.skip
        self.skip = 0
        while not self.closed:
            found = (_STRING_END if self.in_string else _STRUCTURE).search(text, position)
            if found is None:
                break
            position = found.end()
            sign = found[0]
            if sign == "\\":
                position += 1
            elif sign == '"':
                self.in_string = not self.in_string
            elif sign in "{[":
                self.depth += 1
            elif self.depth and sign in "}]":
                self.depth -= 1
            elif not self.depth and sign in ",]":
                self.closed = sign == "]"
                self._keep(text[start : position - 1])
                start = position
                yield self.rest()
                self.parts.clear()
                self.size = 0
        self.skip = max(0, position - len(text))
        self._keep(text[start:])

    def rest(self) -> str:
        """Return what was read since the last element ended."""
        return "".join(self.parts)

    def _keep(self, text: str) -> None:
        self.parts.append(text)
        self.size += len(text)


def _candidate(text: str, line: int) -> Candidate:
    """Parse one document; `line` is where its text begins, blanks included."""
    blanks = text[: len(text) - len(text.lstrip())].count("\n")
    first_line, last_line = line + blanks, line + text.rstrip().count("\n")
    if len(text.encode(_UTF8, _KEEP_BROKEN_BYTES)) > MAX_ORDER_BYTES:
        return refuse(_TOO_LONG, first_line=first_line, last_line=last_line)
    try:
        sent = strict_json.loads(text.rstrip(), first_line=line)
    except strict_json.NotJson as error:
        return refuse(error.reason, path=error.path, first_line=first_line, last_line=last_line)
    return check(sent, first_line=first_line, last_line=last_line)
