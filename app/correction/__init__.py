"""One text to its correction, sentence by sentence.

    stream         ``CorrectionStream``: segments, requests, checks, edits; ``EditProposer`` is handed in
    segments       a text in segments to correct, and what is better left alone
    meaning_check  whether a correction kept what its sentence says
    diff           edits between two texts; white space put back

Imports generation, likely_edits (words), config, errors and lower floors. Imported by pipeline and bench.
"""
