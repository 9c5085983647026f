"use strict";
document.documentElement.classList.add("scripted");

for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // no clipboard for files opened from disk in some browsers
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

for (const filters of document.querySelectorAll(".filters")) {
  const rows = [...document.querySelectorAll(`#${filters.dataset.rows} tbody tr`)];
  const count = document.querySelector(`#${filters.dataset.rows} ~ .count`);
  const chapter = filters.querySelector("select");
  const search = filters.querySelector("input");
  let state = "";
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = (state !== "" && row.dataset.state !== state)
        || (chapter !== null && chapter.value !== "" && row.dataset.chapter !== chapter.value)
        || !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
  };
  for (const button of filters.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      state = button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.state;
      for (const other of filters.querySelectorAll("button")) {
        other.setAttribute("aria-pressed", String(state !== "" && other === button));
      }
      apply();
    });
  }
  chapter?.addEventListener("change", apply);
  search.addEventListener("input", apply);
}

// A link to something inside a closed or filtered part opens it first.
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  target.hidden = false;
  for (let part = target; part; part = part.parentElement) {
    if (part instanceof HTMLDetailsElement) part.open = true;
  }
  target.scrollIntoView();
};
addEventListener("hashchange", reveal);
reveal();

// Paper cannot be unfolded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => { for (const part of folded) part.open = false; });
