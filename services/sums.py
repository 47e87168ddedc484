"""What the figures of a message come to, before anything of it is kept."""

from documents import totals
from shops.problems import FieldProblem
from shops.schema import LineMessage, OrderMessage

LINE_FIGURES = ("sku", "description", "kind", "quantity", "unit_price", "discount", "vat_rate", "exemption", "tax")
"""What a line mirrors as it is sent."""


def problems(message: OrderMessage) -> tuple[FieldProblem, ...]:
    """Return how the sums contradict each other, with the difference by line; nothing where they add up."""
    try:
        totals.compute(_sale(message))
    except totals.DoesNotAddUp as error:
        return (
            FieldProblem("total", str(error)),
            *(FieldProblem(f"lines[{line.index}]", line.text) for line in error.by_line),
        )
    return ()


def category(line: LineMessage) -> str | None:
    """A gift card that is sold says by its kind why it bears no VAT (CGI art. 256 ter)."""
    return line.vat_category or ("O" if line.kind == "voucher" and not line.vat_rate else None)


def _sale(message: OrderMessage) -> totals.Sale:
    return totals.Sale(
        prices_include_tax=message.prices_include_tax,
        lines=tuple(
            totals.Line(vat_category=category(line), **{name: getattr(line, name) for name in LINE_FIGURES})
            for line in message.lines
        ),
        total=message.total,
        order_discount=message.order_discount,
        total_tax=message.total_tax,
    )
