// The page's own behaviour: runs of an answer and the characters they came from light up together, a second click
// confirms, changes of a correction are taken or left, Esc stops. Text is only ever read and set as text.
"use strict";
var spandraft = (() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  let asking = null;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // ---- Links between an answer and its sources -------------------------------------------------------------
  const marksOf = (run) => all(`#sources mark[data-turn="${run.dataset.turn}"]`)
    .filter((mark) => mark.dataset.cites.split(" ").includes(run.dataset.cite));
  const runsOf = (mark) => all(`a.run[data-turn="${mark.dataset.turn}"]`)
    .filter((run) => mark.dataset.cites.split(" ").includes(run.dataset.cite));

  function light(elements) {
    all(".on").filter((old) => !old.closest(".reader") && !elements.includes(old)).forEach((old) => old.classList.remove("on"));
    elements.forEach((element) => element.classList.add("on"));
  }

  // Scrolls the panel alone, so that reading the answer is not disturbed by the mouse passing over it.
  function reveal(mark, {page}) {
    const source = mark.closest("details");
    if (source) source.open = true;
    const panel = mark.closest("#sources");
    if (page || !panel || panel.scrollHeight <= panel.clientHeight) {
      if (page) mark.scrollIntoView({block: "center", behavior: calm.matches ? "auto" : "smooth"});
      return;
    }
    const [inner, outer] = [mark.getBoundingClientRect(), panel.getBoundingClientRect()];
    if (inner.top < outer.top || inner.bottom > outer.bottom)
      panel.scrollBy({top: inner.top - outer.top - outer.height / 3, behavior: calm.matches ? "auto" : "smooth"});
  }

  function point(run, how) {
    const marks = marksOf(run);
    light([run, ...marks]);
    if (marks.length) reveal(marks[0], how);
    return marks.length > 0;
  }

  function follow(run) {
    if (point(run, {page: true})) {
      marksOf(run)[0].focus({preventScroll: true});
      return;
    }
    // Another turn's sources are shown: ask for this one's. The panel says in data-focus what to light up.
    const card = run.closest("[data-turn]:is(article)");
    const button = card && card.querySelector("[data-event='sources']");
    if (!button) return;
    button.dataset.cite = run.dataset.cite;
    button.click();
    delete button.dataset.cite;
  }

  function back(mark) {
    const runs = runsOf(mark);
    light([mark, ...runs]);
    if (!runs.length) return;
    runs[0].scrollIntoView({block: "center", behavior: calm.matches ? "auto" : "smooth"});
    runs[0].focus({preventScroll: true});
  }

  // ---- After Gradio has drawn a widget again ---------------------------------------------------------------
  function shown(element) {
    const panel = element.querySelector(".sources[data-focus]");
    if (panel && panel.dataset.focus !== "") {
      const run = document.querySelector(`a.run[data-turn="${panel.dataset.turn}"][data-cite="${panel.dataset.focus}"]`);
      panel.dataset.focus = "";
      if (run) follow(run);
    }
    const reader = element.querySelector("dialog.reader");
    if (reader && !reader.open) {
      reader.showModal();
      const mark = reader.querySelector("mark");
      if (mark) mark.scrollIntoView({block: "center"});
    }
    const receipt = element.querySelector(".receipt");
    if (receipt) receipt.scrollIntoView({block: "nearest", behavior: calm.matches ? "auto" : "smooth"});
    if (element.closest("#live")) keepInSight(element);
  }

  function keepInSight(element) {
    const card = element.querySelector(".turn");
    if (!card) return;
    const begins = card.matches(".running") && asking !== card.querySelector(".question").textContent;
    asking = card.matches(".running") ? card.querySelector(".question").textContent : null;
    if (begins) card.scrollIntoView({block: "nearest"});
    const below = element.getBoundingClientRect().bottom - (innerHeight - 110);
    // Follows the text while the reader is at its end, and leaves a reader alone who has scrolled up.
    if (below > 0 && below < 240) scrollBy({top: below});
  }

  // ---- A second click confirms -----------------------------------------------------------------------------
  function confirmed(button) {
    const asks = button.dataset.confirm;
    if (!asks || button.dataset.armed) return true;
    const label = button.textContent;
    button.dataset.armed = "yes";
    button.textContent = asks;
    setTimeout(() => {
      delete button.dataset.armed;
      if (button.textContent === asks) button.textContent = label;
    }, 4000);
    return false;
  }

  // ---- Corrections -----------------------------------------------------------------------------------------
  function settle(view, index, taken) {
    const edit = view.querySelector(`.edit[data-edit="${index}"]`);
    edit.setAttribute("aria-pressed", String(taken));
    edit.title = taken ? "Accepted. Click to leave it as it was." : "Rejected. Click to accept it.";
    all(`[data-take="${index}"]`, view).forEach((b) => b.setAttribute("aria-pressed", String(taken)));
    all(`[data-leave="${index}"]`, view).forEach((b) => b.setAttribute("aria-pressed", String(!taken)));
    const edits = all(".edit", view);
    const accepted = edits.filter((other) => other.getAttribute("aria-pressed") === "true").length;
    const changes = edits.length === 1 ? "1 change" : `${edits.length} changes`;
    view.querySelector("[data-count]").textContent = `${changes}, ${accepted} accepted`;
    view.querySelector("[data-result]").textContent = resultOf(view.querySelector("[data-diff]"));
  }

  const resultOf = (diff) => Array.from(diff.childNodes).map((node) => {
    if (node.nodeType === Node.TEXT_NODE || !node.classList.contains("edit")) return node.textContent;
    return node.querySelector(node.getAttribute("aria-pressed") === "true" ? "ins" : "del").textContent;
  }).join("");

  function corrected(target) {
    const view = target.closest(".correction");
    if (!view) return;
    const [edit, take, leave, every] = ["edit", "take", "leave", "all"].map((key) => target.closest(`[data-${key}]`));
    if (edit) settle(view, edit.dataset.edit, edit.getAttribute("aria-pressed") !== "true");
    else if (take) settle(view, take.dataset.take, true);
    else if (leave) settle(view, leave.dataset.leave, false);
    else if (every) all(".edit", view).forEach((one) => settle(view, one.dataset.edit, every.dataset.all === "true"));
  }

  // ---- Small things ----------------------------------------------------------------------------------------
  async function copy(button) {
    const within = button.closest("article, .correction");
    const label = button.textContent;
    const text = Array.from(within.querySelector(button.dataset.copy).childNodes).map((node) => node.textContent).join("");
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C";
      getSelection().selectAllChildren(within.querySelector(button.dataset.copy));
    }
    setTimeout(() => { button.textContent = label; }, 1600);
  }

  // A page that is loaded again, by its reader or because the server was started again, shows the same tab.
  const KEPT = "spandraft-tab";
  const tabs = () => all("#tabs button[role='tab']");
  const waiting = new MutationObserver(() => {
    const kept = sessionStorage.getItem(KEPT);
    const tab = tabs().find((one) => one.textContent.trim() === kept && one.offsetParent !== null);
    if (kept && !tab) return;
    if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
    if (tabs().length) waiting.disconnect();
  });
  waiting.observe(document, {childList: true, subtree: true});
  document.addEventListener("click", (click) => {
    const tab = click.target.closest("#tabs button[role='tab']");
    if (tab) sessionStorage.setItem(KEPT, tab.textContent.trim());
  });

  document.addEventListener("click", (click) => {
    const run = click.target.closest("a.run");
    const mark = click.target.closest("#sources mark");
    const copier = click.target.closest("[data-copy]");
    const closer = click.target.closest("[data-close]");
    if (run) { click.preventDefault(); follow(run); }
    else if (mark && getSelection().isCollapsed) back(mark);
    else if (copier) copy(copier);
    else if (closer) closer.closest("dialog").close();
    else corrected(click.target);
  });
  for (const kind of ["mouseover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const run = event.target.closest && event.target.closest("a.run");
      const mark = event.target.closest && event.target.closest("#sources mark");
      if (run) point(run, {page: false});
      else if (mark) light([mark, ...runsOf(mark)]);
    });
  }
  // A dropdown of Gradio's opens its list at every key, also at the Tab that leaves it, where it would stay open.
  document.addEventListener("keydown", (key) => {
    if (key.key === "Tab" && key.target.matches && key.target.matches("input[role='combobox']")) key.stopPropagation();
  }, {capture: true});
  // One that was left before its list was there opens it all the same: it is told again that it was left.
  document.addEventListener("focusout", (event) => {
    const box = event.target;
    if (!box.matches || !box.matches("input[role='combobox']")) return;
    setTimeout(() => {
      if (document.activeElement !== box && box.getAttribute("aria-expanded") === "true") box.dispatchEvent(new FocusEvent("blur"));
    }, 150);
  });
  document.addEventListener("keydown", (key) => {
    if (key.key === "Enter" && key.target.matches && key.target.matches("#sources mark")) back(key.target);
    if (key.key !== "Escape" || document.querySelector("dialog[open]")) return;
    const stop = all("#stop, #fix-stop").find((button) => button.offsetParent !== null);
    if (stop) stop.click();
  });
  return {confirmed, shown};
})();
