"""app/ui/library."""
