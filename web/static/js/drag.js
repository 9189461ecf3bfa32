// Moving a card by pointer: mouse, pen or finger. What lies under the pointer is found by rectangles.
import { $, $$ } from "./dom.js";
import { board, move } from "./board.js";

const FAR = 6; // px a mouse goes before it is a drag
const LONG = 260; // ms a finger rests before it lifts a card; before that it scrolls
const EDGE = 72; // px from the border where the board scrolls by itself

let held = null;

function targets() {
  const zones = $$(".zone");
  const cols = $$(".col", board);
  return [...zones, ...cols].map((node) => ({ node, box: node.getBoundingClientRect() }));
}

function under(x, y) {
  // Zones come first: they lie above the columns. A card may be dropped above or below a column's box.
  const hit = targets().find(({ node, box }) =>
    x >= box.left && x < box.right && (node.classList.contains("zone") ? y >= box.top && y < box.bottom : true));
  const frame = board.getBoundingClientRect();
  return hit && x >= frame.left && x < frame.right ? hit.node : null;
}

function lift() {
  const { card, x, y } = held;
  const box = card.getBoundingClientRect();
  const ghost = card.cloneNode(true);
  ghost.removeAttribute("id");
  ghost.setAttribute("aria-hidden", "true");
  ghost.classList.add("ghost");
  ghost.style.inlineSize = `${box.width}px`;
  document.body.append(ghost);
  card.classList.add("away");
  document.body.classList.add("dragging");
  Object.assign(held, { ghost, dx: x - box.left, dy: y - box.top, lifted: true });
  navigator.vibrate?.(10);
  follow();
}

function follow() {
  if (!held?.lifted) return;
  const { ghost, x, y, dx, dy } = held;
  ghost.style.transform = `translate(${x - dx}px, ${y - dy}px)`;
  const over = under(x, y);
  if (over !== held.over) {
    held.over?.classList.remove("over");
    over?.classList.add("over");
    held.over = over;
  }
  const frame = board.getBoundingClientRect();
  const push = x < frame.left + EDGE ? x - frame.left - EDGE : x > frame.right - EDGE ? x - frame.right + EDGE : 0;
  if (push) board.scrollLeft += Math.max(-18, Math.min(18, push / 4));
  held.frame = requestAnimationFrame(follow);
}

function drop(keep) {
  if (!held) return;
  const { card, ghost, over, lifted, frame, timer } = held;
  held = null;
  clearTimeout(timer);
  cancelAnimationFrame(frame);
  ghost?.remove();
  over?.classList.remove("over");
  for (const one of $$(".card.away", board)) one.classList.remove("away");
  document.body.classList.remove("dragging");
  if (!lifted) return;
  // The click that follows a drop is not a click on the card.
  addEventListener("click", stop, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", stop, { capture: true }), 50);
  if (keep && over) move(card, over.dataset.stage);
}

function stop(event) {
  event.preventDefault();
  event.stopPropagation();
}

function down(event) {
  const card = event.target.closest(".card");
  if (!card || held || event.button !== 0 || event.target.closest("button, select, form")) return;
  held = { card, pointer: event.pointerId, x: event.clientX, y: event.clientY, from: [event.clientX, event.clientY] };
  if (event.pointerType !== "mouse") held.timer = setTimeout(() => held && lift(), LONG);
  held.touch = event.pointerType !== "mouse";
}

function go(event) {
  if (!held || event.pointerId !== held.pointer) return;
  held.x = event.clientX;
  held.y = event.clientY;
  if (held.lifted) return;
  const away = Math.hypot(held.x - held.from[0], held.y - held.from[1]);
  if (away <= FAR) return;
  if (held.touch) drop(false); // it scrolls
  else lift();
}

if (board) {
  board.addEventListener("pointerdown", down);
  addEventListener("pointermove", go);
  addEventListener("pointerup", (event) => held?.pointer === event.pointerId && drop(true));
  addEventListener("pointercancel", (event) => held?.pointer === event.pointerId && drop(false));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && held?.lifted) drop(false);
  });
  board.addEventListener("dragstart", (event) => event.preventDefault());
  board.addEventListener("contextmenu", (event) => held?.touch && event.preventDefault());
  // A lifted card must not scroll the page under the finger.
  board.addEventListener("touchmove", (event) => held?.lifted && event.preventDefault(), { passive: false });
}
