// The one script a page loads.
import "./board.js";
import "./panel.js";
import "./drag.js";
import "./keys.js";
import "./caller.js";
import "./live.js";
import "./leads.js";

// How fast a recording is heard.
document.addEventListener("change", (event) => {
  const speed = event.target.closest("[data-speed]");
  const audio = speed?.closest(".row:has(audio)")?.querySelector("audio");
  if (audio) audio.playbackRate = Number(speed.value);
});

document.addEventListener("click", (event) => event.target.closest("[data-print]") && print());

document.documentElement.dataset.ready = "";
