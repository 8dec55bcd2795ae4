"""Word documents.

    docx              loads a document: its body, notes, headers and boxes in order
    docx_runs         reads what stands in a line, fields and symbols included
    docx_fields       fields whose instruction says what they show
    docx_numbering    the numbers that Word shows before paragraphs
    docx_styles       what styles say of paragraphs and runs
    docx_tables       tables as grids

Imports ``formats``' shared modules, ``tables``, ``markup`` and ``office``.
"""
