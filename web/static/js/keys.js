// The keyboard: one tab stop on the board, arrows between cards, Space lifts and drops; a few keys for the rest.
import { $, $$, say } from "./dom.js";
import { board, cardOf, column, columns, current, move, stageName, tabStop, takeBack } from "./board.js";
import { callerKey } from "./caller.js";
import { rtl, t } from "./words.js";

let lifted = null;

function focus(card) {
  const before = current();
  if (before && before !== card) tabStop(before, false);
  tabStop(card, true);
  $(".title", card).focus();
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function beside(card, step) {
  const cols = columns();
  const top = card.getBoundingClientRect().top;
  for (let i = cols.indexOf(card.closest(".col")) + step; cols[i]; i += step) {
    const cards = $$(".card", cols[i]);
    if (cards.length) return cards.find((c) => c.getBoundingClientRect().bottom > top) ?? cards.at(-1);
  }
  return null;
}

function aim(step) {
  const cols = columns();
  const at = cols.findIndex((c) => c.dataset.stage === lifted.to);
  const next = cols[at + step];
  if (!next) return;
  column(lifted.to).classList.remove("over");
  lifted.to = next.dataset.stage;
  next.classList.add("over");
  next.scrollIntoView({ inline: "nearest", block: "nearest" });
  say(t("over", { stage: stageName(next) }));
}

function leave(drop) {
  const { card, to } = lifted;
  column(to)?.classList.remove("over");
  cardOf(card.dataset.id)?.classList.remove("lifted");
  lifted = null;
  if (drop && to !== card.dataset.stage) move(card, to);
  else say(t("left"));
}

function onCard(event) {
  const title = event.target.closest?.(".card .title");
  if (!title || event.ctrlKey || event.metaKey || event.altKey) return;
  const card = title.closest(".card");
  const step = { ArrowLeft: rtl ? 1 : -1, ArrowRight: rtl ? -1 : 1 }[event.key];
  if (lifted) {
    if (event.key === " ") leave(true);
    else if (event.key === "Escape") leave(false);
    else if (step) aim(step);
    else return;
  } else if (event.key === " ") {
    lifted = { card, to: card.dataset.stage };
    card.classList.add("lifted");
    say(t("lifted", { name: title.textContent }));
  } else if (step) {
    const next = beside(card, step);
    if (next) focus(next);
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const next = event.key === "ArrowDown" ? card.nextElementSibling : card.previousElementSibling;
    if (next?.matches(".card")) focus(next);
  } else if (event.key === "Home" || event.key === "End") {
    focus($$(".card", card.parentElement).at(event.key === "Home" ? 0 : -1));
  } else return;
  event.preventDefault();
}

if (board) {
  board.addEventListener("keydown", onCard);
  board.addEventListener("focusin", (event) => {
    const card = event.target.closest(".card");
    const before = current();
    if (card && before !== card) {
      if (before) tabStop(before, false);
      tabStop(card, true);
    }
  });
  board.addEventListener("focusout", () => {
    if (lifted) setTimeout(() => lifted && !cardOf(lifted.card.dataset.id)?.contains(document.activeElement) && leave(false));
  });
}

// -- shortcuts: by the key's place, so that they work on any layout; off when the person says so --------------------

const KEY = "pbxcrm.shortcuts";
const on = () => localStorage.getItem(KEY) !== "off";
addEventListener("click", (event) => {
  if (event.target.closest("[data-shortcuts]")) localStorage.setItem(KEY, on() ? "off" : "on");
  pressed();
});

// The switch stands in the help sheet, which comes and goes.
function pressed() {
  for (const toggle of $$("[data-shortcuts]")) toggle.setAttribute("aria-pressed", String(on()));
}
new MutationObserver(pressed).observe($("#dialog") ?? document.body, { childList: true });
pressed();

addEventListener("keydown", (event) => {
  if (event.target.closest("input:not([type=radio]), textarea, select, dialog")) return;
  if (event.code === "KeyZ" && (event.ctrlKey || event.metaKey)) return void takeBack();
  if (!on() || event.ctrlKey || event.metaKey || event.altKey || lifted) return;
  // The question mark stands elsewhere on other layouts: by its character, or by its place on ours.
  if (event.key === "?" || event.key === "؟" || (event.code === "Slash" && event.shiftKey)) $('[data-key="Help"]')?.click();
  else if (event.code === "Slash" && !event.shiftKey) $("#q")?.focus();
  else if (!callerKey(event.code)) {
    const here = $(`[data-key="${CSS.escape(event.code)}"]`);
    if (!here) return;
    here.click();
  }
  event.preventDefault();
});
