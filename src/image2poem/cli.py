"""The command line: a thin door. It reads arguments, calls the library, prints, and turns errors into one sentence."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from image2poem.errors import CardError, Image2PoemError, SettingsError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from image2poem.corpus import Filters
    from image2poem.corpus import Progress as CorpusProgress
    from image2poem.model import Match, Matches
    from image2poem.settings import Settings

app = typer.Typer(
    help="A photo in, a fitting line of real classical Chinese verse out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
corpus_app = typer.Typer(help="Fetch and build the corpus of poems, or say what is in it.", rich_markup_mode=None)
app.add_typer(corpus_app, name="corpus")

Top = Annotated[int, typer.Option("--top", min=1, max=100, help="How many lines.")]
Dynasty = Annotated[list[str] | None, typer.Option("--dynasty", help="Only this dynasty (may be repeated): 唐")]
Author = Annotated[list[str] | None, typer.Option("--author", help="Only this poet: 李白")]
Genre = Annotated[list[str] | None, typer.Option("--genre", help="Only this genre: 诗 词 曲 诗经 楚辞")]
Form = Annotated[list[str] | None, typer.Option("--form", help="Only this line length: 五言 七言 四言 六言 杂言")]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="Only poems with this theme or anthology: 送别")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Explain = Annotated[
    bool, typer.Option("--explain", help="Show what each side of the scene rests on, and what each score is made of.")
]
NoContext = Annotated[bool, typer.Option("--no-context", help="Leave aside when and where the photo was taken.")]
Home = Annotated[Path | None, typer.Option("--home", help="Folder of corpus and index.", envvar="IMAGE2POEM_HOME")]
Size = Annotated[str | None, typer.Option("--size", help="Which verses are searched: select or full.")]
TextModel = Annotated[
    str | None, typer.Option("--text-encoder", help="builtin, a folder, or a hub name: BAAI/bge-base-zh-v1.5")
]
ImageModel = Annotated[
    str | None, typer.Option("--image-encoder", help="Likewise: OFA-Sys/chinese-clip-vit-base-patch16")
]
Source = Annotated[
    list[str] | None,
    typer.Option("--source", help="chinese-poetry, poetry-source, or a folder, archive or .jsonl (may be repeated)."),
]

_CHINESE = {
    "sees": "所见",
    "scene": "情境",
    "taken": "时地",
    "names": "因其写到",
    "belongs": "应时应地",
    "quotes": "用了前人成句",
    "retrieved": "原句",
    "composed": "新作",
    "nothing": "没有合适的诗句；放宽筛选条件再试",
    "explain": "得分由来（括号内为该路名次）",
    "plain": "白话",
    "of_source": "（{by}）",
    "of_model": "（模型 {by} 译）",
    "estimate": "{verses:,} 句没有译文，要向 {model} 发 {requests:,} 个请求：约 {tokens_in:,} 个词元去，{tokens_out:,} 个词元回",
    "cost": "，按所给价格约 {cost:,.2f}",
    "no_price": "；用 --price-in 和 --price-out 给出每百万词元的价格，就能算出花费",
    "sure": "开始翻译吗？",
    "made": "译了 {count:,} 句",
    "none_left": "每一句都有译文了",
    "skipped": "{count:,} 句没有得到可用的译文，跳过了：{verses}",
    "new": "诗库里没有这句，卡片上标为新作；若它确有出处，请先把那首诗加入诗库：image2poem corpus --source",
}
_ENGLISH = {
    "sees": "sees",
    "scene": "scene",
    "taken": "taken",
    "names": "because it names",
    "belongs": "of the place and the day",
    "quotes": "takes over",
    "retrieved": "retrieved",
    "composed": "composed",
    "nothing": "no verse fits; ask with fewer filters",
    "explain": "its score is made of (rank there)",
    "plain": "in plain words",
    "of_source": " ({by})",
    "of_model": " (by the model {by})",
    "estimate": "{verses:,} verses have no translation: {requests:,} requests to {model}, "
    "about {tokens_in:,} tokens there and {tokens_out:,} back",
    "cost": ", which cost about {cost:,.2f}",
    "no_price": "; --price-in and --price-out, of a million tokens, say what that costs",
    "sure": "Shall they be translated?",
    "made": "{count:,} verses translated",
    "none_left": "every verse has a translation",
    "skipped": "{count:,} verses were skipped, since no translation of use was had of them: {verses}",
    "new": "the corpus doesn't have this verse, so the card says 新作 (composed); if it has a source, add the poem: "
    "image2poem corpus --source",
}


def _words() -> dict[str, str]:
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return _CHINESE if locale.startswith("zh") else _ENGLISH


@app.command()
def match(
    photos: Annotated[list[str], typer.Argument(help="Photos, folders or globs of photos, http(s) URLs.")],
    text: Annotated[str | None, typer.Option("--text", help="Your own words about the photo; they weigh most.")] = None,
    top: Top = 5,
    dynasty: Dynasty = None,
    author: Author = None,
    genre: Genre = None,
    form: Form = None,
    tag: Tag = None,
    as_json: AsJson = False,
    explain: Explain = False,
    vlm: Annotated[bool, typer.Option("--vlm", help="Ask the VLM that is set up as well.")] = False,
    description: Annotated[
        str | None, typer.Option("--description", help="What the photo shows, instead of what the VLM says.")
    ] = None,
    no_context: NoContext = False,
    home: Home = None,
    size: Size = None,
    text_encoder: TextModel = None,
    image_encoder: ImageModel = None,
) -> None:
    """Find the verses that say a photo."""
    from image2poem.matcher import ImageToPoem
    from image2poem.photo import find_photos

    names = find_photos(photos)
    matcher = ImageToPoem(_settings(home, size, text_encoder, image_encoder))
    filters = _filters(dynasty, author, genre, form, tag)
    matcher.check(filters)
    if vlm:
        _ = matcher.asker  # one sentence if none is set up, not one a photo

    def answer(name: str | Path) -> Matches:
        return matcher.match(
            name, text, top, filters, context=False if no_context else None, description=description, vlm=vlm
        )

    _each(names, answer, as_json, explain)


@app.command()
def vlm(
    photos: Annotated[list[str], typer.Argument(help="Photos, folders or globs of photos, http(s) URLs.")],
    text: Annotated[str | None, typer.Option("--text", help="Your own words about the photo.")] = None,
    form: Annotated[str, typer.Option("--form", help="Form of the lines: 五言, 七言 or 词.")] = "七言",
    top: Top = 3,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask even if it wrote lines for this photo before.")] = False,
    as_json: AsJson = False,
    no_context: NoContext = False,
    home: Home = None,
    size: Size = None,
    text_encoder: TextModel = None,
    image_encoder: ImageModel = None,
) -> None:
    """Have a vision-language model write lines for a photo; those that are real come with their true source."""
    from image2poem.matcher import ImageToPoem
    from image2poem.photo import find_photos

    names = find_photos(photos)
    matcher = ImageToPoem(_settings(home, size, text_encoder, image_encoder))
    _ = matcher.asker
    context = False if no_context else None

    def answer(name: str | Path) -> Matches:
        return matcher.compose(name, text, top, context=context, form=form, fresh=fresh)

    _each(names, answer, as_json, explain=False)


def _each(names: Sequence[str | Path], ask: Callable[[str | Path], Matches], as_json: bool, explain: bool) -> None:
    """Print the answer for each photo; one that fails doesn't stop the rest."""
    failed = 0
    with _progress(shown=len(names) > 1) as tell:
        for done, name in enumerate(names):
            tell("photos", done, len(names))
            try:
                answer = ask(name)
            except Image2PoemError as error:
                failed += 1
                print(error, file=sys.stderr)
                continue
            for note in answer.notes:
                print(note, file=sys.stderr)
            print_json(answer) if as_json else print_matches(answer, explain=explain)
    if failed:
        raise typer.Exit(2)


