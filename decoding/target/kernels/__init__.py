"""Machine code for the CPU path of a target, compiled by numba and kept on disk.

    calls               runs a kernel on the memory of tensors, on torch's own threads
    memory              pointers and shares of the work, for the loops below
    arithmetic          ``exp`` that rounds alike everywhere
    attention_loops     attention of a few queries over many keys
    tiles               its innermost steps as vector instructions
    row_loops           norms, gates, rotations and int8 rounding of rows

numba keeps the code of a kernel with the time and size of that kernel's own file. Without a folder in NUMBA_CACHE_DIR
for each version of the sources, as the app has it (``app.loading.environment``), the code lies in ``__pycache__``
beside each file, and an edit of ``tiles`` or ``arithmetic`` is not seen: delete it there after one.

Nothing here knows a model. All but ``calls`` import numba, which takes a while: import them when they are first used.
"""
