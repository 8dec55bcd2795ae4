"""Tokens a step on recorded outputs, without a model ("forced decoding").

    bench     the bench `replay`: options and figures
    replays   replays records with a method, on token ids alone or on a target
    plot      the picture: acceptance length against the budget
    figures   renews the tables of app/bench/README.md (run by hand)
    record    the bench `record`: makes the bundled records

Imports workload, methods, report, picture. Nothing imports it.
"""
