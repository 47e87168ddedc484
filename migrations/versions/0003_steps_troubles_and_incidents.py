"""States on legal steps, what stands in the way of a mail or a request, incidents, and addresses that change."""

import sqlalchemy as sa
from alembic import op

import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REQUEST_STATES = (
    "requested", "waiting", "scheduled", "issued", "rendered", "sent", "cancelled", "needs_attention",
)  # fmt: skip
DELIVERY_KINDS = (
    "invoice", "credit_note", "specimen", "correction_declined", "request_cancelled", "confirmation",
    "confirmation_reminder", "password_reset", "account_exists", "email_change", "email_changed", "alert", "test",
)  # fmt: skip
INCIDENT_KINDS = (
    "late", "slow", "attention", "mail", "shipment", "queue", "redis", "smtp", "documents", "clock",
)  # fmt: skip
OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    """Go from the revision before to this one; every row keeps its state."""
    with op.batch_alter_table("invoice_requests") as table:
        table.add_column(sa.Column("trouble", sa.String(length=12), nullable=True))
        _words(table, "invoice_requests", "state", REQUEST_STATES)
        _words(table, "invoice_requests", "trouble", ("documents",), new=True)
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("trouble", sa.String(length=12), nullable=True))
        _words(table, "deliveries", "kind", DELIVERY_KINDS)
        _words(table, "deliveries", "trouble", ("smtp", "documents", "recipient", "message"), new=True)
    with op.batch_alter_table("tokens") as table:
        table.add_column(sa.Column("email", sa.String(length=320), nullable=True))
        _words(table, "tokens", "purpose", ("confirmation", "password_reset", "email_change"))
        table.create_check_constraint(
            op.f("ck_tokens_email_iff_it_changes"), "(purpose = 'email_change') = (email IS NOT NULL)"
        )
    known = ", ".join(f"'{kind}'" for kind in INCIDENT_KINDS)
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("about", sa.String(length=100), nullable=False),
        sa.Column("opened_at", columns.Moment(), nullable=False),
        sa.Column("closed_at", columns.Moment(), nullable=True),
        sa.Column("alert_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(f"kind IN ({known})", name=op.f("ck_incidents_kind_known")),
        sa.ForeignKeyConstraint(["alert_id"], ["deliveries.id"], name="fk_incidents_alert_id"),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_alert_id", "incidents", ["alert_id"])
    op.create_index(
        "uq_incidents_open", "incidents", ["kind", "about"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )


def _words(table: object, name: str, column: str, words: tuple[str, ...], *, new: bool = False) -> None:
    """Let the column hold these words and no others."""
    constraint = op.f(f"ck_{name}_{column}_known")
    if not new:
        table.drop_constraint(constraint, type_="check")
    known = ", ".join(f"'{word}'" for word in words)
    table.create_check_constraint(constraint, f"{column} IN ({known})")
