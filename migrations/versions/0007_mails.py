"""Mails that confirm a request and that tell of what holds it up."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DELIVERY_KINDS = (
    "invoice", "credit_note", "specimen", "correction_declined", "request_received", "request_problem",
    "request_cancelled", "confirmation", "confirmation_reminder", "password_reset", "password_changed",
    "account_exists", "email_change", "email_changed", "order_code", "sign_in_code", "data_export", "account_erased",
    "invitation", "second_factor_changed", "alert", "test",
)  # fmt: skip


def upgrade() -> None:
    """Go from the revision before to this one."""
    constraint, known = op.f("ck_deliveries_kind_known"), ", ".join(f"'{kind}'" for kind in DELIVERY_KINDS)
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint(constraint, type_="check")
        table.create_check_constraint(constraint, f"kind IN ({known})")
