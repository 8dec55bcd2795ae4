"""The sub-commands of ``spandraft``: each module adds its parser and runs it. Heavy imports stay inside `run`."""
