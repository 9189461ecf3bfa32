// Deals in a side panel and forms in a dialog: the same pages, fetched as fragments. Without scripts they are pages.
import { $, $$, ask, latest, Refused, released, toast } from "./dom.js";
import { t } from "./words.js";

const side = $("#side");
const dialog = $("#dialog");
let opener = null;
let home = null;

// -- side panel ----------------------------------------------------------------------------------------------------

const read = latest();
let reading = 0;

export async function openPanel(url, { push = true } = {}) {
  const from = document.activeElement;
  try {
    const nodes = await readFor(url);
    if (!nodes) return;
    const at = document.activeElement;
    const comes = [from, document.body].includes(at) || side.contains(at); // else they are at work elsewhere by now
    if (side.hidden) opener = at;
    const place = lay(nodes);
    side.hidden = false;
    if (push) {
      home ??= location.pathname + location.search;
      history.pushState({ panel: url }, "", url);
    }
    if (comes) place?.focus({ preventScroll: true });
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

// Nothing of what it brings is owed any more; what changes meanwhile is read after it.
async function readFor(url) {
  owed = null;
  reading++;
  try {
    return (await read(url))?.nodes;
  } finally {
    reading--;
    setTimeout(catchUp);
  }
}

// In the same deal's panel what is written stays, what was unfolded too, and the cursor where it was. Gives the place to
// go on at.
function lay(nodes, sent = null) {
  const deal = dealOf(nodes);
  const same = deal && deal === dealOf(side);
  if (!same) leave();
  const place = same && stands(nodes);
  const written = carry(nodes, sent, same ? fieldsOf(side) : left.get(deal));
  left.delete(deal);
  side.replaceChildren(...nodes.childNodes);
  title();
  const heading = $("h1", side);
  heading?.setAttribute("tabindex", "-1");
  return written || place || heading;
}

function stands(nodes) {
  for (const summary of $$("details[open] > summary", side)) twin(summary, nodes)?.parentElement.setAttribute("open", "");
  return side.contains(document.activeElement) && twin(document.activeElement, nodes);
}

function twin(node, nodes) {
  const id = node.closest("#side [id]")?.id;
  const near = (id && $(`[id="${CSS.escape(id)}"]`, nodes)) || nodes;
  const told = (one) => [one.textContent, one.name, one.value, one.getAttribute("href")].join();
  const same = (one) => (node.matches("input, textarea, select") ? one.name === node.name && alike(one, node) : told(one) === told(node));
  return [near, ...$$(node.localName, near)].find((one) => one.localName === node.localName && same(one));
}

const name = document.title;
function title() {
  document.title = $("[data-title]", side)?.dataset.title ?? name;
}

// What was written in a deal's panel and not saved, {deal: fields}: it stands there again when the deal is opened again.
const left = new Map();
function leave() {
  const written = fieldsOf(side).filter(changed);
  if (written.length) left.set(dealOf(side), written);
}

const dealOf = (root) => $("[data-deal]", root)?.dataset.deal;
const fieldsOf = (root) => $$("input, textarea, select", root).filter((one) => one.form);

export function closePanel({ push = true } = {}) {
  if (side.hidden) return;
  leave();
  side.hidden = true;
  side.replaceChildren();
  document.title = name;
  if (push && home) history.pushState({}, "", home);
  opener?.isConnected && opener.focus();
}

// A deal that has changed is read anew in its panel: at once, or when nobody writes in it, presses a button of it or
// hears a recording any more.
let owed = null;
export function refreshPanel(deal) {
  if (deal !== dealOf(side)) return;
  owed = deal;
  catchUp();
}

async function catchUp() {
  if (owed === null || reading || atWork()) return;
  const deal = owed;
  try {
    const nodes = await readFor(`/deals/${deal}`);
    if (!nodes || deal !== dealOf(side)) return;
    if (atWork()) return void (owed = deal);
    const comes = side.contains(document.activeElement);
    const place = lay(nodes);
    if (comes) place?.focus({ preventScroll: true });
  } catch (error) {
    toast(error.message, { bad: true });
    if (error.status === 404 && deal === dealOf(side)) closePanel(); // it was given to somebody else
  }
}

function atWork() {
  return inUse() || $(":active", side) || $$("audio", side).some((one) => !one.paused);
}

side?.addEventListener("focusout", () => setTimeout(catchUp));
side?.addEventListener("pause", catchUp, true);
document.addEventListener("pointerup", () => setTimeout(catchUp));

// Somebody writes in it, has written, or reads what was wrong: nothing of that may be swept away.
export function inUse(box = side) {
  const busy = box.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  return busy || $(".wrong", box) || fieldsOf(box).some(changed);
}

function changed(field) {
  if ($("[name=was]", field.form ?? side)?.dataset.kept?.split(" ").includes(field.name)) return true; // it came back unsaved
  if (field.matches("select")) return field.selectedIndex !== chosen(field);
  return field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

function chosen(select) {
  return Math.max(0, [...select.options].findIndex((one) => one.defaultSelected));
}

// What the server had put into a field.
function given(field) {
  return field.matches("select") ? field.options[chosen(field)]?.value : `${field.defaultValue} ${field.defaultChecked ?? ""}`;
}

// What was written elsewhere while a form's answer was on its way stays: those fields move into the fresh nodes as they
// are. One that somebody else has changed meanwhile keeps its form's version, so that saving it says so. Gives the field
// with the cursor.
function carry(nodes, sent, fields = []) {
  let cursor = null;
  for (const field of fields) {
    if (sameForm(field.form, sent) || !changed(field)) continue;
    const twin = $$(`[name="${CSS.escape(field.name)}"]`, nodes).find((one) => alike(one, field));
    if (!twin) continue;
    const [version, old] = [twin, field].map((one) => $("[name=version]", one.form));
    if (version && given(twin) !== given(field)) version.value = old.value;
    if (field === document.activeElement) cursor = field;
    twin.replaceWith(field);
    for (let around = field.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  }
  return cursor;
}

// A form is known by where it is sent: after the panel came anew it is another element.
const sameForm = (one, other) => one.getAttribute("action") === other?.getAttribute("action");

function alike(one, other) {
  const same = one.type === other.type && one.form && sameForm(one.form, other.form);
  return same && (!one.matches("[type=checkbox], [type=radio]") || one.value === other.value);
}

addEventListener("popstate", (event) => {
  if (event.state?.panel) openPanel(event.state.panel, { push: false });
  else if (home) closePanel({ push: false });
});

// -- dialog --------------------------------------------------------------------------------------------------------

let settle = null;

function fill(nodes) {
  dialog.replaceChildren(...nodes.childNodes);
  const heading = $("h1", dialog);
  if (heading) {
    heading.id ||= "dialog-title";
    dialog.setAttribute("aria-labelledby", heading.id);
  }
  if (!dialog.open) dialog.showModal();
  ($("[aria-invalid=true]", dialog) ?? $("[autofocus]", dialog))?.focus();
}

const look = latest();
async function openDialog(url) {
  try {
    const answer = await look(url);
    if (answer) fill(answer.nodes);
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

// A stage's own question (why was it lost?): resolves with the server's answer, or null when it is left.
export function gate(nodes) {
  fill(nodes);
  return new Promise((resolve) => (settle = resolve));
}

dialog?.addEventListener("close", () => {
  settle?.(null);
  settle = null;
  dialog.replaceChildren();
});

// -- forms ---------------------------------------------------------------------------------------------------------

// The board, and a list that is read anew when something changes, show by themselves what a form in the dialog did.
function lives(path) {
  return $("[data-board]") || (path.split("?")[0] === location.pathname && $("[data-fresh]"));
}

async function submit(form, submitter, box) {
  if (form.matches("[data-again]")) return openDialog(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`);
  const data = new FormData(form, submitter);
  const button = submitter ?? $("button", form);
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  const deal = dealOf(side);
  try {
    const body = await ask(form.getAttribute("action"), data);
    await released();
    if (body.nodes) return box === dialog ? fill(body.nodes) : put(box, body.nodes, form);
    if (form.matches("[data-gate]") && settle) {
      settle(body);
      settle = null;
      return dialog.close();
    }
    if (box === dialog) dialog.close();
    if (body.say) toast(body.say);
    if (box === side) saved(form, data);
    const stays = box === side ? deal === dealOf(side) : body.panel;
    if (stays && body.go?.startsWith("/deals/")) openPanel(body.go, { push: box !== side });
    else if (box === dialog && body.go && !lives(body.go)) location.assign(body.go);
    document.dispatchEvent(new CustomEvent("pbxcrm:saved", { detail: { form, body } }));
  } catch (error) {
    document.dispatchEvent(new CustomEvent("pbxcrm:refused", { detail: { form } }));
    if (!(error instanceof Refused)) throw error;
    toast(error.message, { bad: true });
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// What the server has taken is not written any more: it is what stands there, also in a panel that came anew or was left
// meanwhile.
function saved(form, data) {
  const written = [...fieldsOf(side), ...[...left.values()].flat()];
  for (const field of written.filter((one) => sameForm(one.form, form))) {
    if (field.name === "was") delete field.dataset.kept;
    const [went, ticks] = [data.getAll(field.name).includes(field.value), field.matches("[type=checkbox], [type=radio]")];
    if (ticks && went === field.checked) field.defaultChecked = field.checked;
    else if (!went || ticks) continue; // written since
    else if (field.matches("select")) for (const option of field.options) option.defaultSelected = option.selected;
    else if ("defaultValue" in field) field.defaultValue = field.value;
  }
}

function put(box, nodes, sent) {
  // A form whose fields were refused comes back into the panel; a stage's question goes into the dialog.
  if ($("[data-gate]", nodes)) {
    gate(nodes).then((body) => body?.go && openPanel(body.go, { push: false }));
    return;
  }
  box = document.getElementById(box.id) ?? box; // a caller card may have been drawn anew meanwhile
  if (box === side) lay(nodes, sent);
  else carry(nodes, sent, fieldsOf(box)), box.replaceChildren(...nodes.childNodes);
  ($("[aria-invalid=true]", box) ?? $("[role=alert], [role=status]", box))?.focus?.();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.matches("[data-dial], [data-hide], [enctype]") || (form.method === "get" && !form.matches("[data-again]"))) return;
  const box = form.closest("dialog, #side, .caller");
  if (!box) return;
  event.preventDefault();
  submit(form, event.submitter, box);
});

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const close = event.target.closest("[data-close]");
  if (close) {
    event.preventDefault();
    if (close.closest("dialog")) dialog.close();
    else closePanel();
    return;
  }
  const link = event.target.closest("[data-dialog], [data-panel], .card .title");
  if (!link) return;
  event.preventDefault();
  const url = link.getAttribute("href");
  if ("dialog" in link.dataset) openDialog(url);
  else openPanel(url);
});

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || dialog?.open) return;
  const menu = $("details.menu[open]");
  if (menu) {
    menu.open = false;
    $("summary", menu).focus();
  } else if (!side?.hidden && !event.defaultPrevented && !document.body.classList.contains("dragging")) closePanel();
});

document.addEventListener("pointerdown", (event) => {
  for (const menu of $$("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
