"""PDFs, read by the places of their words, whatever order these were drawn in.

    pdf               loads a PDF: its pages, bookmarks and values
    pdf_words         the words of a page, each with its place
    pdf_rules         the lines drawn on a page, which frame tables
    pdf_struck        leaves out words that were struck out
    pdf_margins       leaves out running titles and numbers of lines
    pdf_watermarks    leaves out watermarks
    pdf_scripts       joins raised and lowered characters to their text
    pdf_fields        values of form fields and notes, as words of their pages
    pdf_ticks         boxes to be ticked that are drawn, as values of fields
    pdf_tables        cells and rows of tables
    pdf_order         the order of reading: columns, tables, lines
    pdf_layout        makes paragraphs of lines, and writes rows
    pdf_unread        what of a PDF is not in its text, in words

Imports ``formats``' shared modules and ``tables``.
"""
