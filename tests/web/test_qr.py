"""QR codes drawn by the template: the path draws what the encoder says."""

import re

import segno

from web import qr


def test_every_dark_module_is_drawn_and_no_other() -> None:
    text = "otpauth://totp/Atelier:admin%40example.org?secret=JBSWY3DPEHPK3PXP"
    drawing = qr.drawing(text)
    dark = {
        (int(x) + step, int(y))
        for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", drawing.path)
        for step in range(int(length))
    }
    rows = list(segno.make(text, error="m", micro=False).matrix)
    assert drawing.size == len(rows) + 2 * qr.QUIET
    assert dark == {(x + qr.QUIET, y + qr.QUIET) for y, row in enumerate(rows) for x, sign in enumerate(row) if sign}
