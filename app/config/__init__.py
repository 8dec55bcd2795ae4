"""app/config."""
