"""Benches: measure speed and quality on this machine; README.md beside this file holds the published figures.

A bench is a module with ``add_arguments(parser)`` and ``run(args, settings) -> Report``. `app.commands.bench` imports
the one that is asked for and adds ``--json``, ``--set``, ``--config`` and the model's flags (``--target``, ``--dtype``,
...), which arrive in ``settings``. Progress goes to stderr.

Shared by all benches:
    report      what a bench returns, the machine it ran on, and the page with the published tables
    picture     an empty matplotlib figure, and how it becomes a file
    methods     the bench `methods`: published methods, and which drafter each needs
    workload/   what is measured: records from files, recorded outputs, requests
Benches:
    replay/     tokens a step on recorded outputs, without a model; makes the records, too
    speed/      tokens a second, beside Hugging Face and llama.cpp; many requests at once; flips of reduced precision
    indexing    how fast documents are embedded, and what the number format costs
    drafters    each drafter alone, and what it adds to the tree
    quality/    how often answers and corrections are right
    criteria/   what lossy acceptance costs and buys

Imports point up this list only: workload knows no bench; speed and replay import workload and methods; drafters imports
quality as well; criteria imports quality and methods. The library, the page and the commands' other modules import
nothing of it; `app.training.evaluation` imports picture and quality.gleu.
"""
