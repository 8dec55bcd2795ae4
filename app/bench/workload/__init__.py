"""What benches measure: items of files, recorded outputs as token ids, and requests.

    records   JSON Lines files of a bench, read or refused whole
    traces    recorded outputs, and how a target is forced to write them
    jobs      requests as the app makes them, recorded outputs, or noise

May be imported by all benches; imports none of them.
"""
