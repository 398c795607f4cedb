// The verses that were found, each a card: source, reasons, the whole poem, readings, copying.

import * as api from "./api.js";
import { $, make } from "./dom.js";
import { gloss } from "./sight.js";
import { problemText, t } from "./words.js";

const NUMERALS = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];
const CLAUSE = /[^，。；？！、]*[，。；？！、」』”’]*/gu;

let shown = [];
let traditional = localStorage.getItem("script") === "traditional";
let saveCard = () => {};
let ids = true; // whether poem ids still belong to the server's corpus

export const setUp = (call) => { saveCard = call; };
export const script = () => (traditional ? "traditional" : "simplified");
export function switchScript() {
  traditional = !traditional;
  localStorage.setItem("script", script());
}

export const tongue = () => (traditional ? "zh-Hant" : "zh-Hans");
export const spelt = (match) => (traditional ? { ...match, ...match.traditional } : match);

export function show(matches, knownIds = true) {
  shown = matches;
  ids = knownIds;
  $("empty").hidden = true;
  $("verses").replaceChildren(...matches.map(card));
}

export const again = () => shown.length && $("verses").replaceChildren(...shown.map(card));

// Characters with marks and readings: `marks` are [start, end), `readings` [character, syllable].
function characters(text, marks, readings) {
  const named = new Map();
  for (const mark of marks) for (let i = mark.start; i < mark.end; i++) named.set(i, [...(named.get(i) || []), mark.term]);
  let place = 0; // in characters, as the server counts; not in UTF-16
  return [...text.matchAll(CLAUSE)].map(([clause]) => clause).filter(Boolean).map((clause) => {
    const span = make("span", { class: "clause" });
    for (const character of clause) {
      const reading = readings?.[place]?.[1];
      const plain = reading ? make("ruby", {}, character, make("rt", { lang: "zh-Latn-pinyin" }, reading)) : character;
      const terms = named.get(place);
      span.append(terms ? make("mark", { title: terms.map(gloss).join(" · ") }, plain) : plain);
      place++;
    }
    return span;
  });
}

function card(match, number) {
  const verse = spelt(match);
  const line = make("p", { class: "line", lang: tongue(), id: `verse-${number}` }, ...characters(verse.verse, match.marks));
  const article = make("article", { class: "verse", "aria-labelledby": `verse-${number}` },
    make("span", { class: "numeral", "aria-hidden": "true" }, NUMERALS[number] || ""), line, source(match, verse), why(match), belongs(match), quotes(match));
  if (match.translation) article.append(translation(match));
  const poem = make("div", { class: "poem", id: `poem-${number}`, hidden: true });
  const acts = make("div", { class: "acts" });
  const readings = button("pinyin", async (event) => {
    const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
    const read = on ? (await api.pinyin(match.verse)).pinyin : null;
    line.replaceChildren(...characters(verse.verse, match.marks, read));
    line.classList.toggle("read", on);
    readings.setAttribute("aria-pressed", String(on));
    if (!poem.hidden) await openPoem(poem, match, on);
  });
  readings.setAttribute("aria-pressed", "false");
  if (match.poem_id != null && ids) {
    const toggle = button("poem", async () => {
      if (poem.hidden) await openPoem(poem, match, readings.getAttribute("aria-pressed") === "true");
      poem.hidden = !poem.hidden;
      toggle.setAttribute("aria-expanded", String(!poem.hidden));
      toggle.textContent = t(poem.hidden ? "poem" : "poem_close");
      poem.querySelector(".this")?.scrollIntoView({ block: "nearest" });
    });
    toggle.setAttribute("aria-expanded", "false");
    toggle.setAttribute("aria-controls", poem.id);
    acts.append(toggle);
  }
  acts.append(readings, button("copy", (event) => copy(event.currentTarget, verse)));
  if ($("main").dataset.cards === "yes") acts.append(button("save", () => saveCard(match)));
  article.append(acts, poem);
  return make("li", {}, article);

  function button(name, call) {
    return make("button", { type: "button", class: "act", "data-act": name, onclick: async (event) => {
      const pressed = event.currentTarget;
      try {
        await call({ currentTarget: pressed });
      } catch (problem) {
        $("status").textContent = problemText(problem);
      }
    } }, t(name));
  }
}

