"""The target: an unmodified Hugging Face causal LM, and everything that touches transformers' internals.

    target              prefills prompts and verifies token trees in one forward; frozen
    loading             ``load_target``, ``target_of``: loads a model and makes a target of it
    placement           which device the weights go to, whether they fit, and copies to a device that do not wait
    model_facts         what a model's configuration says: vocabulary, context, kinds of attention, what is refused; and
                        what its makers recommend: sampling and penalties
    cache_argument      the name under which a model's forward takes its cache
    capability          what a target can verify in one forward: trees, chains, or nothing drafted
    selfcheck           proves a capability at load, against forwards without a cache
    tree_trial          verifies small trees beside what they must give, and beside the same with deliberate mistakes
    rounding            tells rounding from a mistake by what was measured of both
    masks               which cached tokens each tree node may see, as 4-D float masks
    session_cache       the protocol of caches: what a scheduler may do with any of them
    quantized           int8 on a CPU: linear layers and whole blocks, exact to the bit at any tree width
    tree_cache          keys and values of many rows, rolled back and compacted in place
    state_cache         the cache of models with recurrent layers, whose states are put back
    attention           attends on a CPU over the cache as it stands, each query by itself
    row_kernels         norms, gates, rotations and int8 rounding of rows on a CPU, fused, each row by itself
    kernels/            their machine code, compiled by numba
    hidden_states       captures the last hidden states of a forward, for heads that draft from them
    oom                 turns out-of-memory errors into a return value; ``scheduling.oom_fallback`` says what is tried
                        instead

Imports verification, processors and what is below them; knows nothing of sessions, sources and scheduling (the
contract of decoding's layers in ``pyproject.toml``, which ``lint-imports`` checks).
"""
