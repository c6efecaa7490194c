// Runs on every page: htmx, the theme's switch, and small comforts. Nothing here is needed to do one's work.
import htmx from "htmx.org/dist/htmx.esm.js";

window.htmx = htmx;

const root = document.documentElement;

// Every change sent by htmx carries the token that the guard of admin pages asks for.
document.addEventListener("htmx:config:request", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  const request = event.detail.ctx.request;
  if (token && request.method !== "GET") request.headers["X-CSRFToken"] = token;
});

// The theme: automatic, light or dark; kept in this browser.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-switch]");
  if (!button) return;
  const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
  root.dataset.bsTheme = next;
  localStorage.setItem("theme", next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
  if (!localStorage.getItem("theme")) root.dataset.bsTheme = event.matches ? "dark" : "light";
});

// The drawer and open menus close with Escape or a click elsewhere; the focus goes back to what opened them.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (location.hash === "#menu") {
    location.hash = "";
    document.querySelector(".drawer-opener")?.focus();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// A form sends itself when a [data-submits] field changes (filters); without scripts its button does.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.target || event.submitter?.formTarget || event.defaultPrevented) return;
  if (form.dataset.isSent) return event.preventDefault();
  if ([...form.attributes].some((attribute) => attribute.name.startsWith("hx-"))) return;
  form.dataset.isSent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-is-sent]")) delete form.dataset.isSent;
});
