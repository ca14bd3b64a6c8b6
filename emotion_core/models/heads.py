"""What follows the pooled features: eight logits, and valence with arousal."""

from __future__ import annotations

import torch
from torch import nn


class Head(nn.Module):
    """Dropout and a linear layer, or Dense → ReLU → dropout → linear.

    Args:
        in_features: number of pooled features ``C``.
        num_outputs: ``K``, 8 for expressions and 2 for valence and arousal.
        hidden: width of the dense layer; ``None`` for none.
        dropout: rate, in [0, 1).

    Shapes:
        ``(B, C)`` to ``(B, K)``.
    """

    def __init__(self, in_features: int, num_outputs: int, *, hidden: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden = None if hidden is None else nn.Linear(in_features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(in_features if hidden is None else hidden, num_outputs)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Outputs for pooled features."""
        if self.hidden is not None:
            pooled = torch.relu(self.hidden(pooled))
        outputs: torch.Tensor = self.output(self.dropout(pooled))
        return outputs

    def output_gradients(self, pooled: torch.Tensor) -> torch.Tensor:
        """Derivative of every output by every pooled feature, in closed form.

        Args:
            pooled: shape ``(B, C)``.

        Returns:
            Shape ``(B, K, C)``. Dropout counts as switched off, so this is the derivative in evaluation mode.
        """
        if self.hidden is None:
            # Not len(): an exported graph would hold the number that was traced.
            return self.output.weight.expand(pooled.shape[0], -1, -1)
        active = (self.hidden(pooled) > 0).to(pooled.dtype)
        return torch.einsum("kh,bh,hc->bkc", self.output.weight, active, self.hidden.weight)

    def biases(self, pooled: torch.Tensor) -> torch.Tensor:
        """What is left of every output without the products of pooled features and their derivatives, in closed form.

        Args:
            pooled: shape ``(B, C)``.

        Returns:
            Shape ``(B, K)``, in evaluation mode: outputs are ``biases + output_gradients @ pooled``.
        """
        if self.hidden is None:
            return self.output.bias.expand(pooled.shape[0], -1)
        active = (self.hidden(pooled) > 0).to(pooled.dtype)
        hidden: torch.Tensor = (active * self.hidden.bias) @ self.output.weight.T
        return self.output.bias + hidden
