// Deals in a side panel and forms in a dialog: the same pages, fetched as fragments. Without scripts they are pages.
import { $, $$, ask, parse, Refused, toast } from "./dom.js";
import { t } from "./words.js";

const side = $("#side");
const dialog = $("#dialog");
let opener = null;
let home = null;

// -- side panel ----------------------------------------------------------------------------------------------------

export async function openPanel(url, { push = true, quietly = false } = {}) {
  try {
    const { nodes } = await ask(url);
    if (quietly && inUse()) return;
    if (side.hidden) opener = document.activeElement;
    side.replaceChildren(...nodes.childNodes);
    side.hidden = false;
    if (push) {
      home ??= location.pathname + location.search;
      history.pushState({ panel: url }, "", url);
    }
    title();
    const heading = $("h1", side);
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

const name = document.title;
function title() {
  document.title = $("[data-title]", side)?.dataset.title ?? name;
}

export function closePanel({ push = true } = {}) {
  if (side.hidden) return;
  side.hidden = true;
  side.replaceChildren();
  document.title = name;
  if (push && home) history.pushState({}, "", home);
  opener?.isConnected && opener.focus();
}

export function refreshPanel(deal) {
  const open = $(`[data-deal="${CSS.escape(deal)}"]`, side);
  if (open && !inUse()) openPanel(`/deals/${deal}`, { push: false, quietly: true });
}

// Somebody writes in it, has written, or reads what was wrong: nothing of that may be swept away.
export function inUse(box = side) {
  const busy = box.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  return busy || $(".wrong", box) || $$("input, textarea, select", box).some(changed);
}

function changed(field) {
  if (field.matches("select")) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
  return field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
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

async function openDialog(url) {
  try {
    fill((await ask(url)).nodes);
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
  try {
    const body = await ask(form.getAttribute("action"), data);
    if (body.nodes) return box === dialog ? fill(body.nodes) : put(box, body.nodes);
    if (form.matches("[data-gate]") && settle) {
      settle(body);
      settle = null;
      return dialog.close();
    }
    if (box === dialog) dialog.close();
    if (body.say) toast(body.say);
    if (body.go?.startsWith("/deals/") && (box === side || body.panel)) openPanel(body.go, { push: box !== side });
    else if (box === dialog && body.go && !lives(body.go)) location.assign(body.go);
    document.dispatchEvent(new CustomEvent("pbxcrm:saved", { detail: { form, body } }));
  } catch (error) {
    form.dispatchEvent(new Event("pbxcrm:refused", { bubbles: true }));
    if (!(error instanceof Refused)) throw error;
    toast(error.message, { bad: true });
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

function put(box, nodes) {
  // A form whose fields were refused comes back into the panel; a stage's question goes into the dialog.
  if ($("[data-gate]", nodes)) {
    gate(nodes).then((body) => body?.go && openPanel(body.go, { push: false }));
    return;
  }
  box.replaceChildren(...nodes.childNodes);
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
