"""Tables and records: how any table becomes rows that can be read alone, and the formats that are nothing else.

    rows              writes the rows of a table, each cell with the name of its column; any loader calls it
    side_by_side      parts tables that stand beside each other
    header_rows       finds the rows that name the columns
    cell_kinds        tells what a cell is: a number, a date, a word
    column_words      words that columns are named with
    csv               loads files of separated values
    jsonl             loads JSON: one value, or one a line

Imports ``formats``' shared modules only.
"""
