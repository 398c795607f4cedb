// The dialog that sets a verse on the photo, in a layout that is chosen, and saves the picture.

import * as api from "./api.js";
import { $, make } from "./dom.js";
import { current, problemText, t } from "./words.js";
import { script, spelt } from "./verses.js";

const PREVIEW = 900; // pixels across

let layouts = [];
let photo = () => null;
let match = null;
let stop = null;

export function setUp(about, call) {
  layouts = about.layouts;
  photo = call;
  $("main").dataset.cards = layouts.length ? "yes" : "no";
  $("card").addEventListener("change", preview);
  $("card").addEventListener("close", () => stop?.abort());
  $("card").addEventListener("click", (event) => event.target === $("card") && $("card").close());
  $("card-save").addEventListener("click", () => finish(save));
  $("card-share").addEventListener("click", () => finish(share));
}

const chosen = (name) => $("card").querySelector(`input[name=${name}]:checked`)?.value;
const fields = (width) => ({
  photo: photo(), verse: match.verse, layout: chosen("layout"), format: chosen("format"), script: script(), width,
});

export function open(found) {
  match = found;
  const before = chosen("layout") || layouts[0];
  $("layouts").replaceChildren(...layouts.map((name) => make("label", {},
    make("input", { type: "radio", name: "layout", value: name, checked: name === before }), make("span", {}, t("layouts")[name] || name))));
  $("card-share").hidden = !navigator.canShare;
  $("card").lang = current() === "zh" ? "zh-Hans" : "en";
  $("card").showModal();
  preview();
}

async function preview() {
  stop?.abort();
  const { signal } = (stop = new AbortController());
  $("card-image").hidden = !$("card-image").src;
  if (!photo()) {
    $("card-said").textContent = t("no_photo");
    return;
  }
  $("card-said").textContent = t("drawing");
  $("card-view").classList.add("busy");
  try {
    const blob = await api.card({ ...fields(PREVIEW), format: "jpeg" }, { signal });
    URL.revokeObjectURL($("card-image").src);
    $("card-image").src = URL.createObjectURL(blob);
    $("card-image").alt = t("card_alt", spelt(match).verse);
    $("card-image").hidden = false;
    $("card-said").textContent = "";
  } catch (problem) {
    if (problem.name !== "AbortError") $("card-said").textContent = problemText(problem);
  } finally {
    if (!signal.aborted) $("card-view").classList.remove("busy");
  }
}

async function finish(use) {
  const suffix = chosen("format") === "png" ? "png" : "jpg";
  $("card-said").textContent = t("drawing");
  $("card-save").disabled = true;
  try {
    const blob = await api.card(fields(null));
    await use(new File([blob], `${match.verse.replace(/[^\p{L}]/gu, "").slice(0, 14)}.${suffix}`, { type: blob.type }));
    $("card-said").textContent = t("saved");
  } catch (problem) {
    $("card-said").textContent = problem.name === "AbortError" ? "" : problemText(problem);
  } finally {
    $("card-save").disabled = false;
  }
}

function save(file) {
  const link = make("a", { href: URL.createObjectURL(file), download: file.name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const share = (file) => navigator.share({ files: [file] });
