"""What the processor of this machine can do in hardware. What is NOT here: GPUs."""

from __future__ import annotations

import platform

import torch

__all__ = ["emulates_bfloat16"]

X86 = ("x86_64", "amd64", "i386", "i686")


def emulates_bfloat16() -> bool:
    """Whether products in bfloat16 on this CPU are emulated, several times slower than float32.

    So it is on x86 without AVX512-BF16 and AMX; other processors are given the benefit of doubt.
    """
    if platform.machine().lower() not in X86:
        return False
    return not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
