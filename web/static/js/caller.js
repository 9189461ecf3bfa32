// The caller card: one a call, on every tab of the person it concerns, until they hide it. It never takes the focus.
import { $, $$, ask, parse, Refused, say, toast } from "./dom.js";
import { gate } from "./panel.js";
import { span, t } from "./words.js";

const rail = $("#rail");
const HIDDEN = "pbxcrm.hidden"; // ids of calls this person put away, the newest last
const WRAP = "pbxcrm.wrapup"; // [id, time] of calls that ended and were not put away: they come back on the next page
const WRAP_FOR = 2 * 3600 * 1000; // ms; after that only the deal remembers
const SEEN = "pbxcrm.seen"; // when a tab of ours was last in view
const channel = new BroadcastChannel("pbxcrm");
const skew = Date.now() - Number(document.body.dataset.now ?? 0) * 1000;

function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "[]");
  } catch {
    return [];
  }
}

function keep(key, ids) {
  localStorage.setItem(key, JSON.stringify(ids.slice(-60)));
}

function isHidden(id) {
  return kept(HIDDEN).includes(id);
}

function wrapped(id, at = 0) {
  const others = kept(WRAP).filter(([x]) => x !== id);
  keep(WRAP, at ? [...others, [id, at]] : others);
}

export function hide(id, { tell = true } = {}) {
  const card = document.getElementById(`call-${id}`) ?? document.getElementById(`dial-${id}`);
  card?.remove();
  sessionStorage.removeItem(`pbxcrm.note.${id}`);
  if (!tell) return;
  keep(HIDDEN, [...kept(HIDDEN).filter((x) => x !== id), id]);
  wrapped(id);
  channel.postMessage({ hide: id });
}

channel.addEventListener("message", (event) => event.data?.hide && hide(event.data.hide, { tell: false }));

// What somebody has begun to write, and where they are, survives the card's next rendering.
function carry(old, card, { last = false } = {}) {
  for (const field of $$("textarea, select", card)) {
    const before = old ? document.getElementById(field.id) : null;
    if (before) field.value = before.value;
    else if (field.matches("textarea")) field.value = sessionStorage.getItem(`pbxcrm.note.${card.dataset.call}`) ?? "";
  }
  if (!old) {
    card.classList.add("new");
    return last ? rail.append(card) : rail.prepend(card);
  }
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const range = active?.matches("textarea") ? [active.selectionStart, active.selectionEnd] : null;
  old.replaceWith(card);
  if (!active) return;
  const again = active.id ? document.getElementById(active.id) : $(active.matches("a") ? "a" : "button", card);
  again?.focus({ preventScroll: true });
  if (range) again?.setSelectionRange?.(...range);
}

// A message about a call: `nodes` is the server's rendering of it for this person.
export function onCall(data, nodes) {
  const id = data.id;
  const card = $(".caller", nodes);
  const old = document.getElementById(`call-${id}`);
  const dialling = data.dial_id ? document.getElementById(`dial-${data.dial_id}`) : null;
  if (card && !isHidden(id)) {
    const was = old?.dataset.state;
    carry(old, card);
    dialling?.remove();
    if (card.dataset.state === "wrapup") wrapped(id, Date.now());
    if (card.dataset.state === "ringing" && was !== "ringing") ring(card);
  } else if (!card) {
    const gone = $(".gone", nodes)?.textContent;
    if (old && gone) say(gone);
    old?.remove();
    if (dialling && data.ended_at) ended(dialling, gone);
  }
  mark();
  tick();
}

function ended(dialling, text) {
  dialling.dataset.state = "wrapup";
  $("[data-what]", dialling).textContent = text ?? t("dial_over");
}

function ring(card) {
  const name = card.dataset.title;
  say(t("rings", { name }));
  const watched = Date.now() - Number(localStorage.getItem(SEEN) ?? 0) < 2500;
  if (!document.hidden || watched || globalThis.Notification?.permission !== "granted") return;
  const note = new Notification(name, { body: t("incoming"), tag: card.dataset.call, requireInteraction: true });
  note.addEventListener("click", () => {
    focus();
    note.close();
  });
}

const title = document.title;
let marked = false;
function mark() {
  const ringing = $('.caller[data-state="ringing"]', rail);
  if (ringing) document.title = `☎ ${ringing.dataset.title}`;
  else if (marked) document.title = title;
  marked = Boolean(ringing);
}

function tick() {
  for (const node of $$("[data-since]")) {
    const text = span((Date.now() - skew - Date.parse(node.dataset.since)) / 1000);
    if (node.textContent !== text) node.textContent = text;
  }
  if (!document.hidden) localStorage.setItem(SEEN, Date.now());
}

// -- click-to-call: one key a click, so that a click is at most one call ---------------------------------------------

async function dial(form) {
  const button = $("button", form);
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    let body = await ask(form.getAttribute("action"), { key: crypto.randomUUID?.() ?? String(Math.random()).slice(2) });
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
  const form = event.target.closest("[data-dial]");
  if (!form) return;
  event.preventDefault();
  dial(form);
});

// -- the rail --------------------------------------------------------------------------------------------------------

rail?.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) hide(event.target.closest(".caller").dataset.call);
});
rail?.addEventListener("input", (event) => {
  const card = event.target.closest(".caller");
  if (card && event.target.matches("textarea")) sessionStorage.setItem(`pbxcrm.note.${card.dataset.call}`, event.target.value);
});
document.addEventListener("pbxcrm:saved", (event) => {
  const card = event.detail.form.closest(".caller");
  if (!card) return;
  event.detail.form.reset();
  sessionStorage.removeItem(`pbxcrm.note.${card.dataset.call}`);
  if (card.dataset.state === "wrapup") hide(card.dataset.call);
});

const bell = $("[data-notify]");
if (bell && globalThis.Notification && Notification.permission === "default") {
  bell.hidden = false;
  bell.addEventListener("click", async () => {
    const said = await Notification.requestPermission();
    bell.hidden = said !== "default";
    toast(t(said === "granted" ? "notify_on" : "notify_off"));
  });
}

async function restore() {
  for (const card of $$(".caller", rail)) if (isHidden(card.dataset.call)) card.remove();
  for (const [id, at] of kept(WRAP).slice(-3)) {
    if (Date.now() - at > WRAP_FOR || document.getElementById(`call-${id}`) || isHidden(id)) continue;
    try {
      const { nodes } = await ask(`/calls/${id}/card`);
      const card = $(".caller", nodes);
      if (card && !document.getElementById(card.id)) carry(null, card, { last: true });
    } catch {
      wrapped(id);
    }
  }
}

if (rail) {
  restore();
  mark();
  tick();
  setInterval(tick, 1000);
}
