"""Documents instead of invoices: credit notes and corrections, chained, each with its occasion."""

import hashlib

import sqlalchemy as sa
from alembic import op

import columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COPIED = (
    "id, request_id, order_id, number, series, sequence, trial, issue_date, issued_at, currency, net, vat, gross, "
    "snapshot, snapshot_sha256"
)
FIRST_INVOICE = sa.text("kind = 'invoice' AND replaces_id IS NULL")
NOT_DECLINED = sa.text("state <> 'declined'")
KINDS = (
    "invoice", "credit_note", "specimen", "correction_declined", "request_cancelled", "confirmation",
    "confirmation_reminder", "password_reset", "account_exists",
)  # fmt: skip


def upgrade() -> None:
    """Go from the revision before to this one; what was issued keeps number, content and bytes."""
    _create_documents()
    _chain_what_was_issued()
    op.drop_index("ix_deliveries_invoice_id", table_name="deliveries")
    with op.batch_alter_table("stored_files") as table:
        table.drop_constraint("fk_stored_files_invoice_id", type_="foreignkey")
        table.drop_constraint("uq_stored_files_invoice_id", type_="unique")
        table.alter_column("invoice_id", new_column_name="document_id", existing_type=sa.Integer())
        table.add_column(sa.Column("xml_sha256", sa.String(length=64), nullable=True))
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint("fk_deliveries_invoice_id", type_="foreignkey")
        table.drop_constraint(op.f("ck_deliveries_kind_known"), type_="check")
        table.alter_column("invoice_id", new_column_name="document_id", existing_type=sa.Integer())
    op.execute("UPDATE deliveries SET kind = 'specimen' WHERE kind = 'invoice_trial'")
    op.execute("UPDATE deliveries SET occasion = 'document' || substr(occasion, 8) WHERE occasion LIKE 'invoice:%'")
    # A renamed column takes new constraints only once the table is rebuilt under its new name (SQLite).
    with op.batch_alter_table("stored_files") as table:
        table.create_unique_constraint("uq_stored_files_document_id", ["document_id"])
        table.create_foreign_key("fk_stored_files_document_id", "documents", ["document_id"], ["id"])
    known = ", ".join(f"'{kind}'" for kind in KINDS)
    with op.batch_alter_table("deliveries") as table:
        table.create_foreign_key("fk_deliveries_document_id", "documents", ["document_id"], ["id"])
        table.create_check_constraint(op.f("ck_deliveries_kind_known"), f"kind IN ({known})")
    op.create_index("ix_deliveries_document_id", "deliveries", ["document_id"])
    op.drop_table("invoices")
    _create_corrections()


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("occasion", sa.String(length=100), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("credits_id", sa.Integer(), nullable=True),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("series", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("trial", sa.Boolean(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("issued_at", columns.Moment(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("net", columns.Exact(2), nullable=False),
        sa.Column("vat", columns.Exact(2), nullable=False),
        sa.Column("gross", columns.Exact(2), nullable=False),
        sa.Column("snapshot", sa.String(), nullable=False),
        sa.Column("snapshot_sha256", sa.String(length=64), nullable=False),
        sa.Column("previous_sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f("ck_documents_kind_known")),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_documents_sequence_positive")),
        sa.CheckConstraint(
            "(kind = 'credit_note') = (credits_id IS NOT NULL)", name=op.f("ck_documents_credit_iff_it_credits")
        ),
        sa.CheckConstraint(
            "kind = 'invoice' OR replaces_id IS NULL", name=op.f("ck_documents_only_invoices_replace")
        ),
        sa.ForeignKeyConstraint(["request_id"], ["invoice_requests.id"], name="fk_documents_request_id"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_documents_order_id"),
        sa.ForeignKeyConstraint(["credits_id"], ["documents.id"], name="fk_documents_credits_id"),
        sa.ForeignKeyConstraint(["replaces_id"], ["documents.id"], name="fk_documents_replaces_id"),
        sa.ForeignKeyConstraint(["series"], ["number_series.name"], name="fk_documents_series"),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("occasion", name="uq_documents_occasion"),
        sa.UniqueConstraint("number", name="uq_documents_number"),
        sa.UniqueConstraint("replaces_id", name="uq_documents_replaces_id"),
        sa.UniqueConstraint("series", "sequence", name="uq_documents_series_sequence"),
    )
    for column in ("request_id", "order_id", "credits_id"):
        op.create_index(f"ix_documents_{column}", "documents", [column])
    op.create_index(
        "uq_documents_first_invoice",
        "documents",
        ["order_id", "trial"],
        unique=True,
        sqlite_where=FIRST_INVOICE,
        postgresql_where=FIRST_INVOICE,
    )


def _chain_what_was_issued() -> None:
    """Copy the invoices as they are, in the order of their numbers, each with the link of the one before it."""
    connection = op.get_bind()
    issued = connection.execute(sa.text("SELECT id, series, snapshot_sha256 FROM invoices ORDER BY series, sequence"))
    links: dict[str, str] = {}
    copy = sa.text(
        f"INSERT INTO documents ({COPIED}, kind, occasion, previous_sha256) "  # nosec B608  # noqa: S608 - Our own words.
        f"SELECT {COPIED}, 'invoice', 'request:' || request_id || CASE WHEN trial THEN '\\:trial' ELSE '' END, :previous "
        "FROM invoices WHERE id = :id"
    )
    for row in issued.all():
        previous = links.get(row.series, "0" * 64)
        connection.execute(copy, {"previous": previous, "id": row.id})
        links[row.series] = hashlib.sha256(f"{previous}{row.snapshot_sha256}".encode()).hexdigest()
    if connection.dialect.name == "postgresql":
        connection.execute(
            sa.text("SELECT setval('documents_id_seq', max(id)) FROM documents HAVING max(id) IS NOT NULL")
        )


def _create_corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("purchase_order", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", columns.Moment(), nullable=False),
        sa.Column("decided_at", columns.Moment(), nullable=True),
        sa.CheckConstraint("state IN ('requested', 'accepted', 'declined')", name=op.f("ck_corrections_state_known")),
        sa.CheckConstraint("(state = 'requested') = (decided_at IS NULL)", name=op.f("ck_corrections_decided_iff_dated")),
        sa.CheckConstraint("state <> 'declined' OR reason IS NOT NULL", name=op.f("ck_corrections_declined_with_reason")),
        sa.ForeignKeyConstraint(["invoice_id"], ["documents.id"], name="fk_corrections_invoice_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_corrections_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_customer_id", "corrections", ["customer_id"])
    op.create_index(
        "uq_corrections_invoice",
        "corrections",
        ["invoice_id"],
        unique=True,
        sqlite_where=NOT_DECLINED,
        postgresql_where=NOT_DECLINED,
    )
