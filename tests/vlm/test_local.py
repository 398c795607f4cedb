"""A VLM in this process: a tiny one, made here, through the same doors that a real one goes through.

It needs torch and transformers, which `make train-test` has; elsewhere it is skipped.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from vlm_server import says, serving

from image2poem import ImageToPoem, Settings
from image2poem.errors import ModelError, VlmError
from image2poem.model import Provenance
from image2poem.vlm import load_vlm
from image2poem.vlm.asking import Asker, small_jpeg
from image2poem.vlm.cache import Cache
from image2poem.vlm.prompts import load_prompt

torch = pytest.importorskip("torch", reason="a VLM in this process needs torch: run `make train-test`")
transformers = pytest.importorskip("transformers", reason="a VLM in this process needs transformers")

RIVER = Path(__file__).parent.parent.parent / "examples" / "moonlit_river.png"
LINE = "一叶横江月色冷，水天无语夜如年。"
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<image>")
TEMPLATE = (
    "<s>{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
)


def make_model(folder: Path) -> None:
    """A LLaVA of some thousand random weights, with a tokenizer of the line's characters, as `save_pretrained` writes it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    vocabulary = {token: i for i, token in enumerate((*SPECIAL, *dict.fromkeys(LINE)))}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.Split("", "isolated"), decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )
    processor = transformers.LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = transformers.LlavaForConditionalGeneration(
        transformers.LlavaConfig(
            vision_config=transformers.CLIPVisionConfig(**small, image_size=28, patch_size=14, projection_dim=16),
            text_config=transformers.LlamaConfig(
                **small, vocab_size=len(vocabulary), bos_token_id=1, eos_token_id=2, pad_token_id=0
            ),
            image_token_index=vocabulary["<image>"],
        )
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def teach(folder: Path, into: Path) -> None:
    """The model, after it has learnt one line by heart: what it says to any picture."""
    model = transformers.LlavaForConditionalGeneration.from_pretrained(folder).train()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    with Image.open(RIVER) as picture:
        content = [{"type": "image", "image": picture.convert("RGB")}, {"type": "text", "text": "写两句"}]
    asked = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=True, return_dict=True, return_tensors="pt"
    )
    line = processor.tokenizer(LINE + "</s>", add_special_tokens=False, return_tensors="pt")["input_ids"]
    ids = torch.cat([asked["input_ids"], line], 1)
    labels = torch.cat([torch.full_like(asked["input_ids"], -100), line], 1)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(120):
        out = model(
            input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=asked["pixel_values"], labels=labels
        )
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        if out.loss < 0.01:
            break
    model.save_pretrained(into)
    processor.save_pretrained(into)


@pytest.fixture(scope="module", autouse=True)
def offline() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        patch.setattr("image2poem.vlm.local._MOST_TOKENS", 40)
        patch.setenv("IMAGE2POEM_CONFIG", "/nonexistent")
        yield


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vlm") / "tiny"
    make_model(folder)
    return folder


@pytest.fixture(scope="module")
def taught_model(random_model: Path) -> Path:
    folder = random_model.with_name("taught")
    teach(random_model, folder)
    return folder


def picture(colour: str) -> bytes:
    return small_jpeg(Image.new("RGB", (60, 40), colour), 768)


def test_a_random_model_answers_through_generate_and_sees_the_picture(random_model: Path) -> None:
    vlm = load_vlm(Settings(vlm=str(random_model)))
    assert vlm.name == str(random_model) and vlm.side >= 256
    answers = [vlm.ask(picture(colour), "写两句", {}) for colour in ("navy", "white", "navy")]
    assert answers[0] == answers[2] != answers[1]
    assert 0 < len(answers[0]) <= 40 and set(answers[0]) <= set(LINE)


def test_gibberish_is_no_line(random_model: Path, tmp_path: Path) -> None:
    asker = Asker(load_vlm(Settings(vlm=str(random_model))), Cache(tmp_path))
    with pytest.raises(VlmError, match="holds no line in the form 五言"):
        asker.compose(Image.new("RGB", (60, 40), "navy"), "五言")


def test_a_model_in_this_process_composes_for_a_photo(
    taught_model: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home, tmp_path / "home")
    monkeypatch.setattr(type(load_prompt("compose")), "text", lambda self, **words: "写两句")  # all that it understands
    matcher = ImageToPoem(Settings(home=tmp_path / "home", vlm=str(taught_model)))
    (match,) = matcher.compose(RIVER)
    assert match.verse == LINE and match.provenance is Provenance.COMPOSED and match.author is None
    answer = matcher.match(RIVER, vlm=True, top=16)
    assert LINE in [match.verse for match in answer]


def test_the_same_model_behind_a_server_says_the_same(taught_model: Path) -> None:
    local = load_vlm(Settings(vlm=str(taught_model)))

    def serve(handler: Any, request: dict[str, Any]) -> None:
        says(local.ask(server.picture(-1), server.text(-1), {}))(handler, request)

    with serving(serve) as server:
        remote = load_vlm(Settings(vlm_preset="vllm", vlm_base_url=server.url, vlm_model="tiny"))
        assert remote.ask(picture("navy"), "写两句", {}) == local.ask(picture("navy"), "写两句", {})


def test_a_model_that_isnt_there_gets_one_sentence(random_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in (str(tmp_path / "empty"), "nobody/no-such-model", "no-name"):
        with pytest.raises(ModelError, match=r"^setting 'vlm' = '[^\n]*' can't be used: [^\n]*$"):
            load_vlm(Settings(vlm=name))
    shutil.copytree(random_model, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"can't be opened as a vision-language model [^\n]*$"):
        load_vlm(Settings(vlm=str(tmp_path / "damaged"))).ask(picture("navy"), "写两句", {})
