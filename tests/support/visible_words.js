// What a reader of this page could make visible, as text: all panels opened, then Chromium's own innerText.
() => {
  const UNREAD = "script,style,noscript,template,del,s,strike,video,audio,canvas,datalist,object>param,rp";
  const LETTER = /[\p{L}\p{N}]/u;

  // A bar of links alone is left out on purpose.
  const linked = "a,button,label,select,option,summary,h1,h2,h3,h4,h5,h6,[aria-current]";
  for (const bar of [...document.querySelectorAll("nav")]) {
    const walker = document.createTreeWalker(bar, NodeFilter.SHOW_TEXT);
    let others = 0;
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (parent.closest("script,style,noscript,template")) continue;
      const link = parent.closest(linked);
      if (LETTER.test(walker.currentNode.data) && !(link && bar.contains(link))) others += 1;
    }
    if (!others && bar.querySelector("a,button,input,select")) bar.remove();
  }
  // Numbers of items, which innerText has not.
  const roman = (n) => {
    let text = "";
    for (const [v, s] of [[1000,"m"],[900,"cm"],[500,"d"],[400,"cd"],[100,"c"],[90,"xc"],[50,"l"],[40,"xl"],[10,"x"],[9,"ix"],[5,"v"],[4,"iv"],[1,"i"]])
      while (n >= v) { text += s; n -= v; }
    return text;
  };
  for (const list of document.querySelectorAll("ol")) {
    const items = [...list.querySelectorAll("li")].filter((item) => item.closest("ol,ul,menu,dir") === list);
    let number = list.hasAttribute("start") ? list.start : list.reversed ? items.length : 1;
    for (const item of items) {
      if (item.hasAttribute("value") && /^\s*-?\d+/.test(item.getAttribute("value"))) number = parseInt(item.getAttribute("value"));
      let text = String(number);
      if (/^[iI]$/.test(list.type) && number > 0) text = roman(number);
      if (/^[aA]$/.test(list.type) && number > 0) {
        text = "";
        for (let n = number; n > 0; n = Math.floor((n - 1) / 26)) text = String.fromCharCode(97 + ((n - 1) % 26)) + text;
      }
      if (/^[AI]$/.test(list.type)) text = text.toUpperCase();
      if (item.textContent.trim()) item.dataset.number = text;
      number += list.reversed ? -1 : 1;
    }
  }
  for (const item of document.querySelectorAll("li[data-number]")) item.prepend(item.dataset.number + ". ");

  // Texts that are pictures, fields or hints.
  const say = (element, text) => element.replaceWith(document.createTextNode(` ${text} `));
  for (const image of document.querySelectorAll("img,input[type=image]")) say(image, image.getAttribute("alt") || "");
  for (const field of document.querySelectorAll("input")) {
    const unseen = ["hidden", "password", "file", "color", "range", "checkbox", "radio"].includes(field.type);
    say(field, unseen ? "" : field.getAttribute("value") || field.getAttribute("placeholder") || "");
  }
  for (const field of document.querySelectorAll("textarea")) say(field, field.defaultValue.trim() || field.placeholder);
  for (const menu of document.querySelectorAll("select"))
{
    const chosen = [...menu.options].filter((o) => o.defaultSelected && o.selected).map((o) => o.label);
    const all = [...menu.querySelectorAll("option,optgroup")].map((o) => o.label || o.textContent);
    say(menu, (chosen.length && all.length > 1 ? [...chosen, "of", ...all] : all).join(" "));
  }
  for (const gauge of document.querySelectorAll("meter,progress")) {
    const value = gauge.getAttribute("value"), most = gauge.getAttribute("max");
    say(gauge, gauge.textContent.trim() || (value ? (most && most !== "1" ? `${value}/${most}` : value) : ""));
  }
  for (const hint of document.querySelectorAll("abbr[title],acronym[title],dfn[title]"))
    if (hint.title.trim() && !hint.textContent.includes(hint.title.trim())) hint.append(` (${hint.title})`);
  for (const formula of document.querySelectorAll("math"))
    say(formula, [...formula.querySelectorAll("mi,mn,mo,mtext,ms")].filter((t) => !t.closest("annotation-xml,mphantom")).map((t) => t.textContent).join(" "));
  for (const drawing of [...document.querySelectorAll("svg")].filter((d) => !d.parentElement.closest("svg")))
    say(drawing, [...drawing.querySelectorAll("text,title,foreignObject")].map((t) => t.textContent).join(" "));
  for (const link of document.querySelectorAll("a.headerlink,a.footnote-backref")) link.remove();
  for (const icon of document.querySelectorAll("[class*=material-icons],[class*=material-symbols]")) icon.remove();
  for (const unread of document.querySelectorAll(UNREAD)) unread.remove();
  for (const struck of document.querySelectorAll("[style*=line-through]")) struck.remove();
  // A label stands above its panel.
  for (const panel of document.querySelectorAll("[role=tabpanel]")) {
    const tab = panel.id && [...document.querySelectorAll("[role=tab]")].find((t) => t.getAttribute("aria-controls") === panel.id);
    if (tab) { const label = document.createElement("div"); label.append(...tab.childNodes); panel.before(label); tab.remove(); }
  }

  // Open everything.
  for (const element of document.querySelectorAll("details,dialog")) element.setAttribute("open", "");
  for (const element of document.querySelectorAll("[hidden]")) element.removeAttribute("hidden");
  for (const element of document.querySelectorAll("[popover]")) element.removeAttribute("popover");
  for (const element of document.querySelectorAll("[inert]")) element.removeAttribute("inert");
  for (const element of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(element);
    if (style.display === "none") element.style.setProperty("display", "revert", "important");
    if (getComputedStyle(element).display === "none") element.style.setProperty("display", "block", "important");
    element.style.setProperty("visibility", "visible", "important");
    element.style.setProperty("text-transform", "none", "important");
    element.style.setProperty("content-visibility", "visible", "important");
  }
  // What has a frame, or stands higher or lower, is set off for the eye.
  const apart = "button,sup,sub,rt,object";
  for (const element of [...document.querySelectorAll(apart)]) { element.before(" "); element.after(" "); }
  for (const element of document.body.querySelectorAll("*"))
    if (getComputedStyle(element).display.startsWith("inline-")) { element.before(" "); element.after(" "); }
  const merged = [...document.querySelectorAll("td,th")].filter((c) => c.rowSpan > 1 || c.colSpan > 1);
  merged.push(...[...document.querySelectorAll("dl")].filter((l) => l.querySelector("dd + dd")).flatMap((l) => [...l.querySelectorAll("dt")]));
  return { text: document.body.innerText, merged: merged.map((c) => c.innerText).join("\n") };
}
