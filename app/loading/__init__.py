"""app/loading."""
