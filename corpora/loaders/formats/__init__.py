"""One module a format, each with a ``load(data, name) -> Document`` that runs inside a worker process.

Text      txt, md, html; ``decoding`` tells their encoding
Tables    csv, xlsx, jsonl; ``rows`` writes a row as a line that can be read alone
Office    docx, pptx, xlsx, epub are zips of XML: ``opc_package`` opens them, ``zip_limits`` checks the zip first
PDF       pdf reads characters and bookmarks, ``pdf_layout`` makes lines and paragraphs of them
Archives  ``archives`` expands a zip into the files in it

Modules are named in ``corpora.loaders.registry`` and imported in the worker alone. Import only ``corpora.text`` and
below, ``registry`` for limits, and the format libraries.
"""
