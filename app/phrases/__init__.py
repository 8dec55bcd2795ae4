"""What drafting knows of common English before the first request.

    table   the table of phrases as counts over a tokenizer's ids, and which ids are variants of one word

Knows a tokenizer of the ``tokenizers`` library, no target. Imported by loading, bench and training.
"""
