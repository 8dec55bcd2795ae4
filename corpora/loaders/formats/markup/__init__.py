"""Pages, Markdown and books: one tree, as a browser builds it, and one walk over it.

    html              loads a page
    md                loads Markdown, rendered to a page
    epub              loads a book, a zip of pages
    html_tree         bytes of a page to the tree that a browser builds
    html_survey       what must be known of a page before it is written
    html_writer       the tree to reading text: every word that a reader could make visible
    html_tables       merged cells in each row and column that they cover
    list_numbers      the markers of a list's items
    mathml            formulas as linear text
    front_matter      the fields before a Markdown text

Imports ``formats``' shared modules and ``tables``.
"""
