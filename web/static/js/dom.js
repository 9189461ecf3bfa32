// The few ways in which this page is changed. HTML comes from our own server only, as parsed nodes; all else is text.
import { t } from "./words.js";

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// Nodes of a fragment that our server rendered. The parser runs no scripts; noscript is of no use here.
export function parse(html) {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  for (const node of $$("noscript, script", body)) node.remove();
  return body;
}

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

// Said to those who listen instead of look.
export function say(text) {
  const live = $("#say");
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

export function toast(text, { bad = false, action = null, label = "", for: time = bad ? 12000 : 5000 } = {}) {
  const node = element("div", { class: bad ? "toast bad" : "toast" }, element("span", { dir: "auto" }, text));
  const close = () => node.remove();
  if (action) {
    const button = element("button", { class: "btn sm", type: "button" }, label);
    button.addEventListener("click", () => {
      close();
      action();
    });
    node.append(button);
  }
  const hide = element("button", { class: "btn sm", type: "button", "aria-label": t("close") }, icon("x"));
  hide.addEventListener("click", close);
  node.append(hide);
  const old = $$(".toast");
  if (old.length > 2) old[0].remove();
  $("#toasts").append(node);
  let timer = setTimeout(close, time);
  node.addEventListener("pointerenter", () => clearTimeout(timer));
  node.addEventListener("pointerleave", () => (timer = setTimeout(close, 3000)));
  return close;
}

export class Refused extends Error {
  constructor(body, status) {
    super(body.message);
    this.body = body;
    this.status = status;
  }
}

// One request to our server: gives parsed JSON, or {nodes} of a fragment. Throws Refused with the server's own words.
export async function ask(url, data = null) {
  let response;
  try {
    response = await fetch(url, {
      method: data ? "POST" : "GET",
      body: data ? new URLSearchParams(data) : null,
      headers: { "X-Fragment": "1" },
    });
  } catch {
    throw new Refused({ message: t(data ? "unsure" : "offline") }, 0);
  }
  if (response.redirected && new URL(response.url).pathname === "/login") {
    location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
    return new Promise(() => {});
  }
  const text = await response.text();
  if (response.headers.get("Content-Type")?.startsWith("application/json")) {
    const body = JSON.parse(text);
    if (response.ok) return body;
    throw new Refused(body.error ?? body, response.status);
  }
  const nodes = parse(text);
  if (response.ok || nodes.querySelector("form")) return { nodes, status: response.status };
  throw new Refused({ message: nodes.textContent.trim().slice(0, 300) || t("broken") }, response.status);
}

// Asks as `ask` does, for one place of the page: an answer that something asked for later has overtaken is null.
export function latest() {
  let asked = 0;
  return async (url) => {
    const n = ++asked;
    const body = await ask(url);
    await released();
    return n === asked ? body : null;
  };
}

// What is being pressed stays until it is let go: else the click would find another element in its place, and be lost.
const PRESSED = ":is(a, button, summary, label, input, select):active";
export async function released() {
  for (let n = 0; n < 30 && $(PRESSED) && !document.body.classList.contains("dragging"); n++) await new Promise((done) => setTimeout(done, 30));
}
