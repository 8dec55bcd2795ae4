"""One module a format, each with a ``load(data, name) -> Document`` that runs inside a worker process.

    txt            plain text, and logs
    subtitles      what is said in a film, and when
    markup/        pages, Markdown and books
    tables/        csv, JSON, and how any table becomes rows that can be read alone
    office/        presentations, workbooks, and what they share with Word documents
    word/          Word documents
    pdf/           PDFs, read by the places of their words
    archives       expands a zip into the files in it

What several formats need:

    decoding       bytes to text, and what was lost on the way
    charsets       tells encodings without a mark by the letters of a language
    opc_package    opens an Office file or a book, a zip of XML, and finds its parts by their relations
    zip_limits     checks any zip before a library looks into it
    raised_text    writes superscripts and subscripts on a plain line
    symbol_fonts   what the letters of Symbol and Wingdings show
    numerals       shows counts as lists do: letters, Roman numerals, words

Modules are named in ``corpora.loaders.registry`` and imported in the worker alone. Import only ``corpora.text`` and
below, ``registry`` for limits, and the format libraries. Of the folders, ``word`` imports ``office``, ``markup`` and
``txt``, all of these and ``pdf`` import ``tables``; never the other way.
"""
