"""Packs of a year's documents: exports with a year, how far they are, and their bytes in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UNDERWAY = sa.text("state = 'requested' AND year IS NOT NULL")


def upgrade() -> None:
    """Go from the revision before to this one; the files of personal data that are there stay as they are."""
    with op.batch_alter_table("data_exports") as table:
        table.add_column(sa.Column("year", sa.Integer(), nullable=True))
        table.add_column(sa.Column("done", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("total", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("documents", sa.JSON(none_as_null=True), nullable=True))
        table.create_check_constraint(op.f("ck_data_exports_done_within_total"), "done >= 0 AND done <= total")
        table.create_check_constraint(
            op.f("ck_data_exports_documents_iff_made_pack"),
            "(documents IS NOT NULL) = (year IS NOT NULL AND state = 'made')",
        )
    op.create_index(
        "uq_data_exports_underway",
        "data_exports",
        ["customer_id", "year"],
        unique=True,
        sqlite_where=UNDERWAY,
        postgresql_where=UNDERWAY,
    )
    op.create_table(
        "export_parts",
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"], ["data_exports.id"], name="fk_export_parts_export_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("export_id", "position", name="pk_export_parts"),
    )
