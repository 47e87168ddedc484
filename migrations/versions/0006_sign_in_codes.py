"""Codes by mail to sign in with: who has asked for one, whether there is an account or not."""

import sqlalchemy as sa
from alembic import op

import columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "sign_in_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked_at", columns.Moment(), nullable=False),
        sa.Column("used_at", columns.Moment(), nullable=True),
        sa.CheckConstraint(
            "delivery_id IS NULL OR customer_id IS NOT NULL", name=op.f("ck_sign_in_codes_mailed_to_an_account")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_sign_in_codes_customer_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name="fk_sign_in_codes_delivery_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_codes"),
        sa.UniqueConstraint("delivery_id", name="uq_sign_in_codes_delivery_id"),
    )
    op.create_index("ix_sign_in_codes_customer_id", "sign_in_codes", ["customer_id"])
    op.create_index("ix_sign_in_codes_asked_by", "sign_in_codes", ["asked_by"])
