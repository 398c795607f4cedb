// The page: a photo or words go in, verses come out, and whatever a person changes is searched for again at once.

import * as api from "./api.js";
import * as card from "./card.js";
import * as filters from "./filters.js";
import * as history from "./history.js";
import * as sight from "./sight.js";
import * as verses from "./verses.js";
import { $, later, make } from "./dom.js";
import { problemText, speak, switchLanguage, t } from "./words.js";

const HOPELESS = ["photo-too-large", "not-a-photo", "bad-photo"]; // no better at a second try
const THEMES = ["auto", "light", "dark"];

let about = null;
let photo = null; // the File, or what the history kept of it
let entry = null; // this photo's (or these words') place in the history
let request = null; // the AbortController of what is under way
let last = () => {}; // what to do when a person says "try again"

// --- appearance ---------------------------------------------------------------------------------------------------

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("theme", name);
  $("theme").setAttribute("aria-label", t(`theme_${name}`));
  $("theme").title = t(`theme_${name}`);
}

function dress() {
  speak();
  theme(localStorage.getItem("theme") || "auto");
  $("language").textContent = t("language");
  $("language").setAttribute("aria-label", t("language_name"));
  $("language").lang = t("language") === "中" ? "zh-Hans" : "en";
  const other = verses.script() === "traditional" ? "script_other" : "script";
  $("script").textContent = t(other);
  $("script").setAttribute("aria-label", t(`${other}_name`));
  $("script").title = t(`${other}_name`);
  $("photo").alt = t("photo_alt");
  $("choose-text").textContent = t(photo ? "change" : "choose");
}

$("theme").addEventListener("click", () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3]));
$("language").addEventListener("click", () => {
  switchLanguage();
  dress();
  sight.show();
  filters.show();
  verses.again();
  history.show();
});
$("script").addEventListener("click", () => {
  verses.switchScript();
  dress();
  verses.again();
  history.show();
});

// --- work and trouble -----------------------------------------------------------------------------------------------

function say(text) {
  $("status").textContent = text;
}

function trouble(problem, again) {
  $("trouble").hidden = false;
  $("trouble").replaceChildren(problemText(problem), " ");
  if (HOPELESS.includes(problem.kind)) {
    photo = entry = null;
    showPhoto(null);
  } else {
    $("trouble").append(make("button", { type: "button", class: "link", onclick: again }, t("retry")));
  }
}

// Do `call(signal)` as the one thing that is under way; what was before it is given up.
async function under(call, again) {
  request?.abort();
  const { signal } = (request = new AbortController());
  $("trouble").hidden = true;
  last = again;
  try {
    await call(signal);
  } catch (problem) {
    if (problem.name === "AbortError" || signal.aborted) return;
    say("");
    if (problem.kind === "unknown-name") filters.complain(problem);
    else trouble(problem, () => last());
  } finally {
    if (!signal.aborted) finish();
  }
}

function begin(text) {
  $("work").hidden = false;
  $("work-text").textContent = text;
  $("progress").removeAttribute("value");
  $("main").dataset.state = "working";
}

function finish() {
  $("work").hidden = true;
  $("main").dataset.state = photo || entry ? "found" : "empty";
}

$("cancel").addEventListener("click", () => {
  request?.abort();
  finish();
  say(t("cancelled"));
});

// --- a photo ----------------------------------------------------------------------------------------------------------

function showPhoto(blob) {
  URL.revokeObjectURL($("photo").src);
  $("photo").hidden = !blob;
  $("blank").hidden = true;
  if (blob) $("photo").src = URL.createObjectURL(blob);
  $("main").classList.toggle("with-photo", Boolean(blob));
  dress();
}

$("photo").addEventListener("error", () => {
  $("photo").hidden = true;
  $("blank").hidden = false;
});

function take(file, again = null) {
  if (!file) return;
  photo = file;
  if (!again) $("taken").checked = true;
  entry = again || { id: Date.now() };
  showPhoto(file);
  $("verses").replaceChildren();
  say("");
  under((signal) => look(file, signal), () => take(file, entry));
}

async function look(file, signal) {
  sight.restore(null);
  if (file.size > about.max_bytes) throw new api.Problem(413, { type: "photo-too-large" });
  begin(t("uploading", 0));
  const slow = setTimeout(() => { $("work-text").textContent = t("slow"); }, 8000);
  try {
    const answer = await api.match({
      photo: file, text: words(), vlm: $("vlm").checked ? "true" : null,
      context: $("taken").checked ? null : "false", ...filters.asked(),
    }, {
      signal,
      sending: (part) => {
        $("progress").value = part;
        $("work-text").textContent = t("uploading", Math.round(100 * part));
        if (part === 1) begin(t("looking"));
      },
      waiting: (seconds) => { $("work-text").textContent = t("queue", seconds); },
    });
    sight.restore(answer.seen);
    entry.lines = answer.matches.filter((match) => match.provenance === "composed").map((match) => match.verse);
    await found(answer);
  } finally {
    clearTimeout(slow);
  }
}

