"""Score-CAM of the grad-cam package, in little memory and without its progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import ScoreCAM
from torch.nn import functional


class ChunkedScoreCAM(ScoreCAM):  # type: ignore[misc]  # the package has no types
    """Score-CAM that masks the image with a few channels at a time.

    The package builds the masked images of all channels first, 1.2 GB for 2,048 channels at 224 px, lets its hooks keep
    the feature map of each of them, and draws a progress bar on stderr. The weights are the same.
    """

    batch_size = 32
    """Masked images a forward pass."""

    progress: Callable[[float], object] | None = None
    """Called with the share that is done."""

    def get_cam_weights(
        self,
        input_tensor: torch.Tensor,
        target_layers: object,
        targets: Sequence[Any],
        activations: NDArray[np.float32],
        grads: object,
    ) -> NDArray[np.float32]:
        """Softmax over the channels of the output for the image masked with each of them.

        Args:
            input_tensor: normalised images, shape ``(B, 3, S, S)``.
            target_layers: unused.
            targets: for each image, what takes ``(N, K)`` outputs to ``(N,)`` scores.
            activations: feature maps, shape ``(B, C, h, w)``.
            grads: unused.

        Returns:
            Shape ``(B, C)``; each row sums to 1.
        """
        weights = []
        done, total = 0, activations.shape[0] * activations.shape[1]
        for image, target, channels in zip(input_tensor, targets, torch.from_numpy(activations), strict=True):
            scores = []
            for some in channels.to(image.device).split(self.batch_size):
                scores.append(self._scores(image, target, some))
                done += len(some)
                if self.progress is not None:
                    self.progress(done / total)
            weights.append(torch.cat(scores).softmax(dim=0))
        stacked: NDArray[np.float32] = torch.stack(weights).cpu().numpy()
        return stacked

    @torch.no_grad()
    def _scores(self, image: torch.Tensor, target: Any, channels: torch.Tensor) -> torch.Tensor:
        # Corners are aligned here, unlike where the finished map is resized, because the package does so.
        masks = functional.interpolate(channels[:, None], image.shape[-2:], mode="bilinear", align_corners=True)
        low, high = masks.amin(dim=(2, 3), keepdim=True), masks.amax(dim=(2, 3), keepdim=True)
        scores: torch.Tensor = target(self.model(image * ((masks - low) / (high - low + 1e-8))))
        self.activations_and_grads.clear()  # the hook keeps every forward pass
        return scores
