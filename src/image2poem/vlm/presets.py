"""Where well-known servers of the OpenAI protocol are, and a vision model that each has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """A server by name."""

    base_url: str
    model: str
    side: int  # pixels on a picture's longer side that its model has use for
    needs_key: bool = True


PRESETS = {
    "ollama": Preset("http://localhost:11434/v1", "qwen2.5vl:3b", 768, needs_key=False),
    "vllm": Preset("http://localhost:8000/v1", "Qwen/Qwen2.5-VL-3B-Instruct", 1024, needs_key=False),
    "dashscope": Preset("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3-vl-plus", 1024),
    "siliconflow": Preset("https://api.siliconflow.cn/v1", "Qwen/Qwen3-VL-8B-Instruct", 1024),
    "zhipu": Preset("https://open.bigmodel.cn/api/paas/v4", "glm-4.6v-flash", 1024),
    "openai": Preset("https://api.openai.com/v1", "gpt-4.1-mini", 1024),
}
SIDE = 1024  # of a server that isn't listed
