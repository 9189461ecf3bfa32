// The one script a page loads.
import "./board.js";
import "./panel.js";
import "./drag.js";
import "./keys.js";
import "./caller.js";
import "./live.js";

document.documentElement.dataset.ready = "";
