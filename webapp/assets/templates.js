// The editor of a template: a fault's line found, values put in at the cursor, the preview kept up to date.
const form = document.querySelector("[data-editor]");
const source = form?.elements.source;
const preview = form?.querySelector("[data-preview]");
const frame = form?.querySelector("iframe");

// Lines are counted in the text, so that it scrolls to the one that is meant.
function goTo(line) {
  const lines = source.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  source.focus();
  source.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
  source.scrollTop = (line - 6) * parseFloat(getComputedStyle(source).lineHeight);
}

function insert(text) {
  source.focus();
  // execCommand keeps the browser's own undo; setRangeText would lose it
  if (!document.execCommand("insertText", false, text)) {
    source.setRangeText(text, source.selectionStart, source.selectionEnd, "end");
  }
  later();
}

let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => form.requestSubmit(preview), 900);
}

if (form) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    const word = event.target.closest("[data-insert]");
    if (link) {
      event.preventDefault();
      goTo(Number(link.dataset.line));
    } else if (word) {
      insert(word.dataset.insert);
    }
  });
  form.addEventListener("input", (event) => {
    if (["source", "subject", "preheader", "format"].includes(event.target.name)) later();
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-look]")) form.requestSubmit(preview);
    if (event.target.matches("[data-width]")) frame.classList.toggle("phone", event.target.value === "phone");
  });

  // Leaving with unsaved words asks first.
  const words = () => [...["subject", "preheader", "source"]].map((name) => form.elements[name].value).join("\0");
  const saved = form.querySelector(".is-invalid") ? "" : words();
  let isLeaving = false;
  form.addEventListener("submit", (event) => {
    if (event.submitter !== preview) isLeaving = true;
  });
  addEventListener("beforeunload", (event) => {
    if (!isLeaving && words() !== saved) event.preventDefault();
  });

  if (source.dataset.line) goTo(Number(source.dataset.line));
}
