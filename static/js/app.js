// What htmx leaves to us: the CSRF header, the focus after a swap, and a word when a request fails.
// The texts live in templates/_flash.html, so that they are translated with the rest.

const flash = () => document.getElementById("flash");

function say(text) {
  const notice = document.createElement("p");
  notice.className = "notice notice-error";
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
  const { status } = ctx.response;
  if (status === 422 || "quiet" in ctx.sourceElement.dataset) return;
  const answer = new DOMParser().parseFromString(ctx.text, "text/html");
  const { expired, failed } = flash().dataset;
  say(status === 401 ? expired : answer.querySelector("#flash .notice")?.textContent ?? failed);
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx && !("quiet" in ctx.sourceElement.dataset)) say(flash().dataset.offline);
});