@app.command()
def search(
    description: Annotated[str, typer.Argument(help="What the verse should say, in everyday Chinese.")],
    top: Top = 5,
    dynasty: Dynasty = None,
    author: Author = None,
    genre: Genre = None,
    form: Form = None,
    tag: Tag = None,
    as_json: AsJson = False,
    explain: Explain = False,
    home: Home = None,
    size: Size = None,
    text_encoder: TextModel = None,
) -> None:
    """Find the verses that say a sentence, without a photo."""
    from image2poem.matcher import ImageToPoem

    matcher = ImageToPoem(_settings(home, size, text_encoder))
    answer = matcher.search(description, top=top, filters=_filters(dynasty, author, genre, form, tag))
    print_json(answer) if as_json else print_matches(answer, explain=explain)


@app.command()
def card(
    photo: Annotated[str, typer.Argument(help="A photo or its http(s) URL.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=".png, .jpg, .webp, .svg or .pdf; default: PHOTO-card.png")
    ] = None,
    layout: Annotated[
        str, typer.Option("--layout", help="overlay, side, band, poster, scroll, moon, fan or square.")
    ] = "overlay",
    width: Annotated[int | None, typer.Option("--width", help="Pixels across; default: the photo's own.")] = None,
    verse: Annotated[str | None, typer.Option("--verse", help="This verse instead of the best match.")] = None,
    rank: Annotated[int, typer.Option("--rank", min=1, max=100, help="Which match: 1 is the best.")] = 1,
    text: Annotated[str | None, typer.Option("--text", help="Your own words about the photo; they weigh most.")] = None,
    script: Annotated[str, typer.Option("--script", help="simplified or traditional.")] = "simplified",
    font: Annotated[str, typer.Option("--font", help="serif (宋体), kai (楷体) or a font file.")] = "serif",
    punctuation: Annotated[str, typer.Option("--punctuation", help="pauses, full or none.")] = "pauses",
    dynasty: Dynasty = None,
    author: Author = None,
    genre: Genre = None,
    form: Form = None,
    tag: Tag = None,
    no_context: NoContext = False,
    home: Home = None,
    size: Size = None,
    text_encoder: TextModel = None,
    image_encoder: ImageModel = None,
) -> None:
    """Set the verse on the photo: a picture to share."""
    from image2poem.card.card import encoder
    from image2poem.card.fonts import open_fonts
    from image2poem.card.make import check
    from image2poem.card.matched import quoted
    from image2poem.matcher import ImageToPoem

    path = output or Path(Path(photo).stem + "-card.png")
    check(layout, width, punctuation)  # what can't be done is said before the work
    encoder(path.suffix)
    open_fonts(font)
    matcher = ImageToPoem(_settings(home, size, text_encoder, image_encoder))
    if verse:
        match = quoted(matcher.corpus, verse, photo, matcher.settings)
    else:
        filters = _filters(dynasty, author, genre, form, tag)
        answer = matcher.match(photo, text=text, top=rank, filters=filters, context=False if no_context else None)
        if len(answer) < rank:
            raise CardError(f"only {len(answer)} verses fit; ask for a smaller --rank, or with fewer filters")
        match = answer[rank - 1]
    made = match.card(layout=layout, width=width, script=script, font=font, punctuation=punctuation)
    file = made.save(path)
    words = _words()
    notes = [*made.warnings, *([words["new"]] if match.provenance == "composed" else [])]
    for note in notes:
        print(note, file=sys.stderr)
    print(f"{file}  {made.size[0]} x {made.size[1]}\n{match.verse}  {_source(match)}[{words[match.provenance.value]}]")


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen at; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8000,
    home: Home = None,
    size: Size = None,
    text_encoder: TextModel = None,
    image_encoder: ImageModel = None,
) -> None:
    """Serve the web page and the HTTP API."""
    from image2poem.serve import run

    run(_settings(home, size, text_encoder, image_encoder), host, port)


