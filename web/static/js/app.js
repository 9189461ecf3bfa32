// The one script a page loads.
import "./board.js";
import "./panel.js";
import "./drag.js";
import "./keys.js";
import "./caller.js";
import "./live.js";
import "./leads.js";
import "./recordings.js";

document.addEventListener("click", (event) => event.target.closest("[data-print]") && print());

document.documentElement.dataset.ready = "";