function source(match, verse) {
  const real = match.provenance === "retrieved";
  const label = make("span", { class: `label ${match.provenance}` }, t(match.provenance));
  const by = real && verse.author ? make("cite", { lang: tongue() }, make("span", { class: "author" }, verse.author),
    `《${verse.title || t("untitled")}》`) : null;
  const when = real ? make("span", { class: "when", lang: tongue() }, [verse.dynasty, verse.genre].filter(Boolean).join(" · ")) : null;
  return make("p", { class: "source" }, by, when, label, make("span", { class: "score" }, t("score", match.score.toFixed(2))));
}

function why(match) {
  if (!match.reasons.length) return null;
  return make("p", { class: "why" }, make("span", { class: "key" }, t("why")), " ",
    ...match.reasons.flatMap((term, i) => [i ? " · " : "", make("b", { lang: "zh-Hans" }, gloss(term))]));
}

// A model's is said to be one; an answer that this browser kept from earlier doesn't say whose it is.
function translation(match) {
  const by = match.translation_by ? make("span", { class: "score" }, ` ${t(match.translation_made ? "by_model" : "by_source", match.translation_by)}`) : null;
  return make("p", { class: "why" }, make("span", { class: "key" }, t("translation")), " ", make("span", { lang: "zh-Hans" }, match.translation), by);
}

function belongs(match) {
  if (!match.occasions.length) return null;
  return make("p", { class: "why" }, make("span", { class: "key" }, t("belongs")), " ", make("b", { lang: "zh-Hans" }, match.occasions.join(" · ")));
}

// Clauses of a new line that are a real one's.
function quotes(match) {
  if (!match.quotes?.length) return null;
  const said = match.quotes.map((quote) => `${quote.clause}（${quote.author}《${quote.title}》）`).join("、");
  return make("p", { class: "why" }, make("span", { class: "key" }, t("quotes")), " ", make("b", { lang: "zh-Hans" }, said));
}

async function openPoem(box, match, read) {
  const poem = await api.poem(match.poem_id, read);
  const text = traditional ? poem.traditional : poem;
  const lines = poem.verses.map((verse, i) => {
    const found = verse === match.verse;
    return make(found ? "mark" : "span", { class: found ? "verse-line this" : "verse-line", title: found ? t("this_verse") : null },
      ...characters(text.verses[i], [], poem.pinyin?.[i]));
  });
  box.replaceChildren(
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${t("whole")}：${text.title}` },
      make("h3", { lang: tongue() }, text.title),
      make("p", { class: "byline", lang: tongue() }, `${text.dynasty} · ${text.author}`),
      make("p", { class: "lines", lang: tongue() }, ...lines),
      make("p", { class: "note", lang: "zh-Hans" }, [t("source", poem.source), ...poem.tags].join(" · "))));
}

async function copy(pressed, verse) {
  const from = verse.provenance === "retrieved" ? `${verse.author}《${verse.title}》` : t("composed");
  const text = `${verse.verse}——${from}`;
  let done = true;
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text).catch(() => { done = false; });
  } else { // a page that isn't from localhost nor by https has no clipboard of its own
    const box = make("textarea", { class: "offscreen" }, text);
    document.body.append(box);
    box.select();
    done = document.execCommand("copy");
    box.remove();
  }
  $("status").textContent = t(done ? "copied" : "copy_failed");
  pressed.textContent = t(done ? "copied" : "copy_failed");
  setTimeout(() => { pressed.textContent = t("copy"); }, 1600);
}
