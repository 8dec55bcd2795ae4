"""Worker processes for loaders: a file may be hostile and its parser broken, and neither may cost more than the file.

    wire_format       a task, its answer and how the worker ended, as bytes; nothing that a worker writes is believed
    sandbox           what a worker gives up before it sees a byte: memory, network, files, system calls
    worker            inside a worker: one task to the bytes of its answer
    fork_server       a process with the loaders imported, which forks a sandboxed worker for each task
    client            our side of the fork server: starts it, hands it tasks, starts another when it has died
    spawn_fallback    a worker process started anew for each task, where there is no fork server

``corpora.loaders.sandboxed_loader`` is the only importer from outside.
"""
