"""Shops, their keys, messages, lists and files; what an order takes from the shop that sent it."""

import sqlalchemy as sa
from alembic import op

import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NOT_REVOKED = sa.text("revoked_at IS NULL")
INCIDENT_KINDS = (
    "late", "slow", "attention", "mail", "shipment", "queue", "redis", "smtp", "documents", "clock", "shop",
)  # fmt: skip


def upgrade() -> None:
    """Go from the revision before to this one; an order from before belongs to no shop, until one sends it."""
    _create_shops()
    _create_what_shops_send()
    with op.batch_alter_table("orders") as table:
        table.add_column(sa.Column("own_key", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("shop_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("shop_ref", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("sent_shipped_at", columns.Moment(), nullable=True))
        table.add_column(sa.Column("reported_shipped_at", columns.Moment(), nullable=True))
        table.add_column(sa.Column("withdrawn_at", columns.Moment(), nullable=True))
        table.add_column(sa.Column("doubts", sa.JSON(none_as_null=True), nullable=True))
        table.add_column(sa.Column("amendment", sa.JSON(none_as_null=True), nullable=True))
    op.execute("UPDATE orders SET own_key = number_key, sent_shipped_at = shipped_at")
    with op.batch_alter_table("orders") as table:
        table.alter_column("own_key", existing_type=sa.String(length=64), nullable=False)
        table.create_foreign_key("fk_orders_shop_id", "shops", ["shop_id"], ["id"])
        table.create_unique_constraint("uq_orders_shop_id_shop_ref", ["shop_id", "shop_ref"])
    op.create_index("ix_orders_own_key", "orders", ["own_key"])
    for name in ("shipments", "refunds"):
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"))
        with op.batch_alter_table(name) as table:
            table.alter_column("version", existing_type=sa.BigInteger(), server_default=None)
        op.execute(
            f"UPDATE {name} SET version = (SELECT version FROM orders WHERE orders.id = {name}.order_id)"  # nosec B608  # Our own words.
        )
    _let_hold("tokens", "purpose", ("confirmation", "password_reset", "email_change", "shop_sign_in"))
    _let_hold("incidents", "kind", INCIDENT_KINDS)


def _create_shops() -> None:
    op.create_table(
        "shops",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("system", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("number_prefix", sa.String(length=20), nullable=False),
        sa.Column("base_url", sa.String(length=200), nullable=False),
        sa.Column("webhook_secret", sa.Text(), nullable=True),
        sa.Column("pull_key", sa.Text(), nullable=True),
        sa.Column("pull_cursor", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("pulled_until", columns.Moment(), nullable=True),
        *_work(),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("last_message_at", columns.Moment(), nullable=True),
        sa.Column("created_at", columns.Moment(), nullable=False),
        _known("shops", "system", ("contract", "woocommerce", "shopify", "prestashop")),
        _known("shops", "state", ("open", "closed")),
        sa.PrimaryKeyConstraint("id", name="pk_shops"),
        sa.UniqueConstraint("name", name="uq_shops_name"),
    )
    op.create_index("ix_shops_due", "shops", ["state", "due_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("last_used_at", columns.Moment(), nullable=True),
        sa.Column("revoked_at", columns.Moment(), nullable=True),
        sa.CheckConstraint("slot IN (1, 2)", name=op.f("ck_api_keys_two_live_keys")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_api_keys_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("key_id", name="uq_api_keys_key_id"),
    )
    op.create_index(
        "uq_api_keys_live",
        "api_keys",
        ["shop_id", "slot"],
        unique=True,
        sqlite_where=NOT_REVOKED,
        postgresql_where=NOT_REVOKED,
    )
    op.create_table(
        "api_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("mimetype", sa.String(length=60), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_api_calls_key_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_calls"),
        sa.UniqueConstraint("digest", name="uq_api_calls_digest"),
    )
    op.create_index("ix_api_calls_created_at", "api_calls", ["created_at"])


def _create_what_shops_send() -> None:
    op.create_table(
        "shop_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("delivery_id", sa.String(length=100), nullable=True),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("received_at", columns.Moment(), nullable=False),
        *_work(),
        _known("shop_messages", "state", ("received", "applied", "ignored", "failed")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_shop_messages_shop_id"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_shop_messages_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shop_messages"),
        sa.UniqueConstraint("shop_id", "delivery_id", name="uq_shop_messages_shop_id_delivery_id"),
    )
    op.create_index("ix_shop_messages_due", "shop_messages", ["state", "due_at"])
    op.create_index("ix_shop_messages_ref", "shop_messages", ["shop_id", "ref"])
    op.create_index("ix_shop_messages_received_at", "shop_messages", ["received_at"])
    op.create_table(
        "earlier_invoices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_key", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_earlier_invoices"),
        sa.UniqueConstraint("order_key", name="uq_earlier_invoices_order_key"),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("admin_id", sa.Integer(), nullable=True),
        sa.Column("shop_id", sa.Integer(), nullable=True),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("shape", sa.String(length=30), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("report", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("done_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", columns.Moment(), nullable=False),
        *_work(),
        _known("uploads", "state", ("uploaded", "previewed", "confirmed", "imported", "failed")),
        sa.ForeignKeyConstraint(["admin_id"], ["customers.id"], name="fk_uploads_admin_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_uploads_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_due", "uploads", ["state", "due_at"])


def _work() -> tuple[sa.Column[object], ...]:
    """What a row has that a worker takes."""
    return (
        sa.Column("due_at", columns.Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", columns.Moment(), nullable=True),
    )


def _known(name: str, column: str, words: tuple[str, ...]) -> sa.CheckConstraint:
    known = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({known})", name=op.f(f"ck_{name}_{column}_known"))


def _let_hold(name: str, column: str, words: tuple[str, ...]) -> None:
    """Let the column hold these words and no others."""
    constraint = op.f(f"ck_{name}_{column}_known")
    known = ", ".join(f"'{word}'" for word in words)
    with op.batch_alter_table(name) as table:
        table.drop_constraint(constraint, type_="check")
        table.create_check_constraint(constraint, f"{column} IN ({known})")
