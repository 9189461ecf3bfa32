// The board: where cards stand, what the heads say, and the one way a card is moved.
// Where something is looked for, what a change does to it is the server's to say: it is asked about that deal.
import { $, $$, ask, element, icon, parse, Refused, say, toast } from "./dom.js";
import { all, me, money, minor, number, shortMoney, t } from "./words.js";
import { gate } from "./panel.js";

export const board = $("[data-board]");
const query = board?.dataset.query ?? "";
const looking = board && "looking" in board.dataset;
let countsAt = Number(document.body.dataset.asOf ?? 0);
let newest = 0; // the last journal row that changed a card here
const gone = new Set(); // ids of those that left the board; an answer that was on its way then may still name them

export const column = (stage) => $(`.col[data-stage="${CSS.escape(stage)}"]`, board);
export const columns = () => $$(".col", board);
export const cardOf = (id) => document.getElementById(`deal-${id}`);
export const stageName = (col) => $("[data-name]", col).textContent;

// -- heads ---------------------------------------------------------------------------------------------------------

function add(stage, { value, currency }, sign) {
  const col = column(stage);
  if (!col) return;
  col.dataset.count = Math.max(0, Number(col.dataset.count) + sign);
  if (currency === board.dataset.currency) {
    const [have] = minor(col.dataset.value);
    const [more, places] = minor(value);
    col.dataset.value = text(have + BigInt(sign) * more, places);
  }
  head(col);
}

function text(units, places) {
  const digits = String(units < 0n ? 0n : units).padStart(places + 1, "0");
  return places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits;
}

function head(col) {
  const [units, places] = minor(col.dataset.value);
  const n = number(col.dataset.count);
  const sum = units ? shortMoney(units, places) : "";
  $("[data-n]", col).textContent = n;
  $("[data-sum]", col).textContent = sum;
  $("[data-sum]", col).title = units ? money(units, places) : "";
  for (const node of $$(`[data-n-of="${col.dataset.stage}"]`)) node.textContent = n;
  for (const node of $$(`[data-sum-of="${col.dataset.stage}"]`)) node.textContent = sum;
  whole();
}

function whole() {
  let count = 0;
  let sum = 0n;
  let decimals = 0;
  for (const other of columns()) {
    if (other.dataset.kind === "won" || other.dataset.kind === "lost") continue;
    count += Number(other.dataset.count);
    const [value, scale] = minor(other.dataset.value);
    sum += value;
    decimals = scale;
  }
  $("#sum-up").textContent = t("open", { n: number(count) }) + (sum ? ` · ${money(sum, decimals)}` : "");
}

function bar(col, dues) {
  const total = Object.values(dues).reduce((a, b) => a + b, 0);
  for (const part of $$(".bar a", col)) {
    const n = dues[part.dataset.due];
    part.hidden = !n;
    part.dataset.w = Math.round((9 * n) / total) + 1;
    part.title = t(part.dataset.due, { n: number(n) });
    part.setAttribute("aria-label", `${stageName(col)}: ${part.title}`);
  }
}

// What the heads say is read anew: soon when a change came that the cards on the page cannot account for, in a few
// seconds for the bars of next steps. `ids` are deals whose cards are asked for too.
const asked = new Set();
let timer = 0;
let at = Infinity;
export function recount(wait = 200 + Math.random() * 600, ids = []) {
  for (const id of ids) asked.add(id);
  if (Date.now() + wait >= at) return;
  clearTimeout(timer);
  at = Date.now() + wait;
  timer = setTimeout(reread, wait);
}

