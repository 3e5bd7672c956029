"""How a process of the hub that stays behaves."""

import gc

_YOUNG = 20_000
"""Objects made before the collector looks: a load makes a thousand, and none of them is a cycle."""


def settle() -> None:
    """Once it is put together: what a process begins with is never looked through for garbage again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)
