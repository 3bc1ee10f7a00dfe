"use strict";

const COMMAND = { "X-Thermoscope-Console": "1", "Content-Type": "application/json" };
const SPOT_MS = 300;
const WORDS = { // of each state: what is said, what the button does
  watching: ["ready", "Record"], starting: ["starting", "Cancel"], recording: ["REC", "Stop"],
  stopping: ["stopping", "Stop"], lost: ["no connection", "Record"],
};
const find = (selector, within = document) => within.querySelector(selector);
const cards = new Map();
let rig = null;
let connected = true;
let refusal = "";
let spot = null; // {camera, x, y, pinned}

// -- words ---------------------------------------------------------------------------------------

const megabytes = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);

function duration(seconds) {
  if (seconds >= 360000) return "more than 100 h";
  const h = Math.floor(seconds / 3600), m = Math.floor(seconds / 60) % 60, s = Math.floor(seconds) % 60;
  return `${h}:${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}`;
}

function signed(ms) {
  const rounded = Math.round(10 * ms) / 10;
  return `${rounded > 0 ? "+" : ""}${(rounded || 0).toFixed(1)} ms`; // no "-0.0"
}

function value(place) {
  if (!place) return "";
  return place.celsius === null ? `${place.counts} counts` : `${place.celsius.toFixed(1)} °C`;
}

// -- cameras -------------------------------------------------------------------------------------

function card(name) {
  if (!cards.has(name)) {
    const element = find("#camera").content.firstElementChild.cloneNode(true);
    find("h2", element).textContent = name;
    followPointer(find(".view", element), name);
    find("#cameras").append(element);
    cards.set(name, element);
  }
  return cards.get(name);
}

function put(mark, place) {
  mark.hidden = !place;
  if (!place) return;
  mark.style.left = `${100 * place.x}%`;
  mark.style.top = `${100 * place.y}%`;
}

function showCamera(told) {
  const element = card(told.camera);
  const write = (selector, text) => { find(selector, element).textContent = text; };
  element.classList.toggle("is-lost", Boolean(told.lost));
  find(".lost", element).hidden = !told.lost;
  write(".lost", told.lost);
  if (!told.jpeg) return;
  const image = find("img", element);
  image.hidden = false;
  find(".waiting", element).hidden = true;
  find("dl", element).hidden = false;
  image.src = `data:image/jpeg;base64,${told.jpeg}`;
  find(".view", element).setAttribute("aria-label", `${told.camera}, ${told.width_px} by ${told.height_px} pixels`);
  for (const part of element.querySelectorAll(".thermal")) part.hidden = !told.thermal;
  write(".hottest", value(told.hottest));
  write(".coldest", value(told.coldest));
  put(find(".mark.hot", element), told.hottest);
  put(find(".mark.cold", element), told.coldest);
  write(".rate", `${told.rate_hz.toFixed(1)} of ${told.wanted_hz} Hz`);
  find(".skewed", element).hidden = told.skew_ms === null;
  if (told.skew_ms !== null) write(".skew", signed(told.skew_ms));
  find(".skewed", element).title = `stamps against those of ${told.skew_to}`;
  const closed = told.ffc === "running";
  find(".ffc", element).classList.toggle("closed", closed);
  write(".ffc", closed ? "shutter closed" : { none: "none yet", complete: "done" }[told.ffc] || told.ffc || "not told");
  write(".sensor", told.sensor_celsius === null ? "not told" : `${told.sensor_celsius.toFixed(1)} °C`);
  element.dataset.thermal = told.thermal ? "yes" : "";
}

// -- the spot ------------------------------------------------------------------------------------

function placeSpot(camera, x, y, pinned) {
  if (!card(camera).dataset.thermal) return;
  if (spot && spot.camera !== camera) clearSpot();
  const inside = (share) => Math.min(Math.max(share, 0), 1);
  spot = { camera, x: inside(x), y: inside(y), pinned };
  put(find(".mark.spot", card(camera)), spot);
}

function clearSpot() {
  if (!spot) return;
  put(find(".mark.spot", card(spot.camera)), null);
  find(".spot-value", card(spot.camera)).textContent = "tap the picture";
  spot = null;
}

function followPointer(view, camera) {
  const at = (event) => {
    const box = view.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  view.addEventListener("click", (event) => placeSpot(camera, ...at(event), true));
  view.addEventListener("pointermove", (event) => {
    if (!(spot && spot.pinned)) placeSpot(camera, ...at(event), false);
  });
  view.addEventListener("pointerleave", () => { if (spot && !spot.pinned) clearSpot(); });
  view.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.01, 0], ArrowRight: [0.01, 0], ArrowUp: [0, -0.01], ArrowDown: [0, 0.01] }[event.key];
    if (event.key === "Escape") clearSpot();
    if (!step) return;
    event.preventDefault();
    const from = spot && spot.camera === camera ? spot : { x: 0.5, y: 0.5 };
    placeSpot(camera, from.x + step[0], from.y + step[1], true);
  });
}

