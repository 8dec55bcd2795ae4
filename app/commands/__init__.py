"""The sub-commands of ``spandraft``: each module adds its parser and runs it. Heavy imports stay inside the functions.

    options            settings as flags, paths as arguments; the argument parser
    terminal           results to stdout, the rest to stderr, one JSON document; lines that are redrawn
    loading            the pipeline that `ask`, `fix` and `serve` work with
    ask                ask, search
    fix                fix
    corpus             the parsers of `corpus`; its actions are in the next four
    corpus_add         add, sync
    corpus_documents   list, show, remove
    corpus_jobs        jobs
    corpus_upkeep      verify, rebuild, export, import
    models             models: list, get, import, remove
    serve              serve: the only command that imports the page
    doctor             doctor
    bench              bench
    train              train
    config             config

Imported by `app.cli` alone. May import every folder of `app`; of `app.ui` only `serve` does, when it runs.
"""
