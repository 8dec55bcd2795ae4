"""What lossy acceptance costs in quality and diversity, and what it buys in speed.

    bench     the bench `criteria`: options, and the runs at each temperature
    trial     the rules by name, and an engine that applies one
    tasks     answers and corrections with their measures
    scores    figures of one rule on one task, with bootstrap intervals
    figures   the rows as a table and a picture; renews app/bench/README.md (run by hand)

Imports quality, workload, methods, report, picture. Nothing imports it.
"""
