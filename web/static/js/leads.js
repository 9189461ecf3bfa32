// Rules of scoring: how many leads a rule would reach, while it is being written.
import { $, ask } from "./dom.js";

let pending = 0;
async function count(form) {
  const { nodes } = await ask(`${form.dataset.reach}?${new URLSearchParams(new FormData(form))}`);
  const fresh = $("[data-reached]", nodes);
  if (fresh) $("[data-reached]", form)?.replaceWith(fresh);
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-reach]");
  if (!form) return;
  clearTimeout(pending);
  pending = setTimeout(() => count(form).catch(() => {}), 300); // it is counted again at the next letter
});
