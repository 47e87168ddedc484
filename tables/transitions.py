"""The legal steps of everything that has a state: the one table, which the database enforces too (`tables.guards`)."""

TRANSITIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "invoice_requests": {
        "requested": ("waiting", "scheduled", "cancelled"),
        "waiting": ("scheduled", "cancelled"),
        "scheduled": ("waiting", "issued", "cancelled", "needs_attention"),
        # « requested » again: what was only a specimen begins anew once the installation is live.
        "issued": ("rendered", "needs_attention", "requested"),
        "rendered": ("sent", "needs_attention", "requested"),
        "sent": ("needs_attention", "requested"),  # A mail can come back days later.
        "cancelled": ("requested",),
        "needs_attention": ("scheduled", "issued", "rendered", "sent", "cancelled", "requested"),
    },
    "deliveries": {
        "pending": ("sending", "failed"),
        "sending": ("sent", "pending", "failed", "unknown"),
        "sent": ("failed",),  # A mail can come back days later.
        "failed": (),
        "unknown": ("failed",),
    },
    "corrections": {
        "requested": ("accepted", "declined"),
        "accepted": (),
        "declined": (),
    },
    "shops": {
        "open": ("closed",),
        "closed": ("open",),
    },
    "shop_messages": {
        "received": ("applied", "ignored", "failed"),
        "applied": (),
        "ignored": (),
        "failed": ("received", "ignored"),
    },
    "data_exports": {
        "requested": ("made", "failed"),
        "made": (),
        "failed": (),
    },
    "uploads": {
        "uploaded": ("previewed", "failed"),
        "previewed": ("confirmed", "failed"),
        "confirmed": ("imported", "failed"),
        "imported": (),
        "failed": (),
    },
}


class IllegalTransition(Exception):
    """A row was to go where no step leads from its state."""


def require(table: str, before: str, after: str) -> None:
    """Raise IllegalTransition unless the step is legal; staying where it is always is."""
    if after != before and after not in TRANSITIONS[table][before]:
        raise IllegalTransition(f"{table}: no step leads from {before} to {after}")


def states(table: str) -> tuple[str, ...]:
    """Return the states of the rows of that table, the first one first."""
    return tuple(TRANSITIONS[table])