@app.command()
def mcp(home: Home = None, size: Size = None, text_encoder: TextModel = None, image_encoder: ImageModel = None) -> None:
    """Serve MCP on standard input and output, for assistants."""
    from image2poem.mcp import run

    run(_settings(home, size, text_encoder, image_encoder))


@app.command()
def setup(
    home: Home = None, size: Size = None, text_encoder: TextModel = None, image_encoder: ImageModel = None
) -> None:
    """Make ready what is missing: the corpus, the index. Takes some minutes the first time, none after."""
    from image2poem.matcher import ImageToPoem

    settings = _settings(home, size, text_encoder, image_encoder)
    matcher = ImageToPoem(settings)
    matcher.open_encoders()  # ahead of our bars: a download has its own
    if not settings.corpus_file.exists():
        _build_corpus(settings, None)
    with _progress() as tell:
        matcher.build_index(tell, missing_only=True)


@app.command()
def index(
    home: Home = None,
    size: Size = None,
    text_encoder: TextModel = None,
    image_encoder: ImageModel = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte of it and say if it is whole.")] = False,
) -> None:
    """Build the index anew, or take up an interrupted build."""
    from image2poem.matcher import ImageToPoem

    matcher = ImageToPoem(_settings(home, size, text_encoder, image_encoder))
    if verify:
        matcher.verify_index()
        print("the index is whole")
        return
    matcher.open_encoders()
    with _progress() as tell:
        matcher.build_index(tell)


