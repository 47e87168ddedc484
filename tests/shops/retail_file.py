"""A file with the shape and the traits of the *Online Retail* data set, made up and the same at every run."""

import csv
import io
import random

HEADER = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
GOODS = (
    ("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", "2.55"),
    ("71053", "WHITE METAL LANTERN", "3.39"),
    ("22633", 'HAND WARMER "UNION JACK"', "1.85"),
    ("21730", "GLASS STAR, FROSTED / LARGE ", "4.25"),
    ("22752", "SET 7 BABUSHKA NESTING BOXES", "7.65"),
    ("gift_0001_40", "Dotcomgiftshop Gift Voucher £40.00", "34.04"),
    ("84029G", "KNITTED UNION FLAG HOT WATER BOTTLE", "0.425"),
)
LARGE = "900675"
LARGE_LINES = 675

Row = tuple[str, str, str, str, str, str, str, str]


def a_row(
    number: str,
    code: str = "71053",
    text: str = "WHITE METAL LANTERN",
    quantity: object = 6,
    price: str = "3.39",
    *,
    moment: str = "01/12/2010 08:26",
    customer: str = "17850",
    country: str = "United Kingdom",
) -> Row:
    return (number, code, text, str(quantity), moment, price, customer, country)


def written(rows: list[Row]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return file.getvalue().encode()


def ordinary(number: int, lines: int, chance: random.Random) -> list[Row]:
    """Return a sale of that many lines, to a known customer or, one time in four, to a guest."""
    customer = str(12_000 + number % 97) if number % 4 else ""
    country = chance.choice(["United Kingdom", "France", "EIRE", "Germany", "Channel Islands"])
    return [
        a_row(str(number), code, text, chance.randint(1, 24), price, customer=customer, country=country)
        for code, text, price in (chance.choice(GOODS) for _ in range(lines))
    ]


def generated(orders: int = 30) -> bytes:
    """Return a file of `orders` ordinary sales, the large one, and one document of each kind that is no sale."""
    chance = random.Random(20101201)  # noqa: S311 (nothing secret: the same file at every run)
    rows: list[Row] = []
    for number in range(900_001, 900_001 + orders):
        rows += ordinary(number, chance.randint(1, 30), chance)
    rows += [
        a_row(
            LARGE,
            f"2{index:04d}",
            f"GUEST'S ITEM {index}",
            1 + index % 3,
            f"{index % 9}.{index % 100:02d}",
            customer="",
        )
        for index in range(1, LARGE_LINES + 1)
    ]
    rows += [
        a_row("C900700", "D", "Discount", -1, "27.50"),
        a_row("C900701", quantity=-6),
        a_row("C900701", "POST", "POSTAGE", -1, "18.00"),
        a_row("900702", "22139", "", 56, "0", customer=""),
        a_row("900703", "21777", "", -10, "0", customer=""),
        a_row("A900704", "B", "Adjust bad debt", 1, "11062.06", customer=""),
        a_row("900705", country="Atlantis"),
    ]
    return written(rows)


NOT_SALES = 6
