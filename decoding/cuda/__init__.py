"""The target's forwards in fixed shapes, each recorded once as a CUDA graph and then replayed.

    graphs              ``CudaGraphs``: whether a target's forwards run as graphs; captures and replays them; the fixed
                        shapes, and the inputs of a forward in one block
    pool_cache          one long-lived cache whose buffers keep their addresses
    grouped_attention   grouped-query attention without copies of keys and values

Imports target and what is below it; never scheduling.
"""
