"""Presentations and workbooks, and what they share with Word documents.

    pptx              loads a presentation, slide by slide
    pptx_text         reads the paragraphs of a shape, with their bullets and numbers
    pptx_order        the order in which the shapes of a slide are read
    xlsx              loads a workbook, sheet by sheet
    xlsx_sheet        reads the rows of a sheet
    xlsx_text         the texts of cells: what is raised in them, and what is struck out
    number_formats    shows a number as a spreadsheet does
    graphics          charts and diagrams where a document shows them
    charts            charts as tables
    smart_art         diagrams as lists
    omml              writes equations as linear text
    inserted_files    adds the text of a file that a document shows as its own
    unread_parts      counts what is not read, and says it once

Imports ``formats``' shared modules and ``tables``.
"""
