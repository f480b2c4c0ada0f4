
"use strict";
(() => {
  const day = 86400;
  const now = Date.now() / 1000;
  const days = (seconds) => {
    const count = Math.max(1, Math.floor(seconds / day));
    if (count > 999) return (count / 365.2425).toFixed(1) + " years";
    return count === 1 ? "1 day" : count + " days";
  };

  // What depends on the day.
  const axis = document.querySelector(".spans");
  const [first, last] = [Number(axis.dataset.from), Number(axis.dataset.to)];
  const ending = [];
  for (const item of axis.querySelectorAll("li")) {
    const [from, to] = [Number(item.dataset.from), Number(item.dataset.to)];
    const file = item.querySelector("h3").firstChild.textContent.trim();
    const left = item.querySelector(".left");
    let state = "good";
    if (now > to) {
      left.textContent = "ended " + days(now - to) + " ago";
      state = "over";
    } else if (now < from) {
      left.textContent = "begins in " + days(from - now);
      state = "soon";
    } else {
      left.textContent = "ends in " + days(to - now);
      if (to - now < 30 * day) state = "soon";
    }
    item.classList.add(state);
    if (state !== "good") ending.push(file + " " + left.textContent);
    if (now >= first && now <= last) {
      const line = item.querySelector(".now");
      const at = (100 * (now - first)) / (last - first) + "%";
      line.setAttribute("x1", at);
      line.setAttribute("x2", at);
      line.removeAttribute("visibility");
    }
  }
  if (ending.length > 0) {
    const note = document.getElementById("day");
    note.textContent = "Today: " + [...new Set(ending)].join("; ") + ".";
    note.hidden = false;
  }

  // Copying, also where a browser has no clipboard for pages from a disk.
  const said = document.getElementById("said");
  const copy = async (block) => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(block);
      return document.execCommand("copy");
    }
  };
  for (const button of document.querySelectorAll("[data-copies]")) {
    const word = button.firstChild;
    let timer;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copy(document.getElementById(button.dataset.copies));
      word.textContent = done ? "Copied" : "Selected";
      said.textContent = "";
      said.textContent = done ? "Copied to the clipboard" : "Selected: press Control and C";
      clearTimeout(timer);
      timer = setTimeout(() => {
        word.textContent = "Copy";
      }, 2000);
    });
  }

  // On paper nothing can be opened.
  const closed = [];
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      closed.push(details);
    }
  });
  addEventListener("afterprint", () => {
    for (const details of closed.splice(0)) details.open = false;
  });
})();
