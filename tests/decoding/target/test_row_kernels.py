"""Fused row operations equal plain formulas, and a row becomes the same whatever stands beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from decoding.target import row_kernels
from decoding.target.row_kernels import Int8Rows

SIZES = [(1, 16), (3, 24), (16, 576), (5, 7), (300, 576)]


def _rows(rows: int, size: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x_ND = torch.randn((rows, size), generator=generator) * torch.rand((rows, 1), generator=generator) * 10
    x_ND[rows // 2] *= 1e-3
    return x_ND


def _is_rounding_of(rows: Int8Rows, x_ND: torch.Tensor) -> None:
    assert rows.values_ND.dtype is torch.int8
    assert torch.equal(rows.scales_N, x_ND.abs().amax(1) / 127)
    assert torch.equal(rows.values_ND, torch.round(x_ND / rows.scales_N[:, None]).to(torch.int8))


@pytest.mark.parametrize(("rows", "size"), SIZES)
def test_quantized_rows(rows: int, size: int) -> None:
    x_ND = _rows(rows, size)
    _is_rounding_of(row_kernels.quantized(x_ND), x_ND)


def test_halves_go_to_even_and_a_row_of_zeros_stays() -> None:
    rows = row_kernels.quantized(torch.tensor([[127.0, 0.5, 1.5, -2.5, -0.5], [0.0, 0.0, 0.0, 0.0, 0.0]]))
    assert rows.values_ND.tolist() == [[127, 0, 2, -2, 0], [0] * 5]
    assert rows.scales_N.tolist() == [1.0, 1.0]


def test_what_is_not_a_number_is_not_hidden() -> None:
    rows = row_kernels.quantized(torch.tensor([[1.0, float("nan"), 2.0], [1.0, 3.0, 2.0]]))
    assert rows.scales_N.isnan().tolist() == [True, False]


@pytest.mark.parametrize(("rows", "size"), SIZES)
def test_normed_rows(rows: int, size: int) -> None:
    x_ND, weight_D = _rows(rows, size), _rows(1, size, seed=1)[0]
    out_ND, quantized = row_kernels.normed(x_ND, weight_D, epsilon=1e-5)
    exact_ND = x_ND.double() * torch.rsqrt(x_ND.double().pow(2).mean(1, keepdim=True) + 1e-5) * weight_D
    torch.testing.assert_close(out_ND.double(), exact_ND, rtol=1e-6, atol=1e-9)
    _is_rounding_of(quantized, out_ND)


@pytest.mark.parametrize(("rows", "size"), SIZES)
def test_gated_rows(rows: int, size: int) -> None:
    x_ND = torch.cat((_rows(rows, size), _rows(rows, size, seed=1)), 1)
    x_ND[0, :2] = torch.tensor([200.0, -200.0])
    exact_ND = torch.nn.functional.silu(x_ND[:, :size].double()) * x_ND[:, size:]
    gated = row_kernels.gated(x_ND)
    scales_N = exact_ND.abs().amax(1) / 127
    torch.testing.assert_close(gated.scales_N.double(), scales_N, rtol=1e-6, atol=0)
    error_ND = (gated.values_ND * gated.scales_N[:, None].double() - exact_ND).abs()
    assert (error_ND <= 0.501 * scales_N[:, None]).all()


@pytest.mark.parametrize("rotary", [8, 16])
def test_rotated_heads(rotary: int) -> None:
    x_NO = _rows(5, 4 * 16)
    cosines_NR, sines_NR = _rows(5, rotary, seed=1), _rows(5, rotary, seed=2)
    rotated_NO = x_NO.clone()
    row_kernels.rotate(rotated_NO, cosines_NR, sines_NR, heads=3, size=16)
    for head in range(3):
        turned = slice(head * 16, head * 16 + rotary)
        first_NR, second_NR = x_NO[:, turned].chunk(2, dim=1)
        exact_NR = x_NO[:, turned] * cosines_NR + torch.cat((-second_NR, first_NR), 1) * sines_NR
        torch.testing.assert_close(rotated_NO[:, turned], exact_NR, rtol=1e-5, atol=1e-5)
        assert torch.equal(
            rotated_NO[:, head * 16 + rotary : head * 16 + 16], x_NO[:, head * 16 + rotary :][:, : 16 - rotary]
        )
    assert torch.equal(rotated_NO[:, 48:], x_NO[:, 48:])


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("with_rows", [False, True])
def test_dequantized_sums(with_bias: bool, with_rows: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    sums_NO = torch.randint(-(2**22), 2**22, (7, 40), generator=generator, dtype=torch.int32)
    scales_N, scales_O = torch.rand(7, generator=generator), torch.rand(40, generator=generator)
    bias_O = torch.rand(40, generator=generator) if with_bias else None
    plus_NO = torch.rand((7, 40), generator=generator) if with_rows else None
    expected_NO = sums_NO.float() * scales_N[:, None] * scales_O
    if bias_O is not None:
        expected_NO = expected_NO + bias_O
    if plus_NO is not None:
        expected_NO = expected_NO + plus_NO
    assert torch.equal(
        row_kernels.dequantized(sums_NO, scales_N, scales_O, bias_O=bias_O, plus_NO=plus_NO), expected_NO
    )


def _normed(x_ND: torch.Tensor) -> tuple[torch.Tensor, ...]:
    out_ND, rows = row_kernels.normed(x_ND, torch.linspace(-2, 2, x_ND.shape[1]), epsilon=1e-6)
    return out_ND, rows.values_ND, rows.scales_N


def _gated(x_ND: torch.Tensor) -> tuple[torch.Tensor, ...]:
    rows = row_kernels.gated(x_ND)
    return rows.values_ND, rows.scales_N


@pytest.mark.parametrize("operation", [_normed, _gated])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_is_computed_by_itself(
    operation: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], threads: int
) -> None:
    """One by one, in small runs, and all together on any number of threads: bit for bit the same."""
    x_ND = _rows(2100, 530)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        whole = operation(x_ND)
    finally:
        torch.set_num_threads(before)
    for first, last in [(0, 1), (1, 2), (7, 24), (2099, 2100)]:
        for part, of in zip(operation(x_ND[first:last].clone()), whole, strict=True):
            assert torch.equal(part, of[first:last])
