"""One module a format, each with a ``load(data, name) -> Document`` that runs inside a worker process.

    txt, md, html      text and markup
    decoding           makes text of bytes, and says what could not be read
    charsets           tells the encoding in which bytes read best
    html_tree          bytes of a page to the tree that a browser builds
    html_survey        what must be known of a page before it is written
    html_writer        the tree to reading text: every word that a reader could make visible
    html_tables        merged cells in each row and column that they cover
    list_numbers       the markers of a list's items
    raised             exponents, note marks and indices in a line
    mathml             formulas as linear text
    front_matter       the fields before a Markdown text
    csv, xlsx, jsonl   tables and records
    xlsx_sheet         reads the rows of a sheet of a workbook
    number_formats     shows a number as a spreadsheet does
    rows               writes a row of a table as a line that can be read alone; any loader of tables calls it
    header_rows        finds the rows of a table that name its columns
    cell_kinds         tells what a cell is: a number, a date, a word
    column_words       words that columns are named with
    docx, pptx, epub   documents, slides and books: zips of XML, as xlsx is
    docx_styles        what the styles of a Word document say of paragraphs and runs
    docx_numbering     the numbers that Word shows before paragraphs
    docx_runs          reads what stands in a line of a Word document, fields and symbols included
    docx_fields        fields whose instruction says what they show
    docx_tables        the tables of a Word document as grids
    charts, smart_art  charts as tables and diagrams as lists, of any Office document
    inserted_files     adds the text of a file that a document shows as its own
    unread_parts       counts what is not read, and says it once
    pptx_text          reads the paragraphs of a shape, with their bullets and numbers
    pptx_order         the order in which the shapes of a slide are read
    opc_package        opens such a zip, and finds its parts by their relations
    omml               writes the equations of Office as linear text
    raised_text        writes superscripts and subscripts on a plain line
    numerals           shows counts as lists do: letters, Roman numerals, words
    symbol_fonts       what the letters of Symbol and Wingdings show
    pdf                reads the characters and bookmarks of a PDF
    pdf_words          the words of a page, each with its place
    pdf_rules          the lines drawn on a page, which frame tables
    pdf_margins        leaves out running titles and numbers of lines
    pdf_scripts        joins raised and lowered characters to their text
    pdf_tables         cells and rows of tables
    pdf_watermarks     leaves out watermarks
    pdf_fields         values of form fields and notes, as words of their pages
    pdf_unread         what of a PDF is not in its text, in words
    pdf_order          the order of reading: columns, tables, lines
    pdf_layout         makes paragraphs of lines, and writes rows
    archives           expands a zip into the files in it
    zip_limits         checks any zip before a library looks into it

Modules are named in ``corpora.loaders.registry`` and imported in the worker alone. Import only ``corpora.text`` and
below, ``registry`` for limits, and the format libraries.
"""
