"""Roles and second factors, who opened an account, orders that are claimed, exports and erasures, where from."""

import sqlalchemy as sa
from alembic import op

import columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROLES = ("reading", "managing")
PURPOSES = ("confirmation", "password_reset", "email_change", "shop_sign_in", "order_claim", "invitation")
DELIVERY_KINDS = (
    "invoice", "credit_note", "specimen", "correction_declined", "request_cancelled", "confirmation",
    "confirmation_reminder", "password_reset", "password_changed", "account_exists", "email_change",
    "email_changed", "order_code", "data_export", "account_erased", "invitation", "second_factor_changed",
    "alert", "test",
)  # fmt: skip
INCIDENT_KINDS = (
    "late", "slow", "attention", "mail", "shipment", "queue", "redis", "smtp", "documents", "clock", "shop", "export",
)  # fmt: skip
DOCUMENT_ACTS = ("correction", "credit_note", "invoice", "refund", "request", "review")


def upgrade() -> None:
    """Go from the revision before to this one; every admin may do what they could before."""
    _change_accounts()
    with op.batch_alter_table("tokens") as table:
        table.add_column(sa.Column("order_id", sa.Integer(), nullable=True))
        _let_hold(table, "tokens", "purpose", PURPOSES)
        table.create_foreign_key("fk_tokens_order_id", "orders", ["order_id"], ["id"], ondelete="CASCADE")
        table.create_check_constraint(
            op.f("ck_tokens_order_iff_it_is_claimed"), "(purpose = 'order_claim') = (order_id IS NOT NULL)"
        )
    op.create_index("ix_tokens_order_id", "tokens", ["order_id"])
    with op.batch_alter_table("deliveries") as table:
        _let_hold(table, "deliveries", "kind", DELIVERY_KINDS)
    with op.batch_alter_table("incidents") as table:
        _let_hold(table, "incidents", "kind", INCIDENT_KINDS)
    op.add_column("orders", sa.Column("erased_at", columns.Moment(), nullable=True))
    guests = sa.text("customer_id IS NULL AND erased_at IS NULL")
    op.create_index("ix_orders_guests", "orders", ["placed_at"], sqlite_where=guests, postgresql_where=guests)
    with op.batch_alter_table("audit_entries") as table:
        table.add_column(sa.Column("network", sa.String(length=45), nullable=False, server_default=""))
        table.add_column(sa.Column("lasting", sa.Boolean(), nullable=False, server_default=sa.false()))
    about_documents = " OR ".join(f"action LIKE '{each}.%'" for each in DOCUMENT_ACTS)
    lasting = f"UPDATE audit_entries SET lasting = TRUE WHERE {about_documents}"  # nosec B608  # noqa: S608 - Our own words.
    op.execute(sa.text(lasting))
    with op.batch_alter_table("audit_entries") as table:
        table.alter_column("network", existing_type=sa.String(length=45), server_default=None)
        table.alter_column("lasting", existing_type=sa.Boolean(), server_default=None)
    op.create_index("ix_audit_entries_at", "audit_entries", ["lasting", "at"])
    _create_tables()


def _change_accounts() -> None:
    with op.batch_alter_table("customers") as table:
        table.add_column(sa.Column("admin_role", sa.String(length=10), nullable=True))
        table.add_column(sa.Column("invited_role", sa.String(length=10), nullable=True))
        table.add_column(sa.Column("opening_hash", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("signed_in_at", columns.Moment(), nullable=True))
        table.add_column(sa.Column("erased_at", columns.Moment(), nullable=True))
    op.execute("UPDATE customers SET admin_role = 'managing' WHERE is_admin")
    with op.batch_alter_table("customers") as table:
        table.drop_column("is_admin")
        for column in ("admin_role", "invited_role"):
            table.create_check_constraint(op.f(f"ck_customers_{column}_known"), _holds(column, ROLES))
    with op.batch_alter_table("sign_in_sessions") as table:
        table.add_column(sa.Column("proven_at", columns.Moment(), nullable=True))
    op.execute("UPDATE sign_in_sessions SET proven_at = created_at")
    with op.batch_alter_table("sign_in_sessions") as table:
        table.alter_column("proven_at", existing_type=columns.Moment(), nullable=False)


def _create_tables() -> None:
    op.create_table(
        "second_factors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("confirmed_at", columns.Moment(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        _of_an_account("second_factors"),
        sa.PrimaryKeyConstraint("id", name="pk_second_factors"),
        sa.UniqueConstraint("customer_id", name="uq_second_factors_customer_id"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("factor_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", columns.Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["factor_id"], ["second_factors.id"], name="fk_recovery_codes_factor_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
    )
    op.create_index("ix_recovery_codes_factor_id", "recovery_codes", ["factor_id"])
    op.create_table(
        "data_exports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("made_at", columns.Moment(), nullable=True),
        sa.Column("due_at", columns.Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", columns.Moment(), nullable=True),
        sa.CheckConstraint(_holds("state", ("requested", "made", "failed")), name=op.f("ck_data_exports_state_known")),
        _of_an_account("data_exports"),
        sa.PrimaryKeyConstraint("id", name="pk_data_exports"),
    )
    op.create_index("ix_data_exports_customer_id", "data_exports", ["customer_id"])
    op.create_index("ix_data_exports_due", "data_exports", ["state", "due_at"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email_hash", sa.String(length=64), nullable=False),
        sa.Column("erased_at", columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sa.UniqueConstraint("email_hash", name="uq_erasures_email_hash"),
    )


def _of_an_account(name: str) -> sa.ForeignKeyConstraint:
    target = f"fk_{name}_customer_id"
    return sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=target, ondelete="CASCADE")


def _let_hold(table: object, name: str, column: str, words: tuple[str, ...]) -> None:
    """Let the column hold these words and no others."""
    constraint = op.f(f"ck_{name}_{column}_known")
    table.drop_constraint(constraint, type_="check")
    table.create_check_constraint(constraint, _holds(column, words))


def _holds(column: str, words: tuple[str, ...]) -> str:
    known = ", ".join(f"'{word}'" for word in words)
    return f"{column} IN ({known})"
