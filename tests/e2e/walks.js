// What a walk asks of a page, beside axe. axe looks at every element anew each time, which costs more than all else that a
// test does; so nothing is judged twice. What looks alike has the same contrast, on whichever page it is: a look that was
// found good is good. What axe reads of a page's tree, names and roles is the same on a telephone as long as the same
// elements are shown there. Sizes and what can be scrolled are measured there, where there is least room and a finger has
// to hit; and axe knows the exceptions to a target's 24 pixels (WCAG 2.5.8), so it is asked where one is smaller.
(() => {
  const OFF = ":disabled, [aria-disabled=true], [aria-disabled=true] *"; // Its contrast is nobody's concern (WCAG 1.4.3).
  const TARGETS = "a[href], button, input, select, textarea, summary, [role=button], [role=link]";
  let judged, shownOnTheDesk;

  // Looks are remembered for as long as this visitor walks; a page without an address has no such memory.
  const hasMemory = location.protocol !== "about:";
  const good = () => (hasMemory ? JSON.parse(sessionStorage.looks ?? "[]") : []);

  const isShown = (one) => one.checkVisibility({ visibilityProperty: true });
  const shown = () => [...document.querySelectorAll("*")].map((one) => Number(isShown(one))).join("");

  const hasText = (one) => one.matches("input, select, textarea")
    || [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());

  const isSmall = (one) => {
    const { width, height } = one.getBoundingClientRect();
    return isShown(one) && (width < 24 || height < 24);
  };

  // All that decides over the contrast of a text: its own colour and size, and whatever is painted behind or over it.
  const look = (one) => {
    const own = getComputedStyle(one), size = parseFloat(own.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && own.fontWeight >= 700);
    const isOff = one.matches(OFF) || !!one.closest("label")?.control?.disabled;
    const parts = [own.color, own.webkitTextFillColor, own.textShadow, isLarge, isOff];
    for (let behind = one; behind; behind = behind.parentElement) {
      const style = getComputedStyle(behind);
      const { backgroundColor, backgroundImage, opacity, filter, mixBlendMode, position, clipPath } = style;
      const painted = [backgroundColor, backgroundImage, opacity, filter, mixBlendMode, position, clipPath].join();
      if (painted !== "rgba(0, 0, 0, 0),none,1,none,normal,static,none") parts.push(painted);
    }
    return parts.join(";");
  };

  // The first and the last element of each look that was not judged yet: one of them may be covered.
  const newLooks = () => {
    const found = new Map();
    for (const one of document.body.querySelectorAll("*")) {
      if (!hasText(one) || !isShown(one)) continue;
      const key = look(one);
      if (!judged.has(key)) found.set(key, [found.get(key)?.[0] ?? one, one]);
    }
    return found;
  };

  // One run for everything, since half of its work is to find out what lies where: `options`, and colours where they are new.
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-new-look]" }] });
  const faults = async ({ rules, runOnly }) => {
    const looks = newLooks(), marked = [...looks.values()].flat();
    const only = runOnly && [...runOnly, ...(marked.length ? ["color-contrast"] : [])];
    if (only?.length === 0) return [];
    const options = only ? { runOnly: only } : { rules: { ...rules, "color-contrast": { enabled: marked.length > 0 } } };
    for (const one of marked) one.dataset.newLook = "";
    const { violations } = await axe.run(document, { ...options, resultTypes: ["violations"] });
    for (const one of marked) delete one.dataset.newLook;
    for (const key of looks.keys()) judged.add(key);
    const areGood = !violations.some(({ id }) => id === "color-contrast");
    if (areGood && marked.length && hasMemory) sessionStorage.looks = JSON.stringify([...good(), ...looks.keys()]);
    return violations.map(({ id, nodes }) => `${id}: ${JSON.stringify(nodes.map((node) => node.html.slice(0, 120)))}`);
  };

  window.walks = {
    async everything() {
      // Between two pages, and while a message appears, colours are mixed: axe reads those that stay.
      await Promise.allSettled(document.getAnimations().map((one) => one.finished));
      judged = new Set(good());
      shownOnTheDesk = shown();
      return faults({});
    },
    colours: () => faults({ runOnly: [] }),
    onATelephone() {
      const size = [...document.querySelectorAll(TARGETS)].some(isSmall) ? ["target-size"] : [];
      if (shown() === shownOnTheDesk) return faults({ runOnly: ["scrollable-region-focusable", ...size] });
      return faults({ rules: Object.fromEntries(size.map((id) => [id, { enabled: true }])) });
    },
    widthAndStatus: () => [document.documentElement.scrollWidth, performance.getEntriesByType("navigation")[0]?.responseStatus],
  };
})();
