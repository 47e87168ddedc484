"""How a file writes what it says: its characters, its decimals and its days, which are asked and never guessed."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from shops.amounts import UnreadableAmount, decimal
from shops.readings import PARIS

Encoding = Literal["utf-8", "latin-1"]
Decimals = Literal["point", "comma"]
Dates = Literal["iso", "dmy", "mdy"]

CODECS: dict[Encoding, str] = {"utf-8": "utf-8-sig", "latin-1": "cp1252"}
"""Python's names: the byte order mark of a UTF-8 file is no character; spreadsheets call Windows-1252 « Latin-1 »."""
DATES: dict[Dates, tuple[str, str]] = {
    "iso": ("%Y-%m-%d", "2026-11-02"),
    "dmy": ("%d/%m/%Y", "02/11/2026, le jour d'abord"),
    "mdy": ("%m/%d/%Y", "11/02/2026, le mois d'abord"),
}
"""How a day is written, with an example: 03/04/2026 is two days. 2026-04-03 is one, and always understood."""
ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
BLANK_BEFORE_OFFSET = re.compile(r" (?=[+-][0-9]{2}:?[0-9]{2}$)")
CLOCKS = (" %H:%M:%S", " %H:%M", "")


@dataclass(frozen=True, slots=True)
class Notation:
    """What whoever hands a file in says of it; a file that never left its shop system is as the defaults say."""

    encoding: Encoding = "utf-8"
    decimals: Decimals = "point"
    dates: Dates = "iso"

    @property
    def codec(self) -> str:
        """Python's name of the encoding."""
        return CODECS[self.encoding]

    def amount(self, cell: str) -> Decimal:
        """Return the amount, 0 for an empty cell. Raises UnreadableAmount, also where the other sign stands."""
        written = "".join(cell.split())
        if self.decimals == "comma":
            if "." in written:
                raise UnreadableAmount(written[:40])
            written = written.replace(",", ".")
        return decimal(written)

    def day(self, cell: str) -> date:
        """Return the day. Raises ValueError, whose text is a French example of what is expected."""
        written = cell.strip()
        pattern, example = DATES["iso" if ISO_DAY.fullmatch(written) else self.dates]
        try:
            return datetime.strptime(written, pattern).date()  # noqa: DTZ007 A day has no time zone.
        except ValueError:
            raise ValueError(example) from None

    def moment(self, cell: str) -> datetime | None:
        """Return the moment, in Paris unless the cell names another zone; None for an empty cell. Raises ValueError."""
        written = cell.strip()
        if not written:
            return None
        found = self._moment(written)
        return found if found.tzinfo else found.replace(tzinfo=PARIS)

    def _moment(self, written: str) -> datetime:
        if ISO_DAY.match(written):
            return datetime.fromisoformat(BLANK_BEFORE_OFFSET.sub("", written))
        pattern, example = DATES[self.dates]
        for clock in CLOCKS:
            try:
                return datetime.strptime(written, pattern + clock)  # noqa: DTZ007 The caller knows the zone.
            except ValueError:
                continue
        raise ValueError(f"Une date est attendue, par exemple {example}\u00a0: {written[:40]}")


AS_EXPORTED = Notation()
"""How shop systems write their files themselves."""
