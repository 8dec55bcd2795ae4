"""Likely edits: what a correction of a text may change, learned from data; for drafts only, never for the output."""
