"""app/ui/chat."""
