"""What a person gets in a browser: a real headless Chromium against a real server on loopback."""

from __future__ import annotations

import copy
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from serve_fakes import EXAMPLES, NEW, RIVER, TOLD, Slow, poet, tower

from image2poem import ImageToPoem, Settings
from image2poem.serve import create_app
from image2poem.translation.store import TranslationStore

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium here; on Debian: apt-get install chromium chromium-driver"
)
WIDE = (1280, 900)
PHONE = (360, 740)

Start = Callable[..., "Page"]


class Page:
    """The page in a browser, by what a person sees and does."""

    def __init__(self, driver: webdriver.Chrome, url: str, matcher: Any) -> None:
        self.driver, self.url, self.matcher = driver, url, matcher

    def open(self, size: tuple[int, int] = WIDE, dark: bool = False) -> Page:
        """Load it anew."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(self.url)
        self.until(lambda: self.one("html[data-ready=yes]"))
        return self

    def until(self, seen: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait for something."""
        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: seen())

    def all(self, css: str) -> list[WebElement]:
        """What is there, shown or not."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str) -> WebElement | None:
        """The first of it."""
        found = self.all(css)
        return found[0] if found else None

    def get(self, css: str) -> WebElement:
        """The first of it, waited for until it is shown."""
        return self.until(lambda: next((node for node in self.all(css) if node.is_displayed()), None))

    def click(self, css: str, number: int = 0) -> None:
        """Click on it."""
        node = self.all(css)[number]
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
        node.click()

    def take(self, photo: Path, verses: bool = True) -> None:
        """Choose a photo and wait for verses."""
        node = self.one("#file")
        assert node
        node.send_keys(str(photo))
        if verses:
            self.until(lambda: self.verses())

    def verses(self) -> list[str]:
        """The verses that are shown."""
        script = "return [...document.querySelectorAll('.line')].map(n => [...n.querySelectorAll('.clause')].map(c => c.textContent).join(''))"
        return list(self.driver.execute_script(script))

    def changed(self, before: list[str]) -> list[str]:
        """The verses, once they are others."""
        return self.until(lambda: (now := self.verses()) and now != before and now)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """One Chromium; every server has a port, so an origin and a storage, of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=zh-CN", "--disable-gpu"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": "zh-CN"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def start(home: Path, matcher: ImageToPoem, browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Start]:
    """Start a server with settings of one's own and open its page."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})

    def begin(kind: Any = None, **settings: Any) -> Page:
        mine = copy.copy(matcher.open())
        mine.settings = Settings(**{"home": home, "serve_rate": 0} | settings)
        served = kind(mine) if kind else mine
        server = uvicorn.Server(uvicorn.Config(create_app(served), port=0, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        return Page(browser, f"http://127.0.0.1:{port}/", served)

    yield begin
    browser.get("about:blank")
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def page(start: Start) -> Page:
    """The page of a server with the usual settings."""
    return start().open()


def test_a_photo_becomes_five_verses_with_source_and_reasons(page: Page, matcher: ImageToPoem) -> None:
    page.take(RIVER)
    expected = matcher.match(RIVER)
    assert page.verses() == [match.verse for match in expected]
    assert [node.text for node in page.all(".label")] == ["原句"] * 5
    assert page.get(".source cite").text == f"{expected[0].author}《{expected[0].title}》"
    named = next(i for i, match in enumerate(expected) if match.reasons)
    card = page.all(".verse")[named]
    assert all(term in card.find_element(By.CSS_SELECTOR, ".why").text for term in expected[named].reasons)
    assert card.find_elements(By.CSS_SELECTOR, ".line mark")
    chips = [node.text for node in page.all("#chips .chip")]
    assert chips == [item.term for item in expected.sight.imagery]
    assert page.one("#photo").size["height"] > 100  # type: ignore[union-attr]
    assert "5" in page.get("#status").text  # told by aria-live


def test_a_chip_that_is_put_out_and_one_that_is_added_search_again_at_once(page: Page) -> None:
    page.take(RIVER)
    first = page.verses()
    for number in range(len(page.all("#chips .chip"))):
        page.click("#chips .chip", number)
    assert {node.get_attribute("aria-pressed") for node in page.all("#chips .chip")} == {"false"}
    without = page.changed(first)
    page.get("#add").send_keys("瀑布", Keys.ENTER)
    assert any("遥看瀑布挂前川" in verse or "飞流直下" in verse for verse in page.changed(without)[:2])
    page.click("#reset")
    page.until(lambda: page.verses() == first)
    sent = page.driver.execute_script("return performance.getEntriesByType('resource').map(r => r.name)")
    assert sum(name.endswith("/v1/match") for name in sent) == 1  # the photo went up once


def test_a_rewritten_description_and_ones_own_words_search_again(page: Page) -> None:
    page.take(RIVER)
    box = page.get("#description")
    first = page.verses()
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("瀑布从高处直冲下来，好像银河从天而降")
    second = page.changed(first)
    page.get("#words").send_keys("两只黄鹂在柳树上叫，一队白鹭飞上蓝天", Keys.ENTER)
    assert page.changed(second)[0] == "两个黄鹂鸣翠柳，一行白鹭上青天。"


def test_when_and_where_are_shown_and_can_be_left_aside(page: Page, tmp_path: Path) -> None:
    (tmp_path / "tower.jpg").write_bytes(tower())
    page.take(tmp_path / "tower.jpg")
    first = page.verses()
    assert "重阳" in page.get("#taken-row").text and "鹳雀楼" in page.get("#taken-row").text
    why = "return [...document.querySelectorAll('.why')].some(node => node.textContent.includes('鹳雀楼'))"
    told = lambda: page.driver.execute_script(why)  # noqa: E731
    assert told()
    page.click("#taken")
    page.until(lambda: not told())
    page.click("#taken")
    page.until(lambda: told() and page.verses() == first)
    assert len(page.all("#past-list li")) == 1


def test_a_vlm_is_asked_by_a_switch_and_its_line_called_new(start: Start, tmp_path: Path) -> None:
    assert not start().open().one("#vlm-row").is_displayed()  # type: ignore[union-attr]
    with poet() as vlm:
        page = start(vlm_base_url=vlm.url, vlm_model="m", home=tmp_path).open()
        page.take(RIVER)
        first = page.verses()
        assert NEW not in first
        page.click("#vlm")
        page.changed(first)
    number = page.verses().index(NEW)
    assert page.all(".label")[number].text == "新作" and not page.all(".verse")[number].find_elements(
        By.CSS_SELECTOR, "cite"
    )
    assert page.get("#description").get_attribute("value") == TOLD
    page.click("#chips .chip")
    page.until(lambda: page.one("#reset").is_displayed() and not page.one("#verses[aria-busy]"))  # type: ignore[union-attr]
    assert NEW in page.verses()  # it competes again, though nobody asks the VLM again


def test_words_alone_are_enough(page: Page) -> None:
    page.get("#words").send_keys("瀑布从高处直冲下来，好像银河从天而降", Keys.ENTER)
    page.until(lambda: page.verses()[:1] == ["飞流直下三千尺，疑是银河落九天。"])


def test_filters_narrow_the_search(page: Page) -> None:
    page.take(RIVER)
    first = page.verses()
    page.click("#dynasty .chip", 1)
    second = page.changed(first)
    assert {node.text.split(" · ")[0] for node in page.all(".when")} == {"宋"}
    page.get("#author").send_keys("李百", Keys.ENTER)
    page.until(lambda: "李白" in page.one("#author-said").text)  # type: ignore[union-attr]
    assert page.verses() == second
    page.take(EXAMPLES / "sunset_sea.jpg", verses=False)  # a photo can't be looked at for a poet whom nobody knows
    page.until(lambda: "李白" in page.one("#author-said").text)  # type: ignore[union-attr]
    page.click("#clear")
    page.until(lambda: len(page.verses()) == 5)  # and is, as soon as that is mended
    page.take(RIVER)
    page.until(lambda: page.verses() == first)


def test_the_whole_poem_opens_with_the_verse_marked(page: Page, matcher: ImageToPoem) -> None:
    page.take(RIVER)
    page.click("[data-act=poem]")
    poem = matcher.corpus.poem(matcher.match(RIVER)[0].poem_id or 0)
    assert page.get(".scroll h3").text == poem.title
    assert len(page.all(".scroll .verse-line")) == len(poem.verses)
    assert page.get(".scroll .this").text.replace("\n", "") == page.verses()[0]
    assert page.one("[data-act=poem]").get_attribute("aria-expanded") == "true"  # type: ignore[union-attr]
    page.click("[data-act=poem]")
    assert not page.one(".scroll").is_displayed()  # type: ignore[union-attr]


def test_readings_and_traditional_characters_come_on_demand(page: Page) -> None:
    page.get("#words").send_keys("飞流直下三千尺，疑是银河落九天", Keys.ENTER)
    page.until(lambda: page.verses())
    page.click("[data-act=pinyin]")
    page.until(lambda: [node.text for node in page.all(".line rt")][:3] == ["fēi", "liú", "zhí"])
    page.click("#script")
    page.until(lambda: page.verses()[0] == "飛流直下三千尺，疑是銀河落九天。")
    assert page.get(".source cite").text == "李白《望廬山瀑布》"
    page.open()
    page.get("#words").send_keys("飞流直下三千尺，疑是银河落九天", Keys.ENTER)
    page.until(lambda: page.verses()[:1] == ["飛流直下三千尺，疑是銀河落九天。"])  # remembered


def test_a_verse_is_copied_with_its_source(page: Page) -> None:
    grant = {"origin": page.url.rstrip("/"), "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", grant)
    page.get("#words").send_keys("大漠孤烟直，长河落日圆", Keys.ENTER)
    page.until(lambda: page.verses())
    page.click("[data-act=copy]")
    page.until(lambda: page.get("#status").text == "已复制")
    copied = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied == "大漠孤烟直，长河落日圆。——王维《使至塞上》"


def test_a_card_is_saved_in_the_layout_that_was_chosen(page: Page, tmp_path: Path) -> None:
    page.take(RIVER)
    verse = page.verses()[0]
    page.click("[data-act=save]")
    page.until(lambda: page.get("#card-image").get_attribute("alt") == f"写着“{verse}”的图")
    first = page.get("#card-image").get_attribute("src")
    page.driver.execute_script("document.querySelector('#layouts input[value=poster]').click()")
    page.until(lambda: page.get("#card-image").get_attribute("src") != first)
    page.driver.execute_script("document.querySelector('input[name=format][value=jpeg]').click()")
    page.until(lambda: not page.all("#card-view.busy"))
    page.click("#card-save")
    (file,) = page.until(lambda: list(tmp_path.glob("*.jpg")))
    assert file.stem == "".join(character for character in verse if character.isalpha())[:14]
    with Image.open(file) as card, Image.open(RIVER) as photo:
        assert card.format == "JPEG" and card.width >= photo.width
    page.get("#card").send_keys(Keys.ESCAPE)
    page.until(lambda: not page.one("#card").is_displayed())  # type: ignore[union-attr]


def test_a_bad_file_is_told_kindly_and_another_try_works(page: Page, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture at all")
    (tmp_path / "large.jpg").write_bytes(bytes(65_000_000))
    page.one("#file").send_keys(str(tmp_path / "large.jpg"))  # type: ignore[union-attr]
    page.until(lambda: "太大" in page.get("#trouble").text)
    page.one("#file").send_keys(str(tmp_path / "bad.jpg"))  # type: ignore[union-attr]
    page.until(lambda: "不是能看的照片" in page.get("#trouble").text)
    assert page.one("#trouble").get_attribute("role") == "alert"  # type: ignore[union-attr]
    page.take(RIVER)
    assert not page.one("#trouble").is_displayed()  # type: ignore[union-attr]


def test_a_slow_match_shows_progress_and_can_be_cancelled(start: Start) -> None:
    page = start(Slow).open()
    page.one("#file").send_keys(str(RIVER))  # type: ignore[union-attr]
    assert page.matcher.begun.acquire(timeout=30)
    page.until(lambda: "正在看照片" in page.get("#work-text").text)
    assert page.get("#progress").get_dom_attribute("value") is None  # it moves without saying how far
    page.click("#cancel")
    page.until(lambda: not page.one("#work").is_displayed())  # type: ignore[union-attr]
    page.matcher.go.set()
    page.take(RIVER)
    assert len(page.verses()) == 5


def test_a_busy_server_is_asked_again(start: Start) -> None:
    page = start(Slow, serve_workers=1, serve_queue=0).open()
    page.one("#file").send_keys(str(RIVER))  # type: ignore[union-attr]
    assert page.matcher.begun.acquire(timeout=30)
    page.one("#file").send_keys(str(EXAMPLES / "sunset_sea.jpg"))  # type: ignore[union-attr]
    page.until(lambda: "再试" in page.get("#work-text").text)
    page.matcher.go.set()
    page.until(lambda: len(page.verses()) == 5)


def test_the_scene_is_shown_with_its_basis_and_follows_what_is_changed(page: Page) -> None:
    page.take(EXAMPLES / "sunset_sea.jpg")
    dusk = next(node for node in page.all("#scene dd") if node.text == "暮")
    assert "黄昏" in (dusk.get_attribute("title") or "")
    before = page.verses()
    page.get("#add").send_keys("荷", Keys.ENTER)
    page.changed(before)
    page.get("#add").send_keys("雪", Keys.ENTER)
    page.until(lambda: "雪" in page.get("#scene").text)


def test_a_translation_by_a_model_is_shown_as_the_models(
    start: Start, home: Path, matcher: ImageToPoem, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(home, tmp_path / "translated"))
    verses = matcher.corpus.texts()
    TranslationStore(Settings(home=own).translations_file).add(dict.fromkeys(verses, "江上有月亮。"), "a-model", "1")
    page = start(home=own).open()
    page.take(RIVER)
    said = page.until(lambda: next((n for n in page.all("#verses .why") if "江上有月亮。" in n.text), None))
    assert "译文" in said.text and "（模型 a-model 译）" in said.text


def test_what_was_found_stays_in_the_browser_and_comes_back(page: Page) -> None:
    page.take(RIVER)
    river = page.verses()
    page.until(lambda: len(page.all("#past-list li")) == 1)
    page.take(EXAMPLES / "sunset_sea.jpg")
    page.changed(river)
    page.until(lambda: len(page.all("#past-list li")) == 2)
    page.open()
    page.until(lambda: len(page.all("#past-list li")) == 2)
    page.click("#past-list button", 1)
    page.until(lambda: page.verses() == river)
    page.click("#chips .chip")  # what was seen came back too, and can be changed without the photo's going up again
    page.changed(river)
    page.driver.execute_script("window.confirm = () => true")
    page.click("#forget")
    page.until(lambda: not page.all("#past-list li"))


def test_the_page_speaks_english_too(page: Page) -> None:
    page.click("#language")
    assert page.get(".lead").text == "A photo in, a line of classical verse out"
    assert page.one("html").get_attribute("lang") == "en"  # type: ignore[union-attr]
    page.take(RIVER)
    assert page.get(".label").text == "real"
    assert "water" in page.get("#scene").text
    page.open()
    assert page.get(".lead").text.startswith("A photo")  # remembered


def test_a_key_is_asked_for_and_remembered(start: Start) -> None:
    page = start(serve_api_key="open sesame")
    page.driver.get(page.url)
    page.get("#key-value").send_keys("open sesame", Keys.ENTER)
    page.until(lambda: page.one("html[data-ready=yes]"))
    page.open().take(RIVER)
    assert len(page.verses()) == 5
    page.driver.execute_script("localStorage.clear()")


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_and_can_be_read_and_touched(page: Page, dark: bool) -> None:
    page.open(PHONE, dark).take(RIVER)
    page.click("[data-act=poem]")
    page.get(".scroll")
    assert page.driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    small = page.driver.execute_script(
        "return [...document.querySelectorAll('button, summary, label.button, #words')]"
        ".filter(n => n.offsetParent && n.getBoundingClientRect().height < 30).map(n => n.outerHTML)"
    )
    assert small == []
    contrasts = page.driver.execute_script(CONTRAST)
    assert min(ratio for _, ratio in contrasts) >= 4.5, sorted(contrasts, key=lambda pair: pair[1])[:5]


def test_it_can_be_used_without_a_mouse_and_everything_has_a_name(page: Page) -> None:
    page.take(RIVER)
    reached = set()
    for _ in range(80):
        webdriver.ActionChains(page.driver).send_keys(Keys.TAB).perform()
        active = page.driver.switch_to.active_element
        reached.add(active.get_attribute("id") or active.get_attribute("data-act") or active.get_attribute("class"))
        name = page.driver.execute_script(
            "const n = arguments[0]; return n.getAttribute('aria-label') || n.labels?.[0]?.textContent || n.textContent",
            active,
        )
        assert name.strip(), active.get_attribute("outerHTML")
    assert {
        "script",
        "language",
        "theme",
        "file",
        "chip",
        "words",
        "add",
        "author",
        "poem",
        "pinyin",
        "copy",
    } <= reached
    pinyin = page.all("[data-act=pinyin]")[0]
    page.driver.execute_script("arguments[0].focus()", pinyin)
    pinyin.send_keys(Keys.SPACE)
    page.until(lambda: page.all(".line rt"))
    assert page.all("h1") and all(node.get_attribute("alt") is not None for node in page.all("img"))


def test_nothing_is_asked_of_anybody_else_and_nothing_complained_of(page: Page) -> None:
    import json

    page.driver.get_log("performance")
    page.driver.get_log("browser")
    page.open().take(RIVER)
    page.click("[data-act=poem]")
    page.get(".scroll")
    sent = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    assert len(urls) > 10
    assert {url for url in urls if not url.startswith((page.url, "blob:", "data:"))} == set()
    assert [entry for entry in page.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


# WCAG 2's contrast of every piece of text with what is behind it
CONTRAST = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (node) => {
  for (let n = node; n; n = n.parentElement) {
    const colour = rgb(getComputedStyle(n).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll('body *')].filter((node) => node.offsetParent && !node.closest('.quiet, svg')
  && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())).map((node) => {
  const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
  return [node.outerHTML.slice(0, 120), (a + 0.05) / (b + 0.05)];
});
"""
