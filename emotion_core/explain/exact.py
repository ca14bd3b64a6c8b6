"""Exact Grad-CAM for all ten outputs from one forward pass, without autograd.

Grad-CAM weights the channels of the last feature map :math:`A` by the gradient of output :math:`y_k`, averaged over the
:math:`h \\cdot w` positions, and keeps what is positive:

.. math:: M_k = \\mathrm{ReLU}\\Bigl(\\sum_c \\alpha_{kc} A_c\\Bigr), \\qquad
          \\alpha_{kc} = \\frac{1}{hw} \\sum_{ij} \\frac{\\partial y_k}{\\partial A_{cij}}

Where global average pooling, :math:`p_c = \\frac{1}{hw} \\sum_{ij} A_{cij}`, is all that stands between the feature map
and the heads, the chain rule gives every position the same gradient, known in closed form from the heads alone:

.. math:: \\alpha_{kc} = \\frac{1}{hw} \\frac{\\partial y_k}{\\partial p_c}

So the ten maps are one matrix product. Before the ReLU it is more than a heat map: :math:`S_k = \\sum_c \\alpha_{kc} A_c` says
how much every position contributes to the output, for it or against it, and these contributions add up to the output itself,

.. math:: y_k = b_k + \\sum_{ij} S_{kij},

where :math:`b_k` is the bias: that of linear heads, or, of heads with a hidden layer, that of the linear piece on which the
face lies. A position therefore speaks in units of the output, which makes maps of several outputs and networks comparable.

Nothing here needs a graph: the functions run under ``torch.inference_mode``,
and on arrays of any other runtime through ``torch.from_numpy``.

References:
    R. Selvaraju et al. (2017), Grad-CAM: visual explanations from deep networks via gradient-based localization, ICCV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from emotion_core.models.network import Forward, Outputs

_EPS = 1e-7
"""Added to the largest value before dividing by it, as the grad-cam package does: it decides what tiny maps become."""


def contributions(outputs: Outputs, gradients: torch.Tensor) -> torch.Tensor:
    """What every position of the feature map adds to every output: Grad-CAM before the ReLU.

    Args:
        outputs: of one forward pass in evaluation mode; only ``feature_map``, shape ``(B, C, h, w)``, is read.
        gradients: derivatives of ``K`` outputs by the pooled features, shape ``(B, K, C)``, as
            :meth:`~emotion_core.models.network.Forward.output_gradients` gives them for all ten.

    Returns:
        Shape ``(B, K, h, w)``, in units of the output; positive where a position speaks for it, negative where it speaks
        against it. The sum over positions is the output without its bias.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    feature_map = outputs.feature_map
    if feature_map.ndim != 4 or gradients.ndim != 3 or gradients.shape[::2] != feature_map.shape[:2]:
        raise ValueError(
            f"feature_map must be of shape (B, C, h, w) and gradients (B, K, C), "
            f"not {tuple(feature_map.shape)} and {tuple(gradients.shape)}."
        )
    height, width = feature_map.shape[2:]
    # Dividing the product instead of the weights touches K * h * w values instead of K * C.
    products = torch.bmm(gradients, feature_map.flatten(2)) / (height * width)
    return products.reshape(*gradients.shape[:2], height, width)


def exact_maps(outputs: Outputs, gradients: torch.Tensor) -> torch.Tensor:
    """Grad-CAM maps before normalisation: what of :func:`contributions` is positive, same arguments and shape."""
    return contributions(outputs, gradients).relu_()


def normalise_maps(maps: torch.Tensor) -> torch.Tensor:
    r"""Scale each map to [0, 1].

    .. math:: \hat{M} = \frac{M - \min M}{10^{-7} + \max (M - \min M)}

    Args:
        maps: shape ``(..., h, w)``.

    Returns:
        Same shape, in [0, 1], at least float32. Constant maps become 0; a map's maximum is 1 only where its values are
        large against 1e-7.
    """
    if maps.dtype in (torch.float16, torch.bfloat16):
        maps = maps.float()  # half precision cannot hold 1e-7
    maps = maps - maps.amin(dim=(-2, -1), keepdim=True)
    return maps / (maps.amax(dim=(-2, -1), keepdim=True) + _EPS)


def resize_maps(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize normalised maps bilinearly and scale them to [0, 1] again.

    Interpolation lowers a peak that falls between two pixels, hence the second scaling. With normalised maps this
    equals what the grad-cam package returns: it scales at the feature map's resolution, resizes, and scales once more.

    Args:
        maps: shape ``(..., h, w)``, in [0, 1], from :func:`normalise_maps`.
        size: height and width, px.

    Returns:
        Shape ``(..., height, width)``, in [0, 1].
    """
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    resized = functional.interpolate(flat, size=size, mode="bilinear", align_corners=False)
    return normalise_maps(resized.reshape(*maps.shape[:-2], *size))


@torch.inference_mode()
def contributions_to_all(forward: Forward, images: torch.Tensor) -> tuple[Outputs, torch.Tensor]:
    """One forward pass, and what every position contributes to all ten outputs.

    Args:
        forward: a network in evaluation mode, or another runtime that offers the same.
        images: normalised, shape ``(B, 3, S, S)``.

    Returns:
        What the forward pass gave, and :func:`contributions` of shape ``(B, 10, h, w)`` in the order of
        :data:`~emotion_core.labels.OUTPUTS`. Both are inference tensors: autograd cannot use them.
    """
    outputs = forward(images)
    return outputs, contributions(outputs, forward.output_gradients(outputs.pooled))


@torch.inference_mode()
def cam_for_all(forward: Forward, images: torch.Tensor) -> tuple[Outputs, torch.Tensor]:
    """One forward pass, and the raw Grad-CAM maps of all ten outputs: as :func:`contributions_to_all`, what is positive."""
    outputs, signed = contributions_to_all(forward, images)
    return outputs, signed.relu_()
