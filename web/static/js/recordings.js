// How a recording is heard: its speed, and its picture, which shows how far it is and where one goes on by pointing there.
import { $, element } from "./dom.js";

const BARS = 160;
const [WIDE, HIGH] = [4 * BARS, 32]; // px: as the server draws it (http/recordings.py)
const MOST = 40e6; // bytes: what is larger is heard without a picture

const of = (node, selector) => $(selector, node.closest("[data-heard]"));

document.addEventListener("change", (event) => {
  const speed = event.target.closest("[data-speed]");
  if (speed) of(speed, "audio").playbackRate = Number(speed.value);
});

document.addEventListener("click", (event) => {
  const wave = event.target.closest(".wave");
  if (!wave) return;
  const audio = of(wave, "audio");
  const box = wave.getBoundingClientRect();
  const go = () => (audio.currentTime = ((event.clientX - box.left) / box.width) * audio.duration);
  if (audio.readyState) go();
  else audio.addEventListener("loadedmetadata", go, { once: true });
  audio.play().catch(() => {}); // the player itself says that it cannot
});

for (const moment of ["timeupdate", "seeking", "seeked", "pause"]) {
  document.addEventListener(moment, ({ target: audio }) => {
    of(audio, ".wave i").style.inlineSize = `${(100 * audio.currentTime) / (audio.duration || 1)}%`;
  }, true);
}

// What the server has no picture of (the one it sends is a pixel wide) is decoded here, once it is to be heard.
document.addEventListener("play", ({ target: audio }) => {
  const picture = of(audio, ".wave img");
  if (picture?.naturalWidth === 1) draw(picture, audio.src).catch(() => {}); // a kind that this browser cannot read
}, true);

async function draw(picture, url) {
  const answer = await fetch(url);
  if (Number(answer.headers.get("Content-Length")) > MOST) return answer.body.cancel();
  const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(await answer.arrayBuffer());
  const samples = sound.getChannelData(0);
  const bars = Array.from({ length: BARS }, (_, at) => peak(samples.subarray((at * samples.length) / BARS, ((at + 1) * samples.length) / BARS)));
  const canvas = element("canvas", { width: WIDE, height: HIGH });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#7d8799";
  const loudest = Math.max(...bars, 0.01);
  for (const [at, bar] of bars.entries()) {
    const high = Math.max(1, (bar * HIGH) / loudest);
    pen.fillRect(4 * at + 0.8, (HIGH - high) / 2, 2.4, high);
  }
  picture.replaceWith(canvas);
}

function peak(samples) {
  let most = 0;
  for (const sample of samples) most = Math.max(most, Math.abs(sample));
  return most;
}
