// What was seen: chips that can be put out and added, and a description that can be rewritten.

import { $, later, make } from "./dom.js";
import { current, t } from "./words.js";

let english = new Map(); // term -> its English
let seen = null; // as it was answered, with `vector` and `space`
let chips = []; // {term, score, on, added}
let described = null; // what the person wrote instead of the description, null if nothing
let scene = null; // of the last answer
let changed = () => {};

export function setUp(about, call) {
  changed = call;
  english = new Map(about.imagery.map((item) => [item.term, item.english]));
  $("terms").replaceChildren(...about.imagery.map((item) => make("option", { value: item.term, label: item.english })));
  $("filters").addEventListener("toggle", fit);
  $("add").addEventListener("change", add);
  $("add").addEventListener("keydown", (event) => event.key === "Enter" && add());
  const rewrite = later(500, () => {
    described = $("description").value.trim() === seen?.description.trim() ? null : $("description").value.trim();
    tell();
  });
  $("description").addEventListener("input", () => { fit(); rewrite(); });
  $("reset").addEventListener("click", () => { restore(seen); tell(); });
}

// Show a sight; `kept` is what a person had made of it, from the history.
export function restore(sight, kept) {
  seen = sight;
  chips = kept?.chips || (sight ? sight.imagery.map((item) => ({ ...item, on: true })) : []);
  described = kept?.described ?? null;
  show();
}

// What a search needs, null where nothing was seen.
export function asked() {
  if (!seen) return null;
  const imagery = chips.filter((chip) => chip.on).map(({ term, score }) => ({ term, score }));
  // what a person or a VLM wrote stays; what was made of the imagery is made anew when that changes
  const told = described ?? (touched() && !seen.described ? null : seen.description);
  return {
    imagery, description: told, described: described !== null || seen.described, vector: seen.vector, space: seen.space,
    context: seen.context, scene: touched() ? null : seen.scene,
  };
}

// The scene that an answer tells of; none before there was one.
export function showScene(told) {
  scene = told;
  const { season, hour, weather, light = [], setting, mood } = scene || {};
  const sides = [season, hour, weather, ...light, setting, mood].filter(Boolean);
  $("scene").hidden = !sides.length;
  $("scene").replaceChildren($("scene").firstElementChild, ...sides.map((side) => {
    const said = current() === "en" ? t("sides")[side.name] : null;
    const why = t("because", side.basis.join(", "));
    return make("dd", { title: why }, make("span", { lang: "zh-Hans" }, side.name), said ? make("small", {}, said) : null);
  }));
}

const asAnswered = () => seen;
export { asAnswered as seen };
export const kept = () => ({ chips, described });
export const forgetVector = () => { if (seen) seen = { ...seen, vector: null }; };
export const gloss = (term) => (current() === "en" && english.has(term) ? `${term} ${short(english.get(term))}` : term);

const touched = () => chips.some((chip) => chip.added || !chip.on);
const short = (text) => text.split(/[,;(]/)[0].trim();

function tell() {
  $("reset").hidden = !touched() && described === null;
  changed();
}

function add() {
  const typed = $("add").value.trim();
  if (!typed) return;
  const term = english.has(typed) ? typed : find(typed.toLowerCase());
  $("add-said").textContent = term ? "" : t("no_term", typed);
  if (!term) return;
  $("add").value = "";
  const known = chips.find((chip) => chip.term === term);
  if (known) known.on = true;
  else chips.push({ term, score: 1, on: true, added: true });
  show();
  tell();
}

function find(word) {
  for (const [term, text] of english) if (text.toLowerCase().split(/[,;]\s*/).includes(word)) return term;
  return null;
}

function fit() {
  const box = $("description");
  if (!box.offsetParent) return; // not shown: has no height
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}

export function show() {
  $("seen").hidden = $("change").hidden = !seen;
  $("reset").hidden = !touched() && described === null;
  $("chips").replaceChildren(...chips.map((chip) => {
    const said = gloss(chip.term);
    const label = chip.added ? t("chip_added", said) : t("chip", said, Math.round(100 * chip.score));
    const button = make("button", {
      type: "button", class: "chip", "aria-pressed": String(chip.on), "aria-label": label, title: label,
      onclick: () => {
        chip.on = !chip.on;
        button.setAttribute("aria-pressed", String(chip.on));
        tell();
      },
    }, make("span", { lang: "zh-Hans" }, chip.term), said === chip.term ? null : make("small", {}, said.slice(chip.term.length + 1)));
    button.style.setProperty("--sure", chip.score);
    return make("li", {}, button);
  }));
  $("description").value = described ?? seen?.description ?? "";
  showScene(scene);
  fit();
}
