"""Where the arithmetic runs: device, precision, threads, and how fast it could be at best."""

from __future__ import annotations

import ctypes
import sys
import time

import torch

from trainer.settings import TrainSettings

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt(3)


def resolve_device(name: str) -> torch.device:
    """The device that a name means; 'auto' is CUDA where there is one, else the CPU.

    Raises:
        ValueError: torch knows no such device, or this machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch raises all three for devices it cannot use
        raise ValueError(f"device {name!r} cannot be used here ({str(error).splitlines()[0]}); give auto or cpu") from error
    return device


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """Type of activations and products; 'auto' is bfloat16 where the device multiplies it natively.

    On 2 cores of an AMD EPYC with AVX512_BF16 a training step takes 0.52 times as long as in float32; without such
    instructions bfloat16 is emulated and slower than float32.
    """
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return torch.bfloat16 if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else torch.float32


def prepare(settings: TrainSettings) -> tuple[torch.device, torch.dtype]:
    """Set threads and memory reuse for this process, and resolve device and precision."""
    device = resolve_device(settings.device)
    if device.type == "cpu":
        torch.set_num_threads(settings.threads)
        _keep_memory()
    return device, resolve_precision(settings.precision, device)


def peak_flops(settings: TrainSettings, device: torch.device, precision: torch.dtype, products: int = 32) -> float:
    """FLOP per second that MFU is a share of: as stated, or of the best of some square matrix products."""
    if settings.peak_teraflops:
        return settings.peak_teraflops * 1e12
    size = 8192 if device.type == "cuda" else 1024
    left, right = (torch.randn(size, size, device=device).to(precision) for _ in range(2))
    best = float("inf")
    for _ in range(products):
        start = time.perf_counter()
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * size**3 / best


def _keep_memory() -> None:
    """Let glibc hand freed tensors out again rather than unmap them: fresh pages are zeroed by the kernel at every allocation, which
    took a quarter of the loss's time (164 to 122 ms per 4,096 tokens of 4,096 pieces).
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 25)
        libc.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
