"""What can be set, checked once. Loads no library, so that ``spandraft --help`` is quick.

Reading order:

    settings            every setting with its type, default and origin
    parsers             what a value may be
    generation_options  what one call may ask for, over the settings
    corpus_options      how documents are chunked, as far as the settings say it

Imports only app.errors and lower floors. Any folder of app may import it.
"""
