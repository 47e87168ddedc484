"""Pages, style and scripts travel compressed, by gzip (RFC 1952), which every browser reads.

A proxy compresses too, but nginx leaves refused forms (422) alone, and `bin/dev` has none.
"""

import gzip

from flask import Flask, Response, request

TEXTS = ("text/html", "text/css", "text/javascript", "image/svg+xml")
WORTH_IT = 500
"""Bytes; below that the head of the compressed file eats the gain, and one network packet carries either."""


def install(app: Flask) -> None:
    """Afterwards a text is compressed for whoever accepts it."""

    @app.after_request
    def compress(response: Response) -> Response:
        if response.mimetype not in TEXTS:
            return response
        response.vary.add("Accept-Encoding")
        response.direct_passthrough = False
        if request.accept_encodings["gzip"] and len(response.get_data()) >= WORTH_IT:
            response.set_data(gzip.compress(response.get_data(), mtime=0, compresslevel=6))
            response.content_encoding = "gzip"
            tag, _weak = response.get_etag()
            if tag:
                response.set_etag(tag, weak=True)  # The same file, in other bytes.
        return response
