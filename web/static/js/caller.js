// The caller card: one a call, on every tab of the person it concerns, until they have said what came of it. It never
// takes the focus. Which cards are up is the server's to say; what is being typed is kept here.
import { $, $$, ask, parse, Refused, say, toast } from "./dom.js";
import { gate } from "./panel.js";
import { me, span, t } from "./words.js";

const rail = $("#rail");
const HIDDEN = "pbxcrm.hidden"; // "call spell" of cards that ring out of sight, the newest last
const DRAFTS = `pbxcrm.drafts.${me}`; // {call: {at, field: value}}: what is typed and not saved, on all tabs
const MOST = 6; // cards of talks that are over, the newest: as the server shows them (service/calls.py)
const KEPT_FOR = 24 * 3600 * 1000; // ms
const skew = Date.now() - Number(document.body.dataset.now ?? 0) * 1000;

function kept(key, empty) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? empty;
  } catch {
    return empty;
  }
}

const keep = (key, value) => localStorage.setItem(key, JSON.stringify(value));
const cardOf = (id) => document.getElementById(`call-${id}`);
const cards = () => $$(".caller", rail);
const isHidden = (card) => kept(HIDDEN, []).includes(`${card.dataset.call} ${card.dataset.spell}`);

// -- what is being typed -------------------------------------------------------------------------------------------

function typed(form) {
  const values = Object.fromEntries(new FormData(form));
  const changed = (field) => !["", $(`[name="${field}"]`, form)?.defaultValue].includes(values[field]);
  return Object.keys(values).some((field) => field !== "deal_id" && changed(field)) ? values : null;
}

function keepDraft(card) {
  const form = card && $("[data-wrapup]", card);
  if (!form) return;
  const drafts = kept(DRAFTS, {});
  for (const id in drafts) if (Date.now() - drafts[id].at > KEPT_FOR) delete drafts[id];
  const values = typed(form);
  if (values) drafts[card.dataset.call] = { at: Date.now(), ...values };
  else delete drafts[card.dataset.call];
  keep(DRAFTS, drafts);
}

function dropDraft(id) {
  const drafts = kept(DRAFTS, {});
  delete drafts[id];
  keep(DRAFTS, drafts);
}

function fill(card) {
  const form = $("[data-wrapup]", card);
  const draft = form && kept(DRAFTS, {})[card.dataset.call];
  for (const field of draft ? form.elements : []) {
    if (field.type === "radio") field.checked = draft[field.name] === field.value;
    else if (field.name in draft) field.value = draft[field.name];
  }
}

addEventListener("storage", (event) => {
  if (event.key !== DRAFTS) return;
  for (const card of cards()) if (!card.contains(document.activeElement)) $("[data-wrapup]", card)?.reset(), fill(card);
});

// -- cards come, change and go -------------------------------------------------------------------------------------

// Where somebody is in a card survives its next rendering.
function put(card, old = cardOf(card.dataset.call)) {
  fill(card);
  if (!old) return rail.prepend(card);
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const range = active?.matches("textarea") ? [active.selectionStart, active.selectionEnd] : null;
  old.replaceWith(card);
  if (!active) return;
  const again = active === old ? card : (active.id && document.getElementById(active.id)) || card;
  again.focus({ preventScroll: true });
  if (range) again.setSelectionRange?.(...range);
}

function drop(card) {
  const next = card.contains(document.activeElement) ? (card.nextElementSibling ?? card.previousElementSibling) : null;
  card.remove();
  next?.focus({ preventScroll: true });
  mark();
}

// The newest stand on top; those beyond wait in the lists, unless somebody is in one.
function limit() {
  for (const card of $$('[data-state="wrapup"]', rail).slice(MOST)) {
    if (!card.contains(document.activeElement) && !kept(DRAFTS, {})[card.dataset.call]) card.remove();
  }
}

// A message about a call: `nodes` is the server's rendering of it for this person.
export function onCall(data, nodes) {
  const card = $(".caller", nodes);
  const old = cardOf(data.id);
  const dialling = data.dial_id ? document.getElementById(`dial-${data.dial_id}`) : null;
  const was = old?.dataset.state;
  if (card && !isHidden(card)) {
    put(card, old);
    limit();
    dialling?.remove();
    if (card.dataset.state === "ringing" && was !== "ringing") ring(card);
  } else {
    const gone = $(".gone", nodes)?.textContent;
    if (old && gone) say(gone);
    old?.remove();
    if (dialling && data.ended_at) ended(dialling, gone);
  }
  mark();
  tick();
}