const words = () => $("words").value.trim();

async function searchAgain(signal) {
  const asked = { text: words(), seen: sight.asked(), lines: entry?.lines || [], ...filters.asked() };
  if (!asked.text && !asked.seen) return;
  say(t("searching"));
  $("verses").setAttribute("aria-busy", "true");
  try {
    const answer = await api.search(asked, { signal, waiting: (seconds) => say(t("queue", seconds)) });
    await found(answer);
  } catch (problem) {
    if (problem.kind !== "other-space") throw problem;
    sight.forgetVector();
    await searchAgain(signal);
  } finally {
    $("verses").removeAttribute("aria-busy");
  }
}

function again() {
  if (photo && !sight.seen()) return take(photo, entry); // it hasn't been looked at yet: cancelled, or a name was wrong
  if (!photo && !entry) entry = { id: Date.now() };
  under(searchAgain, again);
}

function showTaken(context) {
  const { lunar, season, solar_term: term, festivals, hour, places } = context || { festivals: [], places: [] };
  const known = [...new Set([lunar, season, term, ...festivals, hour, ...places].filter(Boolean))];
  $("taken-row").hidden = !known.length && $("taken").checked;
  if (known.length) $("taken-what").textContent = known.join(" · ");
}

async function found(answer) {
  verses.show(answer.matches);
  $("notes").textContent = (answer.notes || []).join(" ");
  $("notes").hidden = !answer.notes?.length;
  showTaken(answer.context);
  sight.showScene(answer.sight.scene);
  say(answer.matches.length ? t("found", answer.matches.length) : t("none"));
  entry = {
    ...entry, answer, corpus: about.corpus, text: words(), filters: filters.asked(),
    seen: sight.seen(), kept: sight.kept(),
  };
  if (photo && entry.thumb === undefined) {
    const mine = entry;
    const made = await history.pictures(photo);
    if (entry.id !== mine.id) return;
    entry = { ...entry, ...made };
  }
  history.keep(entry);
}

// Back to something found before.
function reopen(old) {
  request?.abort();
  finish();
  entry = old;
  photo = old.photo || null;
  showPhoto(photo);
  $("words").value = old.text || "";
  filters.restore(old.filters);
  $("taken").checked = true;
  showTaken(old.answer.context);
  sight.restore(old.seen, old.kept);
  sight.showScene(old.answer.sight.scene);
  $("trouble").hidden = true;
  finish();
  if (old.corpus === about.corpus) {
    verses.show(old.answer.matches);
    say(t("found", old.answer.matches.length));
  } else {
    verses.show(old.answer.matches, false);
    under(searchAgain, again);
  }
  $("main").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

// --- the ways in ------------------------------------------------------------------------------------------------------

for (const id of ["file", "camera"]) {
  $(id).addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = ""; // so that the same photo can be chosen again
  });
}

document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  take(file);
});

let inside = 0; // drag events come from every element that is entered and left
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    inside += kind === "dragenter" ? 1 : kind === "dragleave" ? -1 : 0;
    if (kind === "drop") {
      inside = 0;
      take(event.dataTransfer.files[0]);
    }
    $("drop").classList.toggle("over", inside > 0);
  });
}

const reword = later(600, again);
$("words").addEventListener("input", reword);
$("words").addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    event.preventDefault();
    reword.now();
    $("status").scrollIntoView({ block: "nearest" }); // on a phone the verses are above
  }
});
for (const id of ["vlm", "taken"]) $(id).addEventListener("change", () => photo && take(photo, entry));

// --- the beginning ------------------------------------------------------------------------------------------------------

dress();
say(t("preparing"));
api.about().then(async (told) => {
  about = told;
  say("");
  $("vlm-row").hidden = !about.vlm;
  sight.setUp(about, again);
  filters.setUp(about, again);
  card.setUp(about, () => photo);
  verses.setUp(card.open);
  await history.setUp(reopen);
  $("filters").open = matchMedia("(min-width: 56rem)").matches;
  document.documentElement.dataset.ready = "yes";
}).catch((problem) => {
  say("");
  trouble(problem, () => location.reload());
});
