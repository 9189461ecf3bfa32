// Rules of scoring: how many leads a rule would reach, while it is being written.
import { $, latest } from "./dom.js";

let pending = 0;
const read = latest();
async function count(form) {
  const answer = await read(`${form.dataset.reach}?${new URLSearchParams(new FormData(form))}`);
  const fresh = answer && $("[data-reached]", answer.nodes);
  if (fresh) $("[data-reached]", form)?.replaceWith(fresh);
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-reach]");
  if (!form) return;
  clearTimeout(pending);
  pending = setTimeout(() => count(form).catch(() => {}), 300); // it is counted again at the next letter
});
