"""app/phrases."""
