"""Columns that mean the same on SQLite and PostgreSQL: exact decimals, aware moments, words of a short list."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Dialect, Numeric
from sqlalchemy.types import TypeDecorator, TypeEngine


class Exact(TypeDecorator[Decimal]):
    """A decimal with a fixed number of places: NUMERIC on PostgreSQL, a scaled whole number on SQLite.

    SQLite would keep a decimal as a binary float, which no accountant accepts.
    Raises ValueError when a value has more places than the column, rather than rounding in silence.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, scale: int = 2) -> None:
        """Keep `scale` places."""
        self.scale = scale
        self.step = Decimal(1).scaleb(-scale)
        super().__init__(18, scale)

    def __repr__(self) -> str:
        """Write the type as a migration names it."""
        return f"Exact({self.scale})"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type by database."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Numeric(18, self.scale))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write the value exactly or not at all."""
        if value is None:
            return None
        exact = Decimal(value).quantize(self.step)
        if exact != value:
            raise ValueError(f"{value} has more than {self.scale} places")
        return int(exact.scaleb(self.scale)) if dialect.name == "sqlite" else exact

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Read back what was written, with all its places."""
        if value is None or dialect.name != "sqlite":
            return cast("Decimal | None", value)
        return Decimal(value).scaleb(-self.scale).quantize(self.step)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, aware on the way in and on the way out.

    Raises ValueError for a naive value, whose meaning would depend on the machine.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def __repr__(self) -> str:
        """Write the type as a migration names it."""
        return "Moment()"

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 The hook is SQLAlchemy's.
        """Read as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """Return the constraint that a column holds one of these words."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")