// This person has finished with a card, here or elsewhere. What was typed in this browser and is not saved stays.
export function onWrapped({ id, spell }) {
  if (spell.startsWith("r")) keep(HIDDEN, [...kept(HIDDEN, []), `${id} ${spell}`].slice(-60));
  const card = cardOf(id);
  if (!card || card.dataset.spell !== spell) return;
  if (kept(DRAFTS, {})[id]) return void toast(t("elsewhere"), { for: 12000 });
  drop(card);
}

// All cards anew: after a gap in what we were told.
export async function reread() {
  const { nodes } = await ask("/calls/mine");
  const fresh = $$(".caller", nodes).filter((card) => !isHidden(card));
  const ids = new Set(fresh.map((card) => card.id));
  for (const card of cards()) if (card.dataset.spell && !ids.has(card.id)) card.remove();
  for (const card of fresh.reverse()) put(card);
  mark();
}

function ended(dialling, text) {
  dialling.dataset.state = "wrapup";
  $("[data-what]", dialling).textContent = text ?? t("dial_over");
}

// -- a phone that rings --------------------------------------------------------------------------------------------

const SEEN = "pbxcrm.seen"; // the lock that every tab in view holds a share of
let letGo = null;

function watch() {
  letGo?.();
  letGo = null;
  if (document.hidden) return;
  navigator.locks?.request(SEEN, { mode: "shared" }, () => new Promise((resolve) => (letGo = resolve)));
}

async function ring(card) {
  say(t("rings", { name: card.dataset.title }));
  if (!document.hidden || globalThis.Notification?.permission !== "granted" || !navigator.locks) return;
  const { held } = await navigator.locks.query();
  if (held.some((lock) => lock.name === SEEN)) return;
  // Whichever of a person's hidden tabs is first announces it; the lock is held for as long as it rings.
  navigator.locks.request(`pbxcrm.${card.dataset.call}`, { ifAvailable: true }, (lock) => lock && announce(card));
}

const announced = new Map(); // call -> takes its notification away
function announce({ dataset: { call, title: name } }) {
  const note = new Notification(name, { body: t("incoming"), tag: call, requireInteraction: true });
  note.addEventListener("click", () => {
    focus();
    focusCard(cardOf(call));
    note.close();
  });
  return new Promise((resolve) => announced.set(call, () => (note.close(), resolve())));
}

const title = document.title;
let marked = false;
function mark() {
  const ringing = $('.caller[data-state="ringing"]', rail);
  if (ringing) document.title = `☎ ${ringing.dataset.title}`;
  else if (marked) document.title = title;
  marked = Boolean(ringing);
  for (const [id, close] of announced) {
    if (cardOf(id)?.dataset.state === "ringing") continue;
    announced.delete(id);
    close();
  }
}

// A promise is counted down to its minute, and how late it is after that; beyond a day the server's words stand.
function countdown(node) {
  const left = Math.round((Date.parse(node.dataset.until) - Date.now() + skew) / 1000);
  if (Math.abs(left) >= 86400) return node.textContent;
  const chip = node.closest(".chip");
  chip.classList.toggle("overdue", left < 0);
  chip.classList.toggle("today", left >= 0);
  return t(left < 0 ? "late" : "to_go", { time: span(Math.abs(left)) });
}

export function tick() {
  for (const node of $$("[data-until]")) {
    const text = countdown(node);
    if (node.textContent !== text) node.textContent = text;
  }
  for (const node of $$("[data-since]")) {
    const text = span((Date.now() - skew - Date.parse(node.dataset.since)) / 1000);
    if (node.textContent !== text) node.textContent = text;
  }
}

// -- click-to-call: one key a click, so that a click is at most one call ---------------------------------------------

