// What was found before, in this browser's IndexedDB and nowhere else.

import { $, make } from "./dom.js";
import { t } from "./words.js";
import { spelt, tongue } from "./verses.js";

const MOST = 30;
const SIDE = 1600; // pixels of a photo that is kept
const THUMB = 240;

let database = null; // a promise; null where the browser keeps nothing (a private window)
let open = () => {};

export function setUp(call) {
  open = call;
  database = new Promise((done) => {
    if (!globalThis.indexedDB) return done(null);
    const request = indexedDB.open("image2poem", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("found", { keyPath: "id" });
    request.onsuccess = () => done(request.result);
    request.onerror = () => done(null);
  });
  $("forget").addEventListener("click", async () => {
    if (!confirm(t("forget_sure"))) return;
    await run("readwrite", (store) => store.clear());
    await show();
  });
  return show();
}

async function run(mode, call) {
  const opened = await database;
  if (!opened) return null;
  return new Promise((done) => {
    const transaction = opened.transaction("found", mode);
    const request = call(transaction.objectStore("found"));
    transaction.oncomplete = () => done(request?.result ?? null);
    transaction.onerror = transaction.onabort = () => done(null); // full, or not allowed: then nothing is kept
  });
}

// A JPEG of at most `side` pixels, upright and without EXIF; null if the browser can't show the photo.
export async function smaller(blob, side) {
  try {
    const picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
    const scale = Math.min(1, side / Math.max(picture.width, picture.height));
    const canvas = make("canvas", { width: Math.round(picture.width * scale) || 1, height: Math.round(picture.height * scale) || 1 });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
  } catch {
    return null;
  }
}

export async function keep(entry) {
  await run("readwrite", (store) => store.put(entry));
  const ids = (await run("readonly", (store) => store.getAllKeys())) || [];
  const old = ids.sort((a, b) => b - a).slice(MOST);
  if (old.length) await run("readwrite", (store) => { for (const id of old) store.delete(id); });
  await show();
}

export async function pictures(photo) {
  const [kept, thumb] = await Promise.all([smaller(photo, SIDE), smaller(photo, THUMB)]);
  return { photo: kept, thumb };
}

export async function show() {
  const entries = ((await run("readonly", (store) => store.getAll())) || []).sort((a, b) => b.id - a.id);
  for (const image of $("past-list").querySelectorAll("img")) URL.revokeObjectURL(image.src);
  $("past").hidden = !entries.length;
  $("past-list").replaceChildren(...entries.map((entry) => {
    const first = entry.answer.matches[0];
    const verse = first ? spelt(first).verse : entry.text || t("untitled");
    const image = entry.thumb ? make("img", { src: URL.createObjectURL(entry.thumb), alt: "" })
      : make("span", { class: "no-thumb", "aria-hidden": "true", lang: "zh-Hans" }, "诗");
    return make("li", {}, make("button", { type: "button", class: "once", "aria-label": t("back", verse), onclick: () => open(entry) },
      image, make("span", { lang: tongue() }, verse)));
  }));
}
