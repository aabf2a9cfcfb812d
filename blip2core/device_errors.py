"""Errors of the device that a model runs on, told apart from those of what it worked on.

PyTorch has a class for few of them; the others are RuntimeErrors that name the library which
failed: where another program has taken a GPU's memory, it is as often cuDNN's "internal error" as
"out of memory".
"""

from collections.abc import Iterator
from contextlib import contextmanager

from blip2core.errors import DeviceError

_CLASSES = ("OutOfMemoryError", "AcceleratorError")
"""Names of the classes of PyTorch: nothing is imported for them."""
_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
_FAILED = (
    *("CUDA error", "CUDA driver error", "cuDNN error", "CUDNN_STATUS", "CUBLAS_STATUS"),
    *("CUSOLVER_STATUS", "NCCL error", "HIP error", "MPS backend", "XPU error"),
)
NO_MEMORY = (
    "The device has no memory left for this: end what else uses it (on a GPU, nvidia-smi shows "
    "that), or work on less at once."
)
_LONGEST = 120
"""Characters of the library's own words that are told."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the memory of a device, or of this machine, did not suffice."""
    if isinstance(error, MemoryError) or type(error).__name__ == _CLASSES[0]:
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _MEMORY)


def device_error(error: BaseException) -> DeviceError | None:
    """Return what to tell where the device failed; None where something else did."""
    if is_out_of_memory(error):
        return DeviceError(NO_MEMORY)
    known = type(error).__name__ in _CLASSES
    if not isinstance(error, RuntimeError) or not (
        known or any(words in str(error) for words in _FAILED)
    ):
        return None
    said = str(error).partition("\n")[0].partition(" when calling ")[0][:_LONGEST].rstrip(". ")
    return DeviceError(
        f"The device failed ({said}): another program may hold its memory (on a GPU, nvidia-smi "
        "shows that), or it has to be started again. The CPU does the same, slower."
    )


@contextmanager
def device_errors() -> Iterator[None]:
    """Raise DeviceError for a failure of the device inside; other errors as they are."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        told = device_error(error)
        if told is None:
            raise
        raise told from error