async function reread() {
  at = Infinity;
  const ids = [...asked].slice(0, 50);
  for (const id of ids) asked.delete(id);
  try {
    const now = await ask(`/board/heads?${query}&deal=${ids}`);
    if (now.as_of < newest) return recount(100, ids);
    const nodes = parse(now.html);
    for (const id of ids) {
      const card = $(`#deal-${CSS.escape(id)}`, nodes);
      if (card) place(card);
      else if (looking) remove(id, { row: 0 });
    }
    countsAt = now.as_of;
    const sums = {};
    for (const stage of now.stages) {
      const col = column(stage.id);
      if (!col) continue;
      Object.assign(col.dataset, { count: stage.count, value: stage.value });
      head(col);
      bar(col, stage.dues);
      for (const [due, n] of Object.entries(stage.dues)) sums[due] = (sums[due] ?? 0) + n;
    }
    for (const node of $$("[data-due-sum]")) node.textContent = number(sums[node.dataset.dueSum] ?? 0);
    if (asked.size) recount();
  } catch {
    // The next change asks again; until then the old numbers stand.
  }
}

// A next step that is due by now: its card is drawn anew.
function overdue() {
  const ids = $$(".card[data-due]", board)
    .filter((card) => Date.parse(card.dataset.due) < Date.now() && !$(".chip.overdue", card))
    .map((card) => card.dataset.id);
  if (ids.length) recount(0, ids);
}

// -- cards ---------------------------------------------------------------------------------------------------------

const newer = (a, b) =>
  a.dataset.at !== b.dataset.at ? a.dataset.at > b.dataset.at : Number(a.dataset.id) > Number(b.dataset.id);

function settle(card, stage) {
  const list = $(".cards", column(stage));
  card.dataset.stage = stage;
  const after = $$(":scope > .card", list).find((other) => other !== card && newer(card, other));
  const more = $(":scope > .more", list);
  if (after) list.insertBefore(card, after);
  else list.insertBefore(card, more);
}

// Only one card of the board is a tab stop; its own buttons come after it.
export function tabStop(card, on) {
  for (const stop of $$("a, button", card)) stop.tabIndex = on ? 0 : -1;
}

function ready(card) {
  tabStop(card, false);
  $(".title", card)?.setAttribute("aria-describedby", "how-to-move");
}

export function current() {
  return $('.card:has(.title[tabindex="0"])', board) ?? $(".card", board);
}

// What the heads count of a deal that is not on the page: as it was, if it was on this person's board at all.
function was(before, sign) {
  if (before && (all || before.owner === me)) add(before.stage, before, sign);
}

// What the journal says of a deal: its card, or none when it is gone.
export function changed(id, card, change) {
  newest = Math.max(newest, change.row);
  if (looking) return recount(undefined, [id]);
  if (card) place(card, change);
  else remove(id, change);
  recount(2000 + Math.random() * 4000);
}

// Put in the newest rendering of a deal: from a live message, or from an answer. `row` is the journal's id, if any,
// `before` what the deal was. The heads are kept by arithmetic: a card on the page is counted as it stands there.
function place(card, { row = 0, before = null } = {}) {
  const old = cardOf(card.dataset.id);
  gone.delete(card.dataset.id);
  const ahead = old && card.dataset.version - old.dataset.version; // 0: what stands beside the deal may be another
  if (row && (ahead < 0 || (ahead === 0 && old.textContent === card.textContent))) return;
  const counted = row && row <= countsAt;
  const col = column(card.dataset.stage);
  const focused = old?.contains(document.activeElement);
  const stop = old && $(".title", old)?.tabIndex === 0;
  ready(card);
  if (old) {
    for (const state of ["lifted", "away"]) card.classList.toggle(state, old.classList.contains(state));
    if (!counted) add(old.dataset.stage, old.dataset, -1);
    if (col && old.dataset.stage === card.dataset.stage) old.replaceWith(card);
    else old.remove();
  } else if (!counted) was(before, -1);
  if (!col) return;
  if (!counted) add(card.dataset.stage, card.dataset, 1);
  if (!board.contains(card)) {
    settle(card, card.dataset.stage);
    if (!old) card.classList.add("new");
  }
  if (stop || !$('.title[tabindex="0"]', board)) tabStop(card, true);
  if (focused) $(".title", card).focus({ preventScroll: true });
}

function remove(id, { row, before }) {
  const old = cardOf(id);
  gone.add(id);
  if (row > countsAt) {
    if (old) add(old.dataset.stage, old.dataset, -1);
    else was(before, -1);
  }
  if (!old) return;
  const next = old.nextElementSibling ?? old.previousElementSibling;
  const focused = old.contains(document.activeElement);
  old.remove();
  if (focused) $(".title", next ?? board)?.focus();
}

