"""A short description in everyday Chinese, put together from what was seen: when, where, what is in the sky, what is there.

It is what the text routes search with and what a person reads and may change, so it has to be sentences, not a list.
Rules over the kinds of things (data/wording.json) make the clauses, each kind of thing is told once, and what doesn't fit
into `LENGTH` characters is left out, the least sure first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from image2poem.model import Context, Imagery, Scene
from image2poem.sight.lexicon import Lexicon
from image2poem.sight.scene import read_scene
from image2poem.sight.words import Told, Word, choose

LENGTH = 60  # characters


@dataclass(slots=True)
class Clause:
    """A clause: 岸边 + 有 + 一座小屋; things of which one says the same become one clause."""

    place: str
    verb: str
    things: list[str]
    chance: float
    part: int  # GROUND, SKY, THINGS

    def text(self, said: bool) -> str:
        """As it is said where its place was or wasn't `said` just before."""
        *most, last = self.things
        verb = "还有" if said and self.verb in ("有", "是") else self.verb
        return ("" if said else self.place) + verb + ("、".join(most) + "和" if most else "") + last


GROUND, SKY, THINGS = range(3)
# kind -> what such a thing does there, where that may be (kind of place:words, * its own), and what to say of it nowhere
FRAMES: Mapping[str, tuple[str, str, str]] = {
    "house": ("有", "water:岸边 mount:山下 wood:林边 land:* path:路边 snow:雪地里 city:城里", "眼前是"),
    "tower": ("立着", "water:岸边 mount:山上 wood:林边 land:* city:城里 path:路边", "眼前是"),
    "bridge": ("横着", "water:水上 city:城里 path:路上 wood:林中", "眼前是"),
    "pier": ("有", "water:岸边", "眼前是"),
    "isle": ("有", "water:水中", "眼前是"),
    "beach": ("是", "water:岸边", ""),
    "rock": ("有", "water:岸边 beach:沙滩上 mount:山上 land:*", "眼前是"),
    "tree": ("长着", "water:岸边 mount:山上 land:* path:路边 yard:院里 city:街边", "眼前是"),
    "crop": ("长着", "land:*", "田里长着"),
    "floating": ("漂着", "water:水上", "水上漂着"),
    "flower": ("开着", "land:* water:岸边 wood:林间 path:路边 yard:院里 mount:山上", ""),
    "lotus": ("开着", "water:水上", ""),
    "insect": ("停着", "flower:花上 lotus:花上 leaf:叶上 land:草叶上", "眼前是"),
    "boat": ("漂着", "water:水上", "眼前是"),
    "bird": ("飞过", "water:空中 mount:空中 land:空中 cloud:空中 glow:空中 beach:空中 city:空中", "眼前是"),
    "percher": ("停着", "tree:枝头 leaf:枝头 wood:枝头 flower:枝头 snow:雪地里 land:*", "眼前是"),
    "waterbird": ("有", "water:水上 beach:沙滩上", "眼前是"),
    "beast": ("有", "beach:沙滩上 snow:雪地里 land:* wood:林间 path:路上 water:岸边 mount:山坡上 yard:院里 room:屋里", "眼前是"),
    "fish": ("游着", "water:水里", "水里游着"),
    "person": ("有", "beach:沙滩上 snow:雪地里 land:* path:路上 water:岸边 wood:林间 mount:山上 city:街上 yard:院里 room:屋里", "眼前有"),
    "vehicle": ("停着", "path:路上 city:街上", "眼前是"),
    "food": ("摆着", "", "桌上摆着"),
    "thing": ("有", "yard:院里 room:屋里", "眼前是"),
    "window": ("", "", "眼前是"),
    "lamp": ("亮着", "water:岸边 path:路边 yard:院里 city:城里", "眼前亮着"),
    "dew": ("挂着", "flower:花上 leaf:叶上 land:草叶上", "草叶上挂着"),
}  # fmt: skip
SUBJECTS = ("mount", "wood", "tree", "lamps", "glow", "cloud")  # what is mirrored in water, the first that is there
FEW = 2  # with fewer clauses, colours and light are told as well
FLOWING = ("江河", "溪", "泉", "瀑布")


