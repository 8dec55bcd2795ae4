"""``spandraft doctor``: examines this installation and machine, one line a finding, each problem with a remedy.

    examine        runs all checks in order; a check that breaks is a finding, too
    installation   `Finding`: what a check says; versions, a double faiss, other owners of our package names, Chromium;
                   processor and GPU, number formats, free memory, free disk
    models         are the files of the models there, are they the ones that were shipped
    drafting       loads the target: does it verify trees, chains or no drafts; do the drafters fit it

A check may fail, it never raises; heavy libraries are imported inside the checks that need them. Imported by
`app.commands.doctor`; imports `app.config`, `app.loading` and the lower floors.
"""
