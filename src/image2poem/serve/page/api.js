// Calls to the server. A problem (RFC 9457) is thrown as a Problem.

import { $ } from "./dom.js";

export class Problem extends Error {
  constructor(status, body, wait) {
    super(body.detail || body.title);
    this.status = status;
    this.kind = (body.type || "").split(":").pop();
    this.detail = body.detail;
    this.suggestions = body.suggestions || [];
    this.wait = wait;
  }
}

const key = () => localStorage.getItem("key");

function askKey() {
  const dialog = $("key");
  if (!dialog.open) {
    dialog.returnValue = "";
    dialog.showModal();
  }
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "ok") localStorage.setItem("key", $("key-value").value.trim());
      done(dialog.returnValue === "ok");
    }, { once: true });
  });
}

// One request by XMLHttpRequest, which, unlike fetch, tells how much of a photo has been sent.
function once(method, path, body, { kind = "json", signal, sending } = {}) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    request.responseType = "blob";
    if (key()) request.setRequestHeader("Authorization", `Bearer ${key()}`);
    if (body && !(body instanceof FormData)) {
      request.setRequestHeader("Content-Type", "application/json");
      body = JSON.stringify(body);
    }
    if (sending) request.upload.onprogress = (event) => event.lengthComputable && sending(event.loaded / event.total);
    const stop = () => request.abort();
    signal?.addEventListener("abort", stop, { once: true });
    request.onloadend = () => signal?.removeEventListener("abort", stop);
    request.onabort = () => fail(new DOMException("", "AbortError"));
    request.onerror = () => fail(new Problem(0, { type: "network" }));
    request.onload = async () => {
      if (request.status < 300) {
        done(kind === "json" ? JSON.parse(await request.response.text()) : request.response);
        return;
      }
      let told = {};
      try {
        told = JSON.parse(await request.response.text());
      } catch { /* not from our server */ }
      fail(new Problem(request.status, told, Number(request.getResponseHeader("Retry-After")) || 0));
    };
    if (signal?.aborted) fail(new DOMException("", "AbortError"));
    else request.send(body);
  });
}

const sleep = (seconds, signal) => new Promise((done, fail) => {
  const timer = setTimeout(done, 1000 * seconds);
  signal?.addEventListener("abort", () => { clearTimeout(timer); fail(new DOMException("", "AbortError")); }, { once: true });
});

// A request that asks for the key where one is needed, and waits its turn where the server is busy.
async function call(method, path, body, options = {}) {
  for (let tries = 0; ; tries++) {
    try {
      return await once(method, path, body, options);
    } catch (problem) {
      if (problem.status === 401 && (await askKey())) continue;
      const waits = problem.status === 503 && ["busy", "not-ready"].includes(problem.kind) && tries < 4;
      if (!waits) throw problem;
      const seconds = Math.min(Math.max(problem.wait, 1) * (tries + 1), 10);
      options.waiting?.(seconds);
      await sleep(seconds, options.signal);
    }
  }
}

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one != null && one !== "") data.append(name, one);
  }
  return data;
}

export const about = () => call("GET", "v1/about");
export const match = (fields, options) => call("POST", "v1/match", form(fields), options);
export const search = (asked, options) => call("POST", "v1/search", asked, options);
export const poem = (id, read) => call("GET", `v1/poems/${id}?pinyin=${read}`);
export const pinyin = (text) => call("GET", `v1/pinyin?text=${encodeURIComponent(text)}`);
export const card = (fields, options) => call("POST", "v1/card", form(fields), { ...options, kind: "blob" });
