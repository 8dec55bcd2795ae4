"""app/conversations."""