// -- moving --------------------------------------------------------------------------------------------------------

function shift(card, stage) {
  add(card.dataset.stage, card.dataset, -1);
  const focused = card.contains(document.activeElement) ? document.activeElement : null;
  settle(card, stage);
  add(stage, card.dataset, 1);
  focused?.focus({ preventScroll: true });
}

function answer(body) {
  const card = body.html ? $(".card", parse(body.html)) : null;
  if (card) place(card);
  return card;
}

// Shown at once, taken back when refused. The server's rendering of the card replaces ours. The card may have been drawn
// anew since it was lifted: who was faster is told of another move, not of a new name.
export async function move(held, stage, { extra = {}, undo = true, url = null } = {}) {
  const card = cardOf(held.dataset.id);
  if (!card) return say(t("left"));
  const from = card.dataset.stage;
  const to = column(stage);
  const { version } = (held.dataset.stage === from ? card : held).dataset;
  if ((from === stage && held.dataset.stage === from) || card.getAttribute("aria-busy") === "true") return;
  shift(card, stage);
  card.setAttribute("aria-busy", "true");
  const id = card.dataset.id;
  try {
    let body = await ask(url ?? `/deals/${id}/move`, { stage, version, ...extra });
    if (body.nodes) body = await gate(body.nodes);
    if (!body) return back(card, from);
    answer(body);
    done(id, from, to, undo);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    back(card, from);
    answer(error.body);
    toast(error.message, { bad: true });
    recount();
  }
}

function back(card, from) {
  card.removeAttribute("aria-busy");
  if (card.isConnected && card.dataset.stage !== from) shift(card, from);
}

function done(id, from, to, undo) {
  const said = t("moved", { stage: stageName(to) });
  say(said);
  if (!undo) return void toast(said);
  last = { id, from, until: Date.now() + 8000 };
  toast(said, { action: takeBack, label: t("undo"), for: 8000 });
}

let last = null;
export function takeBack() {
  if (!last || Date.now() > last.until) return;
  const card = cardOf(last.id);
  const { from } = last;
  last = null;
  if (card) move(card, from, { undo: false, extra: { undo: 1 } });
}

// -- the list on the card ------------------------------------------------------------------------------------------

const menu = element("div", { class: "move-menu", role: "menu", popover: "auto" });
let chosen = null;

function openMenu(button) {
  chosen = button.closest(".card");
  menu.replaceChildren(
    ...columns().map((col) => {
      const item = element("button", { class: "item", role: "menuitemradio", type: "button" }, stageName(col));
      item.dataset.stage = col.dataset.stage;
      item.dataset.tone = col.dataset.tone;
      item.setAttribute("aria-checked", String(col.dataset.stage === chosen.dataset.stage));
      return item;
    }),
  );
  menu.setAttribute("aria-label", button.getAttribute("aria-label"));
  menu.showPopover();
  const at = button.getBoundingClientRect();
  const box = menu.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.right - box.width), innerWidth - box.width - 8);
  const top = at.bottom + 4 + box.height > innerHeight ? Math.max(8, at.top - box.height - 4) : at.bottom + 4;
  menu.style.left = `${left}px`;
  menu.style.top = `${top}px`;
  $(".item", menu).focus();
}

function onMenu(event) {
  const items = $$(".item", menu);
  const at = items.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    items[(at + step + items.length) % items.length].focus();
  }
}

// -- more on scroll ------------------------------------------------------------------------------------------------

const watcher = board && new IntersectionObserver((seen) => {
  for (const entry of seen) if (entry.isIntersecting) more(entry.target);
}, { rootMargin: "400px" });

