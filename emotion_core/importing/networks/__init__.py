"""Networks that their users bring along: ONNX graphs, timm, Hugging Face Transformers; never pickle."""

from __future__ import annotations

from emotion_core.importing.networks.given import Given, read_outputs_list
from emotion_core.importing.networks.measure import measure_network
from emotion_core.importing.networks.network import OwnNetwork
from emotion_core.importing.networks.opening import open_network
from emotion_core.importing.networks.photos import read_faces

__all__ = ["Given", "OwnNetwork", "measure_network", "open_network", "read_faces", "read_outputs_list"]
