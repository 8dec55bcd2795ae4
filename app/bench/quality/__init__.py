"""How often the app is right, on files of items with known answers.

    answers   the bench `answers`: right, verbatim, rightly refused
    grammar   the bench `grammar`: GLEU of corrections
    gleu      the measure for corrections

Imports workload and report. May be imported by the benches drafters and criteria and, for gleu, by training.
"""
