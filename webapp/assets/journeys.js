// The canvas of a journey: the list of steps drawn side by side, moved by keys and by drag. Every change is the form's own.
const root = () => document.querySelector("[data-way]");
const boxes = () => [...root().querySelectorAll(":scope [data-box]")];
const KEPT = "liaison.journeys.view";

// ── list or canvas
function show(view) {
  const isCanvas = view === "canvas";
  root().classList.toggle("canvas", isCanvas);
  const button = document.querySelector("[data-canvas-switch]");
  button.hidden = false;
  button.textContent = isCanvas ? "As a list" : "As a canvas";
  for (const words of document.querySelectorAll(".way-keys")) words.hidden = false;
  const first = boxes()[0];
  if (isCanvas && first) root().scrollLeft = first.offsetLeft + first.offsetWidth / 2 - root().clientWidth / 2;
}

function wanted() {
  return localStorage.getItem(KEPT) ?? (window.innerWidth >= 900 ? "canvas" : "list");
}

// ── saying what happened to those who do not see it
function say(words) {
  const place = document.querySelector("[data-way-said]");
  if (place) place.textContent = words;
}

// ── changes: the form that stands in the page is sent, and the list is taken from the answer
async function send(action, values, focus, words) {
  const body = new URLSearchParams(values);
  body.set("csrf_token", document.querySelector('meta[name="csrf-token"]').content);
  body.set("revision", root().dataset.revision);
  const answer = await fetch(action, { method: "POST", body });
  if (!answer.ok || new URL(answer.url).pathname !== location.pathname) return void location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const selector of ["#main"]) {
    const now = document.querySelector(selector);
    now.replaceWith(document.importNode(fresh.querySelector(selector), true));
  }
  begin();
  (boxOf(focus) ?? boxes()[0] ?? root()).focus();
  say(words);
}

const base = () => location.pathname.replace(/\/edit$/, "");
const boxOf = (key) => (key ? root().querySelector(`[data-box="${CSS.escape(key)}"]`) : null);
const move = (key, values, words) => send(`${base()}/steps/${key}/move`, values, key, words);

// ── keys: arrows go, Alt with an arrow moves, Enter opens, A adds after, Delete removes
function pressed(event) {
  const box = event.target.closest("[data-box]");
  if (!box || event.target !== box) {
    if (event.target === root() && ["ArrowDown", "ArrowUp"].includes(event.key) && boxes().length) {
      event.preventDefault();
      boxes()[0].focus();
    }
    return;
  }
  const key = box.dataset.box;
  const isEdited = "edited" in root().dataset;
  const all = boxes();
  const at = all.indexOf(box);
  if (event.altKey && isEdited && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    const by = event.key === "ArrowUp" ? -1 : 1;
    if (box.querySelector(`[data-by="${by}"]`)) move(key, { by }, by < 0 ? "Moved up." : "Moved down.");
    return;
  }
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
  if (event.key in steps) {
    event.preventDefault();
    all[steps[event.key]]?.focus();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    event.preventDefault();
    beside(box, event.key === "ArrowRight" ? 1 : -1)?.focus();
  } else if (event.key === "Enter") {
    box.querySelector("a")?.click();
  } else if (isEdited && event.key.toLowerCase() === "a") {
    root().querySelector(`[data-slot="after:${CSS.escape(key)}"] a`)?.click();
  } else if (isEdited && event.key === "Delete") {
    event.preventDefault();
    const next = all[at - 1]?.dataset.box;
    send(`${base()}/steps/${key}/remove`, {}, next, "Removed.");
  }
}

// The nearest step to the right or left: the first of the next way out of a branch.
function beside(box, by) {
  const arm = box.closest("[data-arm]");
  const inner = box.parentElement.querySelector(":scope > .way-arms > .way-arm [data-box]");
  if (!arm) return by > 0 ? inner : null;
  const sister = by > 0 ? arm.nextElementSibling : arm.previousElementSibling;
  return sister?.querySelector("[data-box]") ?? (by > 0 ? inner : arm.parentElement.closest("[data-step]")?.querySelector("[data-box]"));
}

// ── drag: a step is pulled to a plus
let held = null;

function grasp(event) {
  const box = event.target.closest("[data-box]");
  if (!box || event.button !== 0 || event.target.closest("a, button") || event.pointerType === "touch") return;
  held = { box, key: box.dataset.box, x: event.clientX, y: event.clientY, isMoving: false, aim: null };
}

function pull(event) {
  if (!held) return;
  if (!held.isMoving && Math.hypot(event.clientX - held.x, event.clientY - held.y) < 6) return;
  held.isMoving = true;
  held.box.classList.add("is-held");
  getSelection()?.removeAllRanges();
  const own = held.box.closest("[data-step]");
  let nearest = null;
  let least = 90;
  for (const place of root().querySelectorAll("[data-slot]")) {
    if (own.contains(place)) continue;
    const spot = place.getBoundingClientRect();
    const far = Math.hypot(spot.x + spot.width / 2 - event.clientX, spot.y + spot.height / 2 - event.clientY);
    if (far < least) [nearest, least] = [place, far];
  }
  held.aim?.classList.remove("is-aim");
  nearest?.classList.add("is-aim");
  held.aim = nearest;
}

function release() {
  if (!held) return;
  const { box, key, aim, isMoving } = held;
  held = null;
  box.classList.remove("is-held");
  aim?.classList.remove("is-aim");
  const before = box.closest("[data-step]").previousElementSibling;
  if (isMoving && aim && aim.dataset.slot !== `after:${key}` && aim !== before) move(key, { slot: aim.dataset.slot }, "Moved.");
}

// Once for each drawing of the list.
function begin() {
  if (!root()) return;
  for (const box of boxes()) box.tabIndex = -1;
  show(wanted());
  document.querySelector("[data-canvas-switch]").addEventListener("click", () => {
    localStorage.setItem(KEPT, root().classList.contains("canvas") ? "list" : "canvas");
    show(wanted());
  });
  root().addEventListener("keydown", pressed);
  if (!("edited" in root().dataset)) return;
  root().addEventListener("pointerdown", grasp);
  for (const form of root().querySelectorAll(".way-tools form")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = form.closest("[data-box]").dataset.box;
      const values = Object.fromEntries(new FormData(form));
      send(form.action, values, "removes" in form.dataset ? null : key, "removes" in form.dataset ? "Removed." : "Moved.");
    });
  }
}

document.addEventListener("pointermove", pull);
document.addEventListener("pointerup", release);
document.addEventListener("pointercancel", release);
begin();
