"""Fused row operations equal plain formulas, and a row becomes the same whatever stands beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from decoding.target import row_kernels
from decoding.target.row_kernels import ZERO_POINT, Int8Rows

SIZES = [(1, 16), (3, 24), (16, 576), (5, 7), (300, 576)]


def _rows(rows: int, size: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x_ND = torch.randn((rows, size), generator=generator) * torch.rand((rows, 1), generator=generator) * 10
    x_ND[rows // 2] *= 1e-3
    return x_ND


def _values(rows: Int8Rows) -> torch.Tensor:
    """(N, D) float64 numbers that stand for the rows."""
    count = len(rows.scales_N)
    digits_PD = rows.digits_PD.double() - ZERO_POINT
    values_ND = digits_PD[:count]
    if len(digits_PD) > count:
        values_ND = values_ND + digits_PD[count:] / 254
    return values_ND * rows.scales_N[:, None].double()


def _is_rounding_of(rows: Int8Rows, x_ND: torch.Tensor) -> None:
    assert rows.digits_PD.dtype is torch.uint8
    assert torch.equal(rows.scales_N, x_ND.abs().amax(1) / 127)
    assert torch.equal(rows.digits_PD.int() - ZERO_POINT, torch.round(x_ND / rows.scales_N[:, None]).int())


@pytest.mark.parametrize(("rows", "size"), SIZES)
def test_quantized_rows(rows: int, size: int) -> None:
    x_ND = _rows(rows, size)
    _is_rounding_of(row_kernels.quantized(x_ND), x_ND)


@pytest.mark.parametrize(("rows", "size"), SIZES)
def test_second_digits_are_the_rest(rows: int, size: int) -> None:
    x_ND = _rows(rows, size)
    both = row_kernels.quantized(x_ND, digits=2)
    assert torch.equal(both.digits_PD[:rows], row_kernels.quantized(x_ND).digits_PD)
    error_ND = (_values(both) - x_ND.double()).abs()
    assert (error_ND <= 0.51 / 254 * both.scales_N[:, None]).all()


def test_halves_go_to_even_and_a_row_of_zeros_stays() -> None:
    rows = row_kernels.quantized(torch.tensor([[127.0, 0.5, 1.5, -2.5, -0.5], [0.0, 0.0, 0.0, 0.0, 0.0]]))
    assert (rows.digits_PD.int() - ZERO_POINT).tolist() == [[127, 0, 2, -2, 0], [0] * 5]
    assert rows.scales_N.tolist() == [1.0, 1.0]


def test_what_is_not_a_number_is_not_hidden() -> None:
    rows = row_kernels.quantized(torch.tensor([[1.0, float("nan"), 2.0], [1.0, 3.0, 2.0]]))
    assert rows.scales_N.isnan().tolist() == [True, False]


@pytest.mark.parametrize("digits", [1, 2])
@pytest.mark.parametrize(("rows", "size"), SIZES)
def test_normed_rows(rows: int, size: int, digits: int) -> None:
    x_ND, weight_D = _rows(rows, size), _rows(1, size, seed=1)[0]
    result = row_kernels.normed(x_ND, weight_D, epsilon=1e-5, digits=digits)
    exact_ND = x_ND.double() * torch.rsqrt(x_ND.double().pow(2).mean(1, keepdim=True) + 1e-5) * weight_D
    _is_close(result, exact_ND, digits)


def _is_close(result: Int8Rows, exact_ND: torch.Tensor, digits: int) -> None:
    scales_N = exact_ND.abs().amax(1) / 127
    torch.testing.assert_close(result.scales_N.double(), scales_N, rtol=1e-6, atol=0)
    step = 1.0 if digits == 1 else 1 / 254
    assert ((_values(result) - exact_ND).abs() <= 0.51 * step * scales_N[:, None]).all()


@pytest.mark.parametrize("digits", [1, 2])
@pytest.mark.parametrize(("rows", "size"), SIZES)
def test_gated_rows(rows: int, size: int, digits: int) -> None:
    x_ND = torch.cat((_rows(rows, size), _rows(rows, size, seed=1)), 1)
    x_ND[0, :2] = torch.tensor([200.0, -200.0])
    given_N = torch.linspace(0.5, 2, rows)
    scaled_ND = x_ND.double() * given_N[:, None].double()
    exact_ND = torch.nn.functional.silu(scaled_ND[:, :size]) * scaled_ND[:, size:]
    _is_close(row_kernels.gated(x_ND, given_N, digits=digits), exact_ND, digits)


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


@pytest.mark.parametrize("digits", [1, 2])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("with_rows", [False, True])
def test_finished_products(with_bias: bool, with_rows: bool, digits: int) -> None:
    products_PO, scales_N = _rows(7 * digits, 40), _rows(1, 7, seed=1)[0].abs()
    bias_O = _rows(1, 40, seed=2)[0] if with_bias else None
    plus_NO = _rows(7, 40, seed=3) if with_rows else None
    expected_NO = products_PO[:7].double() * scales_N[:, None]
    if digits == 2:
        expected_NO = expected_NO + products_PO[7:].double() * scales_N[:, None] / 254
    if bias_O is not None:
        expected_NO = expected_NO + bias_O
    if plus_NO is not None:
        expected_NO = expected_NO + plus_NO
    finished_NO = row_kernels.finished(products_PO.clone(), scales_N, bias_O=bias_O, plus_NO=plus_NO)
    torch.testing.assert_close(finished_NO.double(), expected_NO, rtol=1e-5, atol=1e-5)


def _normed(x_ND: torch.Tensor) -> Int8Rows:
    return row_kernels.normed(x_ND, torch.linspace(-2, 2, x_ND.shape[1]), epsilon=1e-6, digits=2)


def _gated(x_ND: torch.Tensor) -> Int8Rows:
    return row_kernels.gated(x_ND, x_ND[:, 0].abs().contiguous(), digits=2)


@pytest.mark.parametrize("operation", [_normed, _gated])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_is_computed_by_itself(operation: Callable[[torch.Tensor], Int8Rows], threads: int) -> None:
    """One by one, in small runs, and all together on any number of threads: bit for bit the same."""
    x_ND = _rows(2100, 530)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        whole = operation(x_ND)
    finally:
        torch.set_num_threads(before)
    for first, last in [(0, 1), (1, 2), (7, 24), (2099, 2100)]:
        part = operation(x_ND[first:last].clone())
        assert torch.equal(part.scales_N, whole.scales_N[first:last])
        both_PD = torch.cat((whole.digits_PD[first:last], whole.digits_PD[2100 + first : 2100 + last]))
        assert torch.equal(part.digits_PD, both_PD)
