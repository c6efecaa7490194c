// The segment editor, quicker: the form is sent as its buttons would send it, and only what changed is swapped in.
const pause = 350; // milliseconds after the last key

const editor = () => document.querySelector("[data-editor]");

async function ask(act, signal) {
  const body = new FormData(editor());
  body.set("act", act);
  const answer = await fetch(editor().action, { method: "POST", body, headers: { "HX-Request": "true" }, signal });
  const login = answer.headers.get("HX-Redirect");
  if (login) return void location.assign(login);
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-editor]");
}

// Everything anew: after a button, or when the choice of a field changes what is asked next. One after the other,
// each sending what the one before brought, so that two quick clicks are two changes.
let last = Promise.resolve();
let waiting = 0;
function rebuild(act, focus) {
  clearTimeout(timer);
  counting?.abort();
  waiting += 1;
  last = last.then(() => swap(act, focus)).catch(report).finally(() => (waiting -= 1));
}

async function swap(act, focus) {
  const sent = said();
  const fresh = await ask(act);
  if (!fresh) return;
  const open = new Set([...editor().querySelectorAll("details[open]")].map(placeOf));
  const now = said();
  const changed = [...now].filter(([key, state]) => sent.has(key) && sent.get(key) !== state);
  editor().replaceWith(fresh);
  for (const details of fresh.querySelectorAll("details")) if (open.has(placeOf(details))) details.open = true;
  const fields = new Map([...answers(fresh)]);
  for (const [key, state] of changed) if (fields.has(key)) put(fields.get(key), state); // said meanwhile: kept
  if (changed.length) later();
  (document.getElementById(focus) ?? fresh.querySelector(`[value="${CSS.escape(focus)}"]`))?.focus();
}

// Every field with a key of its own: boxes by their value, others by their position among those of the same name.
function* answers(form) {
  const seen = new Map();
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden" || field.type === "submit") continue;
    const number = seen.get(field.name) ?? 0;
    seen.set(field.name, number + 1);
    yield [`${field.name}|${field.type === "checkbox" ? field.value : number}`, field];
  }
}

function said() {
  const state = (field) => (field.type === "checkbox" ? String(field.checked) : field.value);
  return new Map([...answers(editor())].map(([key, field]) => [key, state(field)]));
}

function put(field, state) {
  if (field.type === "checkbox") field.checked = state === "true";
  else if (field.tagName !== "SELECT" || [...field.options].some((option) => option.value === state)) field.value = state;
}

// Only counts and the list of people: what is being typed stays untouched.
let counting = null;
async function recount() {
  if (waiting) return later();
  counting?.abort();
  counting = new AbortController();
  const fresh = await ask("count", counting.signal).catch(report);
  if (!fresh || waiting) return;
  for (const part of editor().querySelectorAll("[data-live]")) {
    const newer = fresh.querySelector(`#${CSS.escape(part.id)}`);
    if (newer) part.replaceChildren(...newer.childNodes);
  }
}

let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(recount, pause);
}

function report(error) {
  if (error.name !== "AbortError") console.error(error);
}

function placeOf(details) {
  return details.closest(".condition")?.querySelector("select")?.id ?? "";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-editor] button[name=act]");
  if (!button || button.value === "save") return;
  event.preventDefault();
  const [verb, place] = button.value.split(":");
  const parts = button.closest(".rule-group")?.querySelector(":scope > .rule-parts");
  const next = parts?.querySelectorAll(":scope > li > .condition, :scope > li > .rule-group").length ?? 0;
  const parent = (place ?? "").replace(/\.\d+$/, "");
  const focus = { add: `${place}.${next}.field`, group: `${place}.${next}.0.field`, remove: `add:${parent}` }[verb] ?? "";
  rebuild(button.value, focus);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-editor] [data-refresh]")) rebuild("refresh", event.target.id);
});

document.addEventListener("input", (event) => {
  if (!event.target.closest("[data-editor]") || event.target.matches("[data-refresh], #f-name, #f-description")) return;
  later();
});
