// Which verses are wanted: chips for dynasty, genre and form, a name for the poet.

import { $, make } from "./dom.js";
import { t } from "./words.js";

const KINDS = ["dynasty", "genre", "form"];
let chosen = { dynasty: [], genre: [], form: [], author: [] };
let changed = () => {};

export function setUp(about, call) {
  changed = call;
  for (const kind of KINDS) {
    $(kind).replaceChildren(...about[kind].map((name) => make("button", {
      type: "button", class: "chip plain", "aria-pressed": "false", lang: "zh-Hans", value: name,
      onclick: () => toggle(kind, name),
    }, name)));
  }
  $("authors").replaceChildren(...about.author.map((name) => make("option", { value: name })));
  $("author").addEventListener("change", () => {
    const names = $("author").value.split(/[\s,，、]+/).filter(Boolean);
    if (String(names) !== String(chosen.author)) set({ ...chosen, author: names });
  });
  $("clear").addEventListener("click", () => set({ dynasty: [], genre: [], form: [], author: [] }));
  show();
}

export const asked = () => chosen;

export function restore(filters) {
  chosen = { dynasty: [], genre: [], form: [], author: [], ...filters };
  show();
}

// The server knows no such poet.
export function complain(problem) {
  const names = problem.suggestions.join(t("why") === "因其写到" ? "、" : ", ");
  $("author-said").textContent = names ? t("suggestion", names) : t("no_name");
  $("filters").open = true;
}

function toggle(kind, name) {
  const names = chosen[kind];
  set({ ...chosen, [kind]: names.includes(name) ? names.filter((other) => other !== name) : [...names, name] });
}

function set(filters) {
  chosen = filters;
  show();
  changed();
}

export function show() {
  for (const kind of KINDS) {
    for (const chip of $(kind).children) chip.setAttribute("aria-pressed", String(chosen[kind].includes(chip.value)));
  }
  $("author").value = chosen.author.join(" ");
  $("author-said").textContent = "";
  const count = Object.values(chosen).flat().length;
  $("filters-on").textContent = count ? t("on", count) : "";
  $("clear").hidden = !count;
}
