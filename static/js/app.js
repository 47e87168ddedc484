// What htmx leaves to us: the CSRF header, the focus after a swap, a word when a request fails, and what was typed when a
// session ends. The texts live in the templates, so that they are translated with the rest.

const flash = () => document.getElementById("flash");

function say(text, tone = "error") {
  const notice = document.createElement("p");
  notice.className = `notice notice-${tone}`;
  notice.textContent = text;
  flash().replaceChildren(notice);
}

let pressed; // A button that is off while its request is under way has lost the focus by the time of the answer.
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (ctx.request.method !== "GET") pressed = document.activeElement;
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

// Once the session has ended htmx would lead away, and what is typed would be lost. The dialog has one sign in again beside
// this page; back here, the page goes on with the new session, unless it is another account's.
document.addEventListener("htmx:after:request", (event) => {
  const { response, sourceElement } = event.detail.ctx;
  const dialog = document.getElementById("expired");
  if (response.status !== 401 || !dialog) return;
  event.preventDefault();
  if (dialog.open || ("quiet" in sourceElement.dataset && "seen" in dialog.dataset)) return;
  dialog.dataset.seen = "";
  dialog.addEventListener("close", () => pressed?.focus(), { once: true });
  dialog.showModal();
});

document.addEventListener("visibilitychange", async () => {
  const dialog = document.getElementById("expired");
  if (document.hidden || !("seen" in (dialog?.dataset ?? {}))) return;
  const answer = await fetch(location.href, { cache: "no-store" });
  const now = new DOMParser().parseFromString(await answer.text(), "text/html");
  const account = now.getElementById("expired")?.dataset.account;
  if (!account) return;
  if (account !== dialog.dataset.account) return location.reload();
  document.body.dataset.csrf = now.body.dataset.csrf;
  for (const field of document.querySelectorAll("[name=csrf_token]")) field.value = now.body.dataset.csrf;
  delete dialog.dataset.seen;
  dialog.close();
  say(flash().dataset.back, "good");
});

if (document.querySelector("[data-closes]")) window.close();
