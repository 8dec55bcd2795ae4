"""app/answering."""
