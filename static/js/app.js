// What htmx leaves to us: the CSRF header, the focus after a swap, a word when a request fails, and what was typed when a
// session ends. The texts live in the templates, so that they are translated with the rest.

const flash = () => document.getElementById("flash");

function say(text, tone = "error") {
  const notice = document.createElement("p");
  notice.className = `notice notice-${tone}`;
  notice.textContent = text;
  flash().replaceChildren(notice);
}

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (ctx.request.method !== "GET") ctx.request.headers["X-CSRFToken"] = document.body.dataset.csrf;
});

// Two presses within three seconds are one: the answer to the second would be shown in place of the first one's, and say
// of a code, a link or a session that it is used up. htmx sees to its own forms.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (event.timeStamp - form.dataset.pressedAt < 3000) event.preventDefault();
  else form.dataset.pressedAt = event.timeStamp;
});

// The first wrong field takes the focus, else what the answer marks with data-focus, unless htmx has put the focus back
// where it was. A whole new page is read from its beginning.
document.addEventListener("htmx:after:settle", ({ detail: { task, newContent } }) => {
  if (task.type !== "main") return;
  const nodes = newContent.filter((node) => node instanceof Element && node.isConnected); // A morph leaves its pattern behind.
  const first = (selector) => nodes.flatMap((node) => [...(node.matches(selector) ? [node] : []), ...node.querySelectorAll(selector)])[0];
  const wrong = first("[aria-invalid=true]");
  const kept = nodes.some((node) => node.contains(document.activeElement));
  const start = task.target === document.body ? document.getElementById("content") : null;
  const found = wrong?.matches("fieldset") ? wrong.querySelector("input") : wrong ?? (kept ? null : first("[data-focus]") ?? start);
  found?.focus();
});

// A failed request swaps nothing: what was typed stays. The server's own sentence is the best; a form refused with 422
// says so beside its fields.
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status === 422 || "quiet" in ctx.sourceElement.dataset) return;
  const answer = new DOMParser().parseFromString(ctx.text, "text/html");
  say(answer.querySelector("#flash .notice")?.textContent ?? flash().dataset.failed);
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx && !("quiet" in ctx.sourceElement.dataset)) say(flash().dataset.offline);
});

// Once the session has ended htmx would lead away at once. The dialog asks first, and the same account finds what was
// typed again in this tab, on the page of its own that a form may have (data-page); secrets are not kept.
const KEPT = "typed";
const fields = () => [...document.querySelectorAll("main form [name]")].filter((field) => !["hidden", "password", "submit"].includes(field.type));
const property = (field) => (["checkbox", "radio"].includes(field.type) ? "checked" : "value");
const nameOf = (field) => [field.form.getAttribute("action"), field.name, property(field) === "checked" ? field.value : ""].join(" ");

document.addEventListener("htmx:after:request", (event) => {
  const { response, sourceElement } = event.detail.ctx;
  const dialog = document.getElementById("expired");
  if (response.status !== 401 || !dialog) return;
  event.preventDefault();
  const way = new URL(response.headers.get("HX-Redirect"), location);
  const page = sourceElement.closest("[data-page]")?.dataset.page;
  if (page) way.searchParams.set("next", page);
  const typed = fields().map((field) => [nameOf(field), field[property(field)]]);
  sessionStorage.setItem(KEPT, JSON.stringify({ account: document.body.dataset.account, page: page ?? location.pathname, typed }));
  dialog.querySelector("a").href = way.href;
  if (!dialog.open) dialog.showModal();
});

// Another kind of buyer or country brings other fields: what was typed into them follows once they are there.
function restore(typed) {
  const changed = fields().filter((field) => {
    const before = typed.get(nameOf(field));
    if (before === undefined || before === field[property(field)]) return false;
    field[property(field)] = before;
    return true;
  });
  changed.find((field) => field.checked || field.matches("select"))?.dispatchEvent(new Event("change", { bubbles: true }));
  return changed.length;
}

window.addEventListener("load", () => {
  const { account } = document.body.dataset;
  const kept = account && JSON.parse(sessionStorage.getItem(KEPT));
  if (!kept) return;
  sessionStorage.removeItem(KEPT);
  if (kept.account !== account || kept.page !== location.pathname) return;
  const typed = new Map(kept.typed);
  document.addEventListener("htmx:after:settle", () => restore(typed), { once: true });
  if (restore(typed)) say(flash().dataset.restored, "info");
});
