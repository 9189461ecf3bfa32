// One WebSocket a tab. What the page shows is true at `after`; every later row of the journal comes once and in order.
import { $, $$, ask, latest, parse, released, toast } from "./dom.js";
import { board, changed, reload } from "./board.js";
import { onCall, onWrapped, reread, tick } from "./caller.js";
import { inUse, refreshPanel } from "./panel.js";
import { number, t } from "./words.js";

const dot = $("#live");
let after = Number(document.body.dataset.asOf ?? 0);
let wait = 500;
let socket = null;

function state(on) {
  dot.dataset.state = on ? "on" : "off";
  dot.setAttribute("aria-label", t(on ? "live_on" : "live_off"));
  dot.title = t(on ? "live_on" : "live_off");
}

function connect() {
  const away = $("[data-database]") ? "&database=down" : "";
  const url = new URL(`/live?after=${after}&html=1${away}`, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    state(true);
    wait = 500;
  });
  socket.addEventListener("message", (event) => take(JSON.parse(event.data)));
  socket.addEventListener("close", closed);
}

let lost = 0;
function closed(event) {
  socket = null;
  if (event.code === 4401) return void over();
  if (event.code === 4409) return state(false); // other tabs need the place more: back when this one is looked at
  setTimeout(() => !socket && state(false), 2500);
  lost += 1;
  // A refused handshake looks like any other failure: ask once in a while whether we are still logged in.
  if (lost % 4 === 0) ask("/board/heads").catch(() => {});
  setTimeout(connect, wait * (0.5 + Math.random()));
  wait = Math.min(wait * 2, 15000);
}

function over() {
  state(false);
  toast(t("logged_out"), { bad: true, for: 1e8, label: t("log_in"), action: () => location.reload() });
}

// After these somebody more, or somebody less, may wait for a call back.
const MISSED = new Set(["call.ended", "call.answered", "task.due", "task.done"]);

let queue = Promise.resolve();
function take(message) {
  queue = queue.then(released).then(() => row(message)).catch((error) => console.error("live", error));
}

async function row({ id, kind, data, html }) {
  const n = Number(id);
  if (kind === "reset") {
    after = board ? await reload() : n;
    if (!board && after !== Number(document.body.dataset.asOf)) location.reload();
    return reread();
  }
  const nodes = html ? parse(html) : document.createElement("body");
  if (kind.startsWith("database.")) return void $("#away").replaceChildren(...nodes.childNodes); // of no row: no id
  if (n <= after) return;
  lost = 0;
  after = n;
  if ((kind === "settings.changed" || kind === "lead.scored") && board) after = Math.max(after, await reload());
  if (kind.startsWith("deal.")) onDeal(data, nodes, n);
  else if (kind === "call.wrapped") onWrapped(data), data.deal_id && refreshPanel(data.deal_id);
  else if (kind.startsWith("call.")) onEvery(data, nodes);
  else if (kind.startsWith("link.")) $("#banner").replaceChildren(...nodes.childNodes);
  else if (kind === "task.reminded") remind(data);
  if (kind.startsWith("lead.") && $("[data-fresh]")) missed();
  if (MISSED.has(kind) || (kind.startsWith("deal.") && $("[data-fresh]"))) missed();
}

// In every tab; to a hidden one's person by one notification, for all of them name it alike.
function remind({ id, title }) {
  const text = t("remind", { title });
  toast(text, { for: 60000, label: t("look"), action: () => (location.href = `/tasks/${id}`) });
  if (document.hidden && globalThis.Notification?.permission === "granted") new Notification(text, { tag: `task.${id}` });
}

function onDeal(data, nodes, n) {
  if (board && (data.gone || $(".card", nodes))) changed(data.id, $(".card", nodes), { row: n, before: data.before });
  refreshPanel(data.id);
}

function onEvery(data, nodes) {
  onCall(data, nodes);
  upsert($("table[data-log] tbody"), $("tr", nodes), Boolean($("table[data-old]")));
  const item = $("ol > li", nodes);
  const deals = item?.dataset.deals.split(" ") ?? [];
  for (const line of $$("[data-timeline]")) {
    if (deals.includes(line.dataset.timeline)) upsert(line, item.cloneNode(true), false);
  }
}

function upsert(list, item, only) {
  if (!list || !item) return;
  const old = document.getElementById(item.id);
  if (old) {
    for (const details of $$("details", item)) details.open = Boolean($("details[open]", old));
    if (!$(".said", item)) for (const said of $$(".said", old)) $(".why", item)?.before(said);
    old.replaceWith(item);
  } else if (!only) list.prepend(item);
}

// What is still to do, and a lead, is read anew, unless somebody writes or is about to press something in it: then once
// they have left it. `now`: they just have pressed.
let owed = false;
const read = latest();
async function relist(now = false) {
  const list = $("[data-fresh]");
  owed = Boolean(list) && !now && Boolean(list.contains(document.activeElement) || inUse(list));
  if (!list || owed) return;
  const { nodes } = (await read(list.dataset.fresh)) ?? {};
  const fresh = nodes && $("[data-fresh]", nodes);
  if (!fresh || !list.isConnected) return;
  if (inUse(list)) return void (owed = true); // they write in it by now
  const at = list.contains(document.activeElement) && document.activeElement.getAttribute("href");
  list.replaceWith(fresh);
  for (const old of $$("[data-also]")) {
    const count = $(`#${old.id}`, nodes);
    if (count) old.replaceWith(count);
  }
  if (at) $(`a[href="${CSS.escape(at)}"]`, fresh)?.focus();
  tick();
}
document.addEventListener("pbxcrm:saved", () => relist(true).catch(() => {}));
document.addEventListener("focusout", () => owed && setTimeout(() => relist().catch(() => {})));

let pending = 0;
function missed() {
  clearTimeout(pending);
  pending = setTimeout(async () => {
    try {
      const { n } = await ask("/calls/missed/count");
      const badge = $("#missed-count");
      badge.textContent = number(n);
      badge.hidden = !n;
      for (const node of $$("[data-missed]")) node.textContent = number(n);
      await relist();
    } catch (error) {
      if (error.status === 404) toast(error.message, { bad: true }); // what the page shows is not theirs any more
      // Else it is asked again after the next call.
    }
  }, 400 + Math.random() * 800);
}

if (dot) connect();
addEventListener("online", () => dot && !socket && connect());
addEventListener("focus", () => dot && !socket && connect());