async function readSpot() {
  const asked = spot;
  if (asked && connected) {
    const where = `api/cameras/${encodeURIComponent(asked.camera)}/spot?x=${asked.x}&y=${asked.y}`;
    const answer = await fetch(where).catch(() => null);
    if (answer && answer.ok && spot === asked) {
      find(".spot-value", card(asked.camera)).textContent = value(await answer.json());
    }
  }
  setTimeout(readSpot, SPOT_MS);
}

// -- the rig -------------------------------------------------------------------------------------

function showRig() {
  const state = connected && rig ? rig.state : "lost";
  find("#badge").className = `badge ${state}`;
  const [word, action] = WORDS[state];
  if (find("#state").textContent !== word) find("#state").textContent = word; // read aloud only what is new
  find("#clock").textContent = state === "recording" && rig.status ? duration(rig.status.seconds) : "";
  find("#record").textContent = action;
  find("#record").disabled = ["stopping", "lost"].includes(state);
  find("#label").disabled = state !== "watching";
  find("#ffc").disabled = state === "lost" || !rig.shutters.length;
  for (const link of document.querySelectorAll("#recordings a")) {
    link.setAttribute("aria-disabled", String(state !== "watching"));
  }
  showNumbers();
  showProblems();
}

function showNumbers() {
  if (!rig) return;
  const left = rig.seconds_left === null ? "" : `, about ${duration(rig.seconds_left)} of recording`;
  find("#space").textContent = `${megabytes(rig.free_bytes)} free${left}`;
  if (!rig.status) {
    const well = rig.ended && !/^(error|disk)/.test(rig.ended); // else it is among the problems
    find("#pace").textContent = well ? `${rig.recording}: stopped (${rig.ended})` : "";
    return;
  }
  const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
  const lost = `lost: ${sum(rig.status.queue_drops)} by us, ${sum(rig.status.camera_drops)} by cameras`;
  find("#pace").textContent =
    `${rig.recording}: ${sum(rig.status.frames)} frames, ${megabytes(rig.status.written_bytes)}, ` +
    `${megabytes(rig.status.bytes_per_s)}/s, ${lost}`;
}

function connectionText() {
  return live.readyState === EventSource.CLOSED
    ? "The console does not let this page in. Open the address that it printed."
    : "No connection to the rig. Trying again. A recording goes on.";
}

function showProblems() {
  const texts = [...(connected ? [] : [connectionText()]),
    ...(refusal ? [refusal] : []), ...(rig ? rig.problems : [])];
  const list = find("#problems");
  if (list.dataset.shown === texts.join("\n")) return; // read aloud only what is new
  list.dataset.shown = texts.join("\n");
  list.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

async function command(name, body = {}) {
  const request = { method: "POST", headers: COMMAND, body: JSON.stringify(body) };
  const answer = await fetch(`api/${name}`, request).catch(() => null);
  refusal = "";
  if (!answer) refusal = "The rig did not answer.";
  else if (!answer.ok) refusal = (await answer.json().catch(() => ({}))).error || `refused (${answer.status})`;
  showProblems();
}

// -- recordings ----------------------------------------------------------------------------------

function recordingEntry(about) {
  const entry = find("#recording").content.firstElementChild.cloneNode(true);
  const path = `api/recordings/${encodeURIComponent(about.name)}`;
  const lost = about.lost ? `, ${about.lost} frames lost` : "";
  find(".name", entry).textContent = about.name;
  find(".about", entry).textContent =
    `${duration(about.seconds)}, ${megabytes(about.size_bytes)}${lost}, ${about.whole ? about.stopped : "not finished"}`;
  find(".frames", entry).textContent = Object.entries(about.frames).map(([name, n]) => `${name} ${n}`).join(", ");
  find(".zip", entry).href = `${path}.zip`;
  find(".files", entry).replaceChildren(...Object.entries(about.files).map(([file, bytes]) => {
    const item = document.createElement("li");
    const link = { href: `${path}/${encodeURIComponent(file)}`, download: "", textContent: `${file} (${megabytes(bytes)})` };
    item.append(Object.assign(document.createElement("a"), link));
    return item;
  }));
  return entry;
}

async function showRecordings() {
  const answer = await fetch("api/recordings").catch(() => null);
  if (!answer || !answer.ok) return;
  const all = await answer.json();
  find("#no-recordings").hidden = all.length > 0;
  find("#recordings").replaceChildren(...all.map(recordingEntry));
}

// -- all together --------------------------------------------------------------------------------

find("#controls").addEventListener("submit", (event) => {
  event.preventDefault();
  if (rig.state === "watching") command("record", { label: find("#label").value });
  else command("stop");
});
find("#ffc").addEventListener("click", () => command("ffc"));
find("#recordings").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (link && rig.state !== "watching") event.preventDefault(); // the disk is busy
});

const live = new EventSource("api/live");
live.addEventListener("camera", (event) => showCamera(JSON.parse(event.data)));
live.addEventListener("rig", (event) => {
  const before = rig && rig.state;
  rig = JSON.parse(event.data);
  rig.cameras.forEach(card); // in the order of the rig
  connected = true;
  showRig();
  if (rig.state !== before && ["watching", "recording"].includes(rig.state)) showRecordings();
});
live.addEventListener("error", () => { connected = false; showRig(); });
readSpot();
