"""app/output."""
