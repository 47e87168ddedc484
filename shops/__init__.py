"""What each shop sends, turned into one validated order message; pure (no Flask, no database, no clock)."""