def describe(
    lexicon: Lexicon, imagery: Sequence[Imagery], scene: Scene | None = None, known: Context | None = None
) -> str:
    """A vernacular description of what was seen, one or two sentences of at most `LENGTH` characters.

    Args:
        lexicon: the lexicon of the terms.
        imagery: what was seen.
        scene: season, hour and weather; None: as the imagery says.
        known: what is told already, so that its season and hour aren't told again.

    Returns:
        It ends with 。; empty if nothing was seen.
    """
    told = choose(lexicon, imagery)
    if not told:
        return ""
    scene = scene or read_scene(lexicon, {item.term: item.score for item in imagery})
    picture = _Picture(told, scene)
    clauses = picture.clauses()
    if not clauses:  # nothing but a time of day, or rain
        return f"{told[0].word.alone or told[0].word.say}。"
    season, hour = picture.value("season"), picture.value("hour")
    if known:
        season, hour = "" if known.season else season, "" if known.hour else hour
    return _joined(picture.opening(season, hour), clauses)


@dataclass(slots=True)
class _Picture:
    """What is told, by kind, and the clauses made of it so far."""

    told: list[Told]
    scene: Scene
    made: list[Clause] = field(default_factory=list)
    open: dict[str, list[Told]] = field(default_factory=dict)  # not told yet
    sun: set[str] = field(default_factory=set)  # how low it stands; nothing where the light is cold
    land: str = ""  # where the land is, if it isn't the ground of the whole picture

    def __post_init__(self) -> None:
        hour, cold = self.value("hour"), any(facet.name == "冷" for facet in self.scene.light)
        lit = hour == "昼" or (not hour and self.value("weather") == "晴")
        mistaken = {"glow": hour not in ("晨", "暮"), "lamps": lit, "lamp": lit}
        self.told = [told for told in self.told if not mistaken.get(told.word.kind)] or self.told
        self.sun = {told.term for told in self.told if told.word.kind == "time"} if not cold else set()
        for told in self.told:
            self.open.setdefault(told.word.kind, []).append(told)

    def clauses(self) -> list[Clause]:
        """All clauses, each kind of thing told once."""
        self._ground()
        self._sky()
        self._things()
        self._rest()
        land = self.has("land")
        trodden = land is not None and any(clause.place == land.on for clause in self.made)
        return [clause for clause in self.made if not (trodden and land and clause.things == [land.alone])]

    def has(self, kind: str) -> Word | None:
        """The word for a kind of thing that is in the picture, told already or not."""
        return next((told.word for told in self.told if told.word.kind == kind), None)

    def take(self, kind: str) -> Word | None:
        """The same, if it isn't told yet; now it is."""
        return self.open.pop(kind)[0].word if kind in self.open else None

    def add(self, part: int, clause: str, kind: str) -> None:
        """A clause that stands by itself, about a kind of thing."""
        self.made.append(Clause("", "", [clause], self._chance(kind), part))

    def put(self, part: int, place: str, verb: str, thing: str, kind: str) -> None:
        """A thing at a place, after what was told there."""
        chance = self._chance(kind)
        for at, clause in enumerate(self.made):
            if (clause.place, clause.verb) == (place, verb):
                clause.things.append(thing)
                clause.chance = max(clause.chance, chance)
                return
            if clause.place == place and all(other.place != place for other in self.made[at + 1 :]):
                self.made.insert(at + 1, Clause(place, verb, [thing], chance, clause.part))
                return
        self.made.append(Clause(place, verb, [thing], chance, part))

    def _chance(self, kind: str) -> float:
        return next((told.chance for told in self.told if told.word.kind == kind), 1.0)

    def value(self, facet: str) -> str:
        """The scene's value, or nothing."""
        found = getattr(self.scene, facet)
        return found.name if found else ""

    # When

    def opening(self, season: str, hour: str) -> str:
        """Season, hour and weather: 秋天的傍晚."""
        rain = self.has("rain")
        falling = rain.say if rain else "雨" if self.value("weather") == "雨" else ""
        if falling:
            when = {"晨": "清晨", "暮": "傍晚", "夜": "夜" if season else "夜里"}.get(hour, "")
            when = (season if when == "夜" else f"{season}天") + when if season else when
            return f"{when}的{falling}中" if when else f"{falling}中"
        if hour == "暮" and "夕阳" in self.sun:
            return f"{season}日的夕阳下" if season else "夕阳下"
        if hour == "晨":
            when = "日出时" if "日出" in self.sun else "清晨"
            return f"{season}天{when}" if season else f"晴朗的{when}" if self.value("weather") == "晴" else when
        if hour == "暮":
            return f"{season}天的傍晚" if season else "暮色里"
        if hour == "夜":
            return f"{season}夜里" if season else "夜里"
        if season:
            return f"{season}天里"
        if self.value("weather") == "晴" and not self.has("cloud"):
            return "晴空下"
        return "雾中" if self.has("mist") and not self.ground() else ""

    def ground(self) -> bool:
        """Whether anything is there that mist can lie on."""
        return any(self.has(kind) for kind in ("mount", "water", "wood", "land", "tree"))

    # Where

    def _ground(self) -> None:
        mount, water, wood, land = (self.take(kind) for kind in ("mount", "water", "wood", "land"))
        if water:
            self._waters(mount, water)
        elif mount:
            self._covered(mount, "mount")
        for word, kind in ((wood, "wood"), (land, "land")):
            if word and (water or mount):
                self.put(GROUND, "岸边" if water else "山下", "是", word.say, kind)
                self.land = "岸边" if water else "山下"
            elif word:
                self._covered(word, kind)
        for kind in ("yard", "room"):
            if (place := self.take(kind)) and not any(self._place(other) == "院里" for other in self.open):
                self.made.insert(0, Clause("", "", [f"这里是{place.say}"], self._chance(kind), GROUND))
        self._weather_left(bool(mount), bool(water))
        self._city(bool(mount), bool(water))
        self._path(mount, water, wood, land)

    def _waters(self, mount: Word | None, water: Word) -> None:
        term = next(told.term for told in self.told if told.word is water)
        mirrored = self._mirrored() if self.take("mirror") else None
        if mirrored:
            self.add(GROUND, f"{mirrored}倒映在平静的{water.face}上", "water")
        elif mount and term in FLOWING:
            self.add(GROUND, f"{water.say}从{mount.say}间流过", "water")
        elif mount:
            self.add(GROUND, f"{mount.say}下是{water.say}", "water")
        wave = self.take("wave") and not mirrored
        struck = (self.take("beach") or self.take("rock") or self.take("bank")) if wave else None
        if struck:
            self.add(GROUND, f"{'海浪' if term == '海' and not self.made else '波浪'}拍打着{struck.say}", "wave")
        elif wave:
            self.put(GROUND, "水上" if self.made else f"{water.face}上", "", "波浪起伏", "wave")
        elif not self.made:
            iced = self.take("ice")
            mist = None if iced else self.take("mist")
            alone = f"{water.face}结着冰" if iced else f"{water.face}上飘着薄雾" if mist else water.alone
            self.add(GROUND, alone, "water")

    def _mirrored(self) -> str | None:
        for kind in SUBJECTS:
            word = self.has(kind)
            if word:
                self.take(kind)
                return {"cloud": "云影", "glow": "霞光"}.get(kind, word.say)
        return None

    def _covered(self, word: Word, kind: str) -> None:
        cover = "白雪盖着" if self.take("snow") else "雾气笼着" if kind != "mount" and self.take("mist") else ""
        self.add(GROUND, cover + word.say if cover else word.alone, kind)
        if cover and kind == "land":
            self.land = "其间"

    def _weather_left(self, mount: bool, water: bool) -> None:
        if self.take("snow"):
            house = self.has("house")
            where = "山上" if mount else "岸边" if water else "屋顶" if house else "地上"
            self.put(GROUND, where, "积着", "雪", "snow")
        if self.take("mist") and (self.made or self.has("tree")):
            if mount:
                self.take("cloud")
                self.add(GROUND, "山间云雾缭绕", "mist")
            elif water:
                self.put(GROUND, "水上", "飘着", "薄雾", "mist")
            else:
                self.add(GROUND, "雾气弥漫", "mist")

    def _city(self, mount: bool, water: bool) -> None:
        city = self.take("city")
        if city and (mount or water):
            self.put(GROUND, "岸边" if water else "山下", "是", city.say, "city")
        elif city:
            self.add(GROUND, city.alone, "city")

    def _path(self, mount: Word | None, water: Word | None, wood: Word | None, land: Word | None) -> None:
        path = self.take("path")
        if path and wood:
            self.add(GROUND, f"{path.say}通向林中", "path")
        elif path and mount:
            self.add(GROUND, f"{path.say}通向山里", "path")
        elif path and land:
            self.put(GROUND, self.land or land.on, "有", path.say, "path")
        elif path and water:
            self.put(GROUND, "岸边", "有", path.say, "path")
        elif path:
            self.add(GROUND, f"{path.say}伸向远方", "path")

    def _sky(self) -> None:
        hour, weather = self.value("hour"), self.value("weather")
        for kind in ("moon", "bow"):
            if hung := self.take(kind):
                self.put(SKY, "天上", "挂着", hung.say, kind)
        if moonlight := self.take("moonlight"):
            self.add(SKY, "月光照在水上" if self.has("water") else moonlight.alone, "moonlight")
        glow, cloud = self.take("glow"), self.take("cloud")
        if glow:
            self.add(SKY, f"天边一片{'朝霞' if hour == '晨' else '晚霞'}", "glow")
        elif cloud and weather == "晴" and hour not in ("暮", "夜"):
            self.put(SKY, "蓝天上" if hour == "昼" and not self.has("moon") else "天上", "飘着", "白云", "cloud")
        elif cloud and weather in ("阴", "雨", "雪"):
            self.put(SKY, "天上", "", "云层低垂", "cloud")
        elif cloud:
            self.put(SKY, "天上", "浮着", "云", "cloud")
        for told in self.open.pop("sky", ()):
            vague = told.term == "天" and any(clause.part == SKY for clause in self.made)
            unseen = told.term == "日" and (hour not in ("", "昼") or weather not in ("", "晴"))
            if not vague and not unseen:
                self.add(SKY, told.word.say, "sky")
        if lamps := self.take("lamps"):
            place = "水上" if self.has("water") else "城里" if self.has("city") else "远处"
            self.put(SKY, place, "亮着", f"点点{lamps.say}" if len(lamps.say) == 2 else lamps.say, "lamps")

    def _things(self) -> None:
        act = self.take("act")
        if act:
            who = self.take("person")
            doing = f"有{who.say if who else '人'}在{act.say}"
            place = act.on or self._place("person")
            self.put(THINGS, place, "", doing, "act") if place else self.add(THINGS, doing, "act")
        if self.has("beach") and not self.has("water"):
            self.take("beach")
            if not any(self._place(kind) == "沙滩上" for kind in self.open):
                self.put(THINGS, "眼前", "是", "一片沙滩", "beach")
        for kind, (verb, _, nowhere) in FRAMES.items():
            for told in self.open.pop(kind, ()):
                place = self._place(kind)
                if kind == "tree" and self.has("leaf"):
                    continue  # its leaves have told it
                if place:
                    self.put(THINGS, place, verb, told.word.say, kind)
                elif told.word.alone:
                    self.add(THINGS, told.word.alone, kind)
                elif nowhere:
                    self.put(THINGS, nowhere[:2], nowhere[2:], told.word.say, kind)
                elif kind in ("flower", "lotus"):
                    self.add(THINGS, f"{told.word.say}开得正好", kind)

    def _place(self, kind: str) -> str:
        """Where such a thing is, of the places in the picture; nothing if there is none."""
        for where in FRAMES[kind][1].split() if kind in FRAMES else ():
            context, place = where.split(":")
            if context == "land" and (land := self.has("land")):
                return place.replace("*", self.land or land.on)
            if self.has(context):
                return place
        return ""

    def _rest(self) -> None:
        """What stands by itself wherever it is, and what is told only of a picture that is nearly empty."""
        for kind in ("leaf", "clause", "smoke", "ice"):
            for told in self.open.pop(kind, ()):
                self.add(GROUND if kind == "leaf" else THINGS, told.word.alone or told.word.say, kind)
        if self.take("mirror"):
            self.put(THINGS, "水里", "映着", "倒影", "mirror")
        for kind in ("wave", "wind"):
            if word := self.take(kind):
                self.add(THINGS, word.alone, kind)
        for kind in ("colour", "shine", "bank"):
            if len(self.made) < FEW and (word := self.take(kind)):
                self.add(GROUND, word.alone, kind)


def _joined(opening: str, clauses: Sequence[Clause]) -> str:
    """Clauses to sentences: what is in the scene first, then what is sure to be left out if there is no room."""
    kept = sorted(clauses, key=lambda clause: clause.part)
    text = _text(opening, kept)
    while len(text) > LENGTH and len(kept) > 1:
        kept.remove(min(kept, key=lambda clause: clause.chance))
        text = _text(opening, kept)
    return text


def _text(opening: str, clauses: Sequence[Clause]) -> str:
    parts: list[list[str]] = [[opening] if opening else [], []]
    place = None
    split = all(sum((clause.part == THINGS) is things for clause in clauses) >= 2 for things in (False, True))
    for clause in clauses:
        parts[split and clause.part == THINGS].append(clause.text(said=bool(place) and clause.place == place))
        place = clause.place
    return "".join("，".join(part) + "。" for part in parts if part)