async function more(row) {
  if (row.ariaBusy) return;
  row.ariaBusy = "true";
  watcher.unobserve(row);
  const list = row.parentElement;
  try {
    const { nodes } = await ask($("a", row).getAttribute("href"));
    if (!row.isConnected) return; // the whole board was read anew
    row.remove();
    for (const card of $$(".card", nodes)) {
      if (cardOf(card.dataset.id) || gone.has(card.dataset.id)) continue;
      ready(card);
      settle(card, card.dataset.stage);
    }
    const next = $(".more", nodes);
    if (next) list.append(next), watcher.observe(next);
  } catch (error) {
    row.ariaBusy = null;
    toast(error.message, { bad: true, action: () => watcher.observe(row), label: t("again") });
  }
}

// The page brings as many cards as a screen shows, so that it is there at once; the next ones are asked for when it is.
async function fill() {
  for (const row of $$(".more", board)) await more(row);
}

// Read the whole board anew: after a gap that cannot be bridged. Gives the journal id it is true at. Who looked at a card
// far down in its column, or stood on one, finds it there again.
export async function reload() {
  const { nodes } = await ask(`/board?${query}`);
  const tops = columns().map((col) => [col.id, $(".cards", col).scrollTop]);
  const at = document.activeElement?.closest(".card")?.id;
  const fresh = $("[data-board]", nodes);
  board.replaceChildren(...fresh.childNodes);
  const nav = $(".nav", nodes); // leads may have come or gone
  if (nav) $(".nav").replaceWith(nav);
  countsAt = Number(fresh.dataset.asOf);
  start(() => {
    for (const [id, top] of tops) $(`#${id} .cards`)?.scrollTo(0, top);
    if (at && document.activeElement === document.body) $(`#${at} .title`)?.focus({ preventScroll: true });
  });
  return countsAt;
}

function start(whole = () => {}) {
  gone.clear();
  for (const card of $$(".card", board)) ready(card);
  const first = $(".card", board);
  if (first) tabStop(first, true);
  for (const row of $$(".more", board)) watcher.observe(row);
  for (const col of columns()) {
    head(col);
    tabs?.observe(col);
  }
  requestAnimationFrame(() => setTimeout(() => fill().then(whole)));
}

// On a narrow screen one column is seen at a time: which one it is, the strip of tabs says.
const tabs = board && new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (!isIntersecting) continue;
    for (const tab of $$(".strip a")) {
      if (tab.hash !== `#${target.id}`) {
        tab.removeAttribute("aria-current");
        continue;
      }
      tab.setAttribute("aria-current", "true");
      const [at, frame] = [tab, tab.parentElement].map((node) => node.getBoundingClientRect());
      tab.parentElement.scrollLeft += (at.left + at.right - frame.left - frame.right) / 2;
    }
  }
}, { root: board, threshold: 0.7 });

async function quick(button, card) {
  const open = columns().find((c) => c.dataset.kind === "open")?.dataset.stage;
  const lost = columns().find((c) => c.dataset.kind === "lost")?.dataset.stage;
  const cols = columns();
  if ("advance" in button.dataset) return move(card, cols[cols.indexOf(card.closest(".col")) + 1].dataset.stage, { url: button.formAction });
  if ("accept" in button.dataset && open) return move(card, open, { url: button.formAction });
  if ("reject" in button.dataset && lost) return move(card, lost, { url: button.formAction });
  try {
    answer(await ask(button.formAction, { version: card.dataset.version }));
  } catch (error) {
    answer(error.body ?? {});
    toast(error.message, { bad: true });
  }
}

if (board) {
  start();
  setInterval(overdue, 15000);
  $("#main").append(menu);
  board.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (button) openMenu(button);
  });
  document.addEventListener("submit", (event) => {
    const button = event.submitter?.closest(".card :is([data-claim], [data-accept], [data-reject], [data-advance], [data-lower])");
    if (!button) return;
    event.preventDefault();
    quick(button, button.closest(".card"));
  });
  menu.addEventListener("click", (event) => {
    const item = event.target.closest(".item");
    if (!item) return;
    menu.hidePopover();
    $(".title", cardOf(chosen.dataset.id) ?? board)?.focus();
    move(chosen, item.dataset.stage);
  });
  menu.addEventListener("keydown", onMenu);
}
