"""What lives as long as the process is not the garbage collector's business."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Everything made within stays: the collector looks at it neither now nor later. A city of a million devices is
    read in half the time so, and nothing stands still now and then while it is looked through for garbage."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
