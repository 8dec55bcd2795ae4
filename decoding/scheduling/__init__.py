"""Many sessions on one target: who runs, who waits, and the step that takes all of them further.

    session         the state of one request while it is drafted for, verified and committed
    scheduler       the main loop: admit, prefill, draft, verify, commit; a ``Slot`` is what it keeps of a session
    waiting_queue   bounded first-in first-out queue of sessions that have not been admitted
    fair_lock       a lock that goes to whoever has waited longest
    prefix_cache    caches of finished sessions, for prompts that begin alike
    oom_fallback    the smaller forwards that replace one that does not fit the memory; ``target.oom`` notices that it
                    ran out

In this floor imported by ``engine`` alone; the app imports ``session``, to hold what the engine gives it. Imports
drafting, cuda, target, verification and what is below them.
"""
