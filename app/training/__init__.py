"""How the bundled models are made (`spandraft train`). Nothing here is needed to serve them.

Data to material: `prepare` over `data`, `grammar`, `embeddings`, `candidates`, into `material`. Stages: `config` names
them, `stages` runs each by the modules of its kind (`tasks`; `distil`, `on_policy`, `ahead_heads`, `parallel_drafts`),
`loop` steps. Then `export`, `evaluate`, `heldout`, `curves`.
"""