async function dial(url, button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    let body = await ask(url, { key: crypto.randomUUID?.() ?? String(Math.random()).slice(2) });
    if (body.nodes) body = await gate(body.nodes); // a new country: the password once more
    if (!body) return;
    const card = body.html ? $(".caller", parse(body.html)) : null;
    if (card && !document.getElementById(card.id)) rail.prepend(card);
    say(body.say ?? t("dialling"));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    toast(error.message, { bad: true });
  } finally {
    setTimeout(() => button.removeAttribute("aria-disabled"), 1500);
  }
}

document.addEventListener("submit", (event) => {
  const by = (event.submitter ?? event.target).closest("[data-dial]");
  if (by) {
    event.preventDefault();
    dial(by.formAction ?? by.action, event.submitter ?? $("button", by));
  } else if (event.target.matches("[data-wrapup]")) dropDraft(event.target.closest(".caller").dataset.call);
});

// -- keys ----------------------------------------------------------------------------------------------------------

function focusCard(card) {
  card?.focus();
  card?.scrollIntoView({ block: "nearest" });
}

const first = (card, ...selectors) => selectors.map((one) => $(one, card)).find(Boolean);
const KEYS = {
  KeyD: (card) => first(card, ".deal-link", "[data-make] button")?.click(),
  KeyM: (card) => $("textarea", card)?.focus(),
  KeyT: (card) => $('[name="next"]', card)?.focus(),
  KeyH: (card) => $("[data-dismiss]", card)?.click(),
};

// C: to the first card, then to the next one. In a card: D its deal, M note, T next contact, 1 to 6 what came of it,
// H hide. Gives whether the key was one of them.
export function callerKey(code) {
  const all = cards();
  const card = document.activeElement.closest(".caller");
  if (code === "KeyC") return focusCard(all[(all.indexOf(card) + 1) % all.length]), all.length > 0;
  const outcome = card && $$('[name="outcome"]', card)[Number(/^(?:Digit|Numpad)(\d)$/.exec(code)?.[1]) - 1];
  if (outcome) {
    outcome.click();
    return true;
  }
  if (!card || !KEYS[code]) return false;
  KEYS[code](card);
  return true;
}

// -- the rail --------------------------------------------------------------------------------------------------------

async function hide(form) {
  const card = form.closest(".caller");
  try {
    await ask(form.getAttribute("action"), new FormData(form));
    dropDraft(card.dataset.call);
    if (card.isConnected) drop(card);
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

function listen() {
  for (const kind of ["input", "change"]) {
    rail.addEventListener(kind, (event) => {
      const card = event.target.closest(".caller");
      if (card && event.target.closest("[data-wrapup]")) keepDraft(card);
    });
  }
  rail.addEventListener("click", (event) => {
    const card = event.target.closest(".caller");
    if (card && event.target.closest("[data-dismiss]") && !card.dataset.spell) drop(card); // a dial that went nowhere
  });
  rail.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-hide]")) return;
    event.preventDefault();
    hide(event.target);
  });
  rail.addEventListener("keydown", (event) => {
    const form = event.target.closest("[data-wrapup]");
    if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit($(".primary", form));
    else if (event.key === "Escape" && form) event.preventDefault(), focusCard(form.closest(".caller"));
  });
  // The card may have been drawn anew while the answer was on its way.
  const wrapped = (then) => ({ detail: { form } }) => {
    const card = form.matches("[data-wrapup]") && form.closest(".caller");
    if (card) then(card, cardOf(card.dataset.call));
  };
  document.addEventListener("pbxcrm:saved", wrapped((card, now) => now?.dataset.spell === card.dataset.spell && drop(now)));
  document.addEventListener("pbxcrm:refused", wrapped((card, now) => (keepDraft(card), now && fill(now))));
  document.addEventListener("visibilitychange", watch);
  $('form[action="/logout"]')?.addEventListener("submit", () => localStorage.removeItem(DRAFTS));
}

const bell = $("[data-notify]");
if (bell && globalThis.Notification && Notification.permission === "default") {
  bell.hidden = false;
  bell.addEventListener("click", async () => {
    const said = await Notification.requestPermission();
    bell.hidden = said !== "default";
    toast(t(said === "granted" ? "notify_on" : "notify_off"));
  });
}

if (rail) {
  for (const card of cards()) isHidden(card) ? card.remove() : fill(card);
  listen();
  watch();
  mark();
  tick();
  setInterval(() => {
    tick();
    rail.classList.toggle("beats");
  }, 1000);
}