@app.command()
def translate(
    dynasty: Dynasty = None,
    author: Author = None,
    genre: Genre = None,
    form: Form = None,
    tag: Tag = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many verses, the best known.")] = None,
    llm_url: Annotated[
        str | None, typer.Option("--llm-url", help="Ask this server of the OpenAI protocol: http://localhost:8000/v1")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Which model the server shall use.")] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=50, help="Verses a request.")] = 20,
    fresh: Annotated[bool, typer.Option("--fresh", help="Also what another model translated before.")] = False,
    price_in: Annotated[float | None, typer.Option("--price-in", min=0, help="Of a million tokens asked.")] = None,
    price_out: Annotated[float | None, typer.Option("--price-out", min=0, help="Of a million answered.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before it starts.")] = False,
    home: Home = None,
    size: Size = None,
    text_encoder: TextModel = None,
) -> None:
    """Have a language model translate verses that have no translation, to find them by everyday words."""
    from image2poem.matcher import ImageToPoem
    from image2poem.translation.batch import batches, estimate
    from image2poem.vlm import aimed

    words = _words()
    matcher = ImageToPoem(aimed(_settings(home, size, text_encoder), llm_url, model))
    asked = matcher.translator.name  # a server that isn't set up is said before anything else
    verses = matcher.untranslated(_filters(dynasty, author, genre, form, tag), limit, fresh)
    if verses:
        due = estimate(batches(verses, batch))
        priced = price_in is not None or price_out is not None
        cost = words["cost"].format(cost=due.cost(price_in or 0, price_out or 0)) if priced else words["no_price"]
        print(words["estimate"].format(**asdict(due), model=asked) + cost, file=sys.stderr)
        if not yes:
            if not sys.stdin.isatty():
                raise SettingsError("nobody can be asked whether to start; say so with --yes")
            if not typer.confirm(words["sure"], err=True):
                return
    _ = matcher.text_encoder  # ahead of our bars: a download has its own
    with _progress() as tell:
        made = matcher.translate(verses, tell, batch)
    if made.skipped:
        some = " ".join(verse.text for verse in made.skipped[:5]) + (" ..." if len(made.skipped) > 5 else "")
        print(words["skipped"].format(count=len(made.skipped), verses=some), file=sys.stderr)
    print(words["made"].format(count=made.count) if verses else words["none_left"])


@corpus_app.callback(invoke_without_command=True)
def corpus(context: typer.Context, source: Source = None, home: Home = None) -> None:
    """Fetch and build the corpus of poems (without a sub-command)."""
    if context.invoked_subcommand is None:
        _build_corpus(_settings(home, None), source)


@corpus_app.command("stats")
def corpus_stats(home: Home = None, as_json: AsJson = False) -> None:
    """Say what is in the corpus, and what was damaged in its sources."""
    from rich.console import Console

    from image2poem.corpus import open_corpus, render

    stats = open_corpus(_settings(home, None).corpus_file).stats
    if as_json:
        print(stats.to_json())
    else:
        Console().print(render(stats))


def _build_corpus(settings: Settings, sources: list[str] | None) -> None:
    from image2poem.corpus import build_corpus

    with _progress() as tell:
        build_corpus(settings, sources or ["chinese-poetry"], tell)


def _settings(
    home: Path | None, size: str | None, text_encoder: str | None = None, image_encoder: str | None = None
) -> Settings:
    from image2poem.settings import load_settings

    return load_settings(home=home, size=size, text_encoder=text_encoder, image_encoder=image_encoder)


def _filters(
    dynasty: list[str] | None,
    author: list[str] | None,
    genre: list[str] | None,
    form: list[str] | None,
    tag: list[str] | None,
) -> Filters:
    from image2poem.corpus import Filters

    return Filters(*(tuple(names or ()) for names in (dynasty, author, genre, form, tag)))


@contextmanager
def _progress(shown: bool = True) -> Iterator[CorpusProgress]:
    """A bar for each stage of long work, on standard error, gone when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield tell


def print_json(answer: Matches) -> None:
    """One line of JSON on standard output."""
    from image2poem.record import as_record

    print(json.dumps(as_record(answer), ensure_ascii=False), flush=True)


def print_matches(answer: Matches, *, explain: bool = False) -> None:
    """What was seen, then a line for each verse with its source, score and reasons."""
    words = _words()
    if answer.photo is not None:
        seen = " · ".join(f"{i.term} {i.score:.2f}" for i in answer.sight.imagery[:8])
        print(f"{answer.photo}\n   {words['sees']}: {seen}")
        if context := answer.sight.context:
            known = (
                context.lunar,
                context.season,
                context.solar_term,
                *context.festivals,
                context.hour,
                *context.places,
            )
            print(f"   {words['taken']}: {' · '.join(dict.fromkeys(filter(None, known)))}")
        if (scene := answer.sight.scene) and scene.facets:
            mood = f" ({', '.join(scene.mood.basis)})" if scene.mood and not explain else ""
            print(f"   {words['scene']}: {' · '.join(facet.name for facet in scene.facets)}{mood}")
            for facet in scene.facets if explain else ():
                print(f"      {facet.name} {facet.confidence:.2f}: {', '.join(facet.basis)}")
        if answer.sight.description:
            print(f"   {answer.sight.description}")
    if not answer:
        print(f"   {words['nothing']}")
    for item in answer:
        _print_match(item, words, explain)
    print(flush=True)


def _print_match(item: Match, words: dict[str, str], explain: bool) -> None:
    print(f"{item.verse}  {_source(item)}{item.score:.2f}  [{words[item.provenance.value]}]")
    notes = []
    if item.reasons:
        notes.append(f"{words['names']}: {', '.join(item.reasons)}")
    if item.occasions:
        notes.append(f"{words['belongs']}: {', '.join(item.occasions)}")
    if explain:
        said = sorted(item.parts.items(), key=lambda part: -part[1])
        ranks = {route: f" ({rank})" for route, rank in item.ranks.items()}
        notes.append(
            f"{words['explain']}: " + ", ".join(f"{name} {part:.2f}{ranks.get(name, '')}" for name, part in said)
        )
    if item.quotes:
        notes.append(f"{words['quotes']}: " + ", ".join(f"{q.clause} ({q.author}《{q.title}》)" for q in item.quotes))
    if notes:
        print("   " + "       ".join(notes))
    if item.translation:
        whose = words["of_model" if item.translation_made else "of_source"].format(by=item.translation_by)
        print(f"   {words['plain']}: {item.translation}{whose}")


def _source(item: Match) -> str:
    return f"{item.author}《{item.title}》 {item.dynasty} · {item.genre}  " if item.author else ""


def _interrupt(*_: object) -> None:
    print("\ninterrupted; what was done is kept, run the same command to go on", file=sys.stderr)
    sys.exit(130)


def main() -> None:
    """Entry point: people's errors are one sentence on standard error and exit code 2; Ctrl-C is 130."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # Typer would leave without a word
        signal.signal(signal.SIGINT, _interrupt)
    try:
        app()
    except Image2PoemError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
