// What a walk asks of a page, beside axe. To judge the colours of a long table costs more than all that a test does around
// it, so nothing is judged twice: what looks alike has the same contrast, on whichever page it is, and what axe reads of a
// page's tree, names and roles is the same on a telephone as long as the same elements are shown there. Sizes and what
// can be scrolled are measured there, where there is least room and a finger has to hit.
(() => {
  const COLOURS = { runOnly: ["color-contrast"] };
  const MEASURED = ["target-size", "scrollable-region-focusable"]; // axe leaves the first to who asks for it.
  const TREE = { rules: { "color-contrast": { enabled: false } } };
  const TREE_MEASURED = { rules: { ...TREE.rules, "target-size": { enabled: true } } };
  const OFF = ":disabled, [aria-disabled=true], [aria-disabled=true] *"; // Its contrast is nobody's concern (WCAG 1.4.3).
  let judged, shownOnTheDesk;

  // The looks that were found good, for as long as this visitor walks; a page without an address has no such memory.
  const hasMemory = location.protocol !== "about:";
  const good = () => (hasMemory ? JSON.parse(sessionStorage.looks ?? "[]") : []);

  const run = async (where, options) =>
    (await axe.run(where, { ...options, resultTypes: ["violations"] })).violations.map(
      ({ id, nodes }) => `${id}: ${JSON.stringify(nodes.map((node) => node.html.slice(0, 120)))}`);

  const isShown = (one) => one.checkVisibility({ visibilityProperty: true });

  const hasText = (one) => one.matches("input, select, textarea")
    || [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());

  // All that decides over the contrast of a text: its own colour and size, and whatever is painted behind or over it.
  const look = (one) => {
    const own = getComputedStyle(one), size = parseFloat(own.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && own.fontWeight >= 700);
    const parts = [own.color, own.webkitTextFillColor, own.textShadow, isLarge, one.matches(OFF) || !!one.closest("label")?.control?.disabled];
    for (let behind = one; behind; behind = behind.parentElement) {
      const style = getComputedStyle(behind);
      const { backgroundColor, backgroundImage, opacity, filter, mixBlendMode, position, clipPath } = style;
      const painted = [backgroundColor, backgroundImage, opacity, filter, mixBlendMode, position, clipPath].join();
      if (painted !== "rgba(0, 0, 0, 0),none,1,none,normal,static,none") parts.push(painted);
    }
    return parts.join(";");
  };

  // The first and the last of each look are judged, for one of them may be covered.
  const colours = async () => {
    const found = new Map();
    for (const one of document.body.querySelectorAll("*")) {
      if (!hasText(one) || !isShown(one)) continue;
      const key = look(one);
      if (!judged.has(key)) found.set(key, [found.get(key)?.[0] ?? one, one]);
    }
    if (!found.size) return [];
    const faults = await run({ include: [...new Set([...found.values()].flat())] }, COLOURS);
    for (const key of found.keys()) judged.add(key);
    if (!faults.length && hasMemory) sessionStorage.looks = JSON.stringify([...good(), ...found.keys()]);
    return faults;
  };

  const shown = () => [...document.querySelectorAll("*")].map((one) => Number(isShown(one))).join("");

  window.walks = {
    colours,
    async everything() {
      // Between two pages, and while a message appears, colours are mixed: axe reads those that stay.
      await Promise.allSettled(document.getAnimations().map((one) => one.finished));
      judged = new Set(good());
      shownOnTheDesk = shown();
      return [...await run(document, TREE), ...await colours()];
    },
    async onATelephone() {
      const rest = shown() === shownOnTheDesk ? { runOnly: MEASURED } : TREE_MEASURED;
      return [...await run(document, rest), ...await colours()];
    },
    widthAndStatus: () => [document.documentElement.scrollWidth, performance.getEntriesByType("navigation")[0]?.responseStatus],
  };
})();
