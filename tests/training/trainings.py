"""A small training of three phases."""

from __future__ import annotations

from dataclasses import replace

from emotion_core.data.transforms import Augmentation
from emotion_core.models.network import NetworkConfig
from emotion_core.training.config import LossConfig, Phase, TrainConfig

CONFIG = TrainConfig(
    network=NetworkConfig(backbone="custom_cnn", input_size=32, dropout=0.1),
    loss=LossConfig(mse=1.0, ccc=0.5, label_smoothing=0.05, class_weights="inverse"),
    augmentation=Augmentation(rotate=5.0, scale=0.05, shift=0.02, brightness=0.05, contrast=0.05, erase=0.2, grey=0.1),
    phases=(
        Phase(name="heads", epochs=2, lr=8e-3, stages=0, views=2),
        Phase(name="some", epochs=1, lr=8e-3, stages=2),
        Phase(name="all", epochs=2, lr=8e-3, backbone_lr=4e-3, schedule="plateau", patience=1),
    ),
    batch_size=10,
    ema_decay=0.5,
    select="accuracy + ccc",
    seed=5,
)
SHORT = replace(CONFIG, phases=(Phase(name="all", epochs=1, lr=4e-3),), batch_size=25)
