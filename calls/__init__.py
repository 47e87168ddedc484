"""Calling out: the shops from which orders are read."""
