"""Benches: one module each, with ``add_arguments(parser)`` and ``run(args, settings) -> Report``.

``app.commands.bench`` imports the one that is asked for and adds ``--json``, ``--set``, ``--config`` and the
model's flags (``--target``, ``--dtype``, ...), which arrive in ``settings``. Progress goes to stderr.
"""
