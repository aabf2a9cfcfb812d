"""What a device failed with is told from what the work itself failed with."""

import pytest
import torch

from blip2core.device_errors import device_error, device_errors, is_out_of_memory
from blip2core.errors import DeviceError

CUBLAS = (
    "CUDA error: CUBLAS_STATUS_INTERNAL_ERROR when calling `cublasSgemm( handle, opa, opb, m, n, "
    "k, &alpha, a, lda, b, ldb, &beta, c, ldc)`"
)
"""What an H200 said whose memory another program had taken."""


class AcceleratorError(RuntimeError):
    """As torch has it from version 2.8 on."""


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        AcceleratorError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'"),
        RuntimeError("MPS backend out of memory (MPS allocated: 18.06 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
)
def test_no_memory(error: Exception) -> None:
    assert is_out_of_memory(error)
    told = device_error(error)
    assert told is not None and "no memory left" in str(told)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"), "CUDNN_STATUS_INTERNAL_ERROR)"),
        (RuntimeError(CUBLAS), "(CUDA error: CUBLAS_STATUS_INTERNAL_ERROR)"),
        (AcceleratorError("something new\nin three\nlines"), "(something new)"),
    ],
)
def test_failed(error: Exception, said: str) -> None:
    assert not is_out_of_memory(error)
    told = device_error(error)
    assert told is not None and said in str(told) and len(str(told)) < 320
    assert "\n" not in str(told) and str(told).endswith(".")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        ValueError("CUDA error"),
        KeyError("out of memory"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_others_are_not_of_the_device(error: Exception) -> None:
    assert device_error(error) is None
    with pytest.raises(type(error)), device_errors():
        raise error


def test_inside_they_become_a_sentence() -> None:
    with pytest.raises(DeviceError, match="nvidia-smi") as told, device_errors():
        raise torch.OutOfMemoryError("CUDA out of memory.")
    assert isinstance(told.value.__cause__, torch.OutOfMemoryError)
