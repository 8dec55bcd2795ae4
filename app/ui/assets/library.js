// Sends files to the library: one request a file, a few at a time, with the folders that were chosen as part of the
// name. One that cannot be sent stops no other. Names are only ever sent and set as text.
"use strict";
var spandraftUploads = (() => {
  const AT_A_TIME = 3;
  let sending = null;

  // ---- What was chosen or dropped ---------------------------------------------------------------------------
  const hidden = (name) => name.split("/").slice(1).some((part) => part.startsWith("."));
  const chosen = (input) => Array.from(input.files)
    .map((file) => ({file, name: file.webkitRelativePath || file.name})).filter(({name}) => !hidden(name));

  async function within(entry, path) {
    const name = path + entry.name;
    if (entry.isFile) {
      const file = await new Promise((found) => entry.file(found, () => found(null)));
      return file && !hidden(name) ? [{file, name}] : [];
    }
    if (path && entry.name.startsWith(".")) return [];
    const reader = entry.createReader(), found = [];
    for (;;) {  // A reader gives a hundred entries at a time.
      const some = await new Promise((read) => reader.readEntries(read, () => read([])));
      if (!some.length) return found;
      for (const one of some) found.push(...await within(one, `${name}/`));
    }
  }

  async function dropped(items) {
    const entries = Array.from(items).map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    return (await Promise.all(entries.map((entry) => within(entry, "")))).flat();
  }

  // ---- Sending ----------------------------------------------------------------------------------------------
  const box = () => document.querySelector(".drop[data-upload]");
  const bytes = (files) => files.reduce((sum, {file}) => sum + file.size, 0);

  function show(text, problem = "") {
    const place = box();
    if (!place) return;
    place.querySelector("[data-progress]").textContent = text;
    place.querySelector("[data-refused]").textContent = problem;
    place.querySelector("[data-give-up]").hidden = sending === null;
  }

  function told(now) {
    const [done, all] = [now.sent / Math.max(1, now.bytes), now.files.length];
    show(`Sending ${now.done} of ${all} ${all === 1 ? "file" : "files"}, ${Math.floor(100 * done)} %`, now.refused.slice(-1)[0] || "");
  }

  async function one(now, {file, name}) {
    // What no loader reads is not sent: it is listed by its name alone.
    const known = now.formats.some((format) => name.toLowerCase().endsWith(format));
    const where = `/library/uploads/${now.batch}?${new URLSearchParams({name})}`;
    try {
      const answer = await fetch(where, {method: "POST", body: known ? file : "", signal: now.stop.signal});
      if (!answer.ok) now.refused.push((await answer.json()).cause);
    } catch (error) {
      if (!now.stop.signal.aborted) now.refused.push(`${name} could not be read or sent`);
    }
    now.done += 1;
    now.sent += file.size;
    if (!now.stop.signal.aborted && performance.now() - now.told > 100) { now.told = performance.now(); told(now); }
  }

  async function send(files) {
    const place = box();
    if (sending || !place || !files.length) return;
    const now = {
      files, bytes: bytes(files), formats: place.dataset.formats.split(" "), corpus: place.dataset.corpus,
      batch: null, done: 0, sent: 0, told: 0, refused: [], stop: new AbortController(),
    };
    sending = now;
    try {
      const opened = await (await fetch("/library/uploads", {method: "POST"})).json();
      if (!opened.batch) throw opened.cause;
      now.batch = opened.batch;
      told(now);
      const rest = files.values();
      const worker = async () => { for (const next of rest) { if (now.stop.signal.aborted) return; await one(now, next); } };
      await Promise.all(Array.from({length: AT_A_TIME}, worker));
      sending = null;
      if (now.stop.signal.aborted) await gaveUp(now);
      else finished(now);
    } catch (cause) {
      sending = null;
      show("", typeof cause === "string" ? cause : "the server does not answer");
    }
  }

  async function gaveUp(now) {
    show("Nothing was added.");
    await fetch(`/library/uploads/${now.batch}`, {method: "DELETE"});
  }

  function finished(now) {
    const more = now.refused.length > 1 ? ` (and ${now.refused.length - 1} more)` : "";
    show("", now.refused.length ? now.refused[0] + more : "");
    const button = box().querySelector("[data-event='staged']");
    Object.assign(button.dataset, {batch: now.batch, corpus: now.corpus});
    button.click();
  }

  // ---- Listening --------------------------------------------------------------------------------------------
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.matches || !input.matches(".drop input[type=file]")) return;
    send(chosen(input));
    input.value = "";
  });
  document.addEventListener("click", (event) => {
    if (sending && event.target.closest("[data-give-up]")) sending.stop.abort();
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, async (event) => {
      const place = event.target.closest && event.target.closest(".drop[data-upload]");
      if (!place) return;
      event.preventDefault();
      place.classList.toggle("over", kind === "dragenter" || kind === "dragover");
      if (kind === "drop") send(await dropped(event.dataTransfer.items));
    });
  }
  addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });
})();
