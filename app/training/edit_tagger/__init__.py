"""app/training/edit_tagger."""
