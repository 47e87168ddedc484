// What `test_everyone.py` asks of a page: how it looks to who sees it large, in wider text, and to who does not see it.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (one) => one.checkVisibility({ visibilityProperty: true });
  const brief = (one) => one.outerHTML.slice(0, 100);
  // What is there for the ear alone is a pixel large; the words of the head's buttons are, on a telephone.
  const FOR_THE_EAR = ".unseen, .head .user span, .head .button span, .cards thead";

  window.everyone = {
    skeleton() {
      const isNamed = (one) => one.ariaLabel || document.getElementById(one.getAttribute("aria-labelledby"))?.textContent.trim();
      const regions = all("nav, section").filter((one) => isShown(one) && one.textContent.trim());
      return {
        lang: document.documentElement.lang,
        title: document.title,
        levels: all("h1, h2, h3, h4").filter(isShown).map((one) => Number(one.tagName[1])),
        landmarks: ["header", "main", "footer"].map((each) => all(`body > ${each}`).length),
        unnamed: regions.filter((one) => !isNamed(one)).map(brief),
        said: all("#flash[role=status]").length,
      };
    },
    wide: () => document.documentElement.scrollWidth,
    cutOff: () => all("main *, header *, nav *, footer *").filter((one) => {
      if (!isShown(one) || one.closest(FOR_THE_EAR) || one.closest("svg")) return false;
      const box = one.getBoundingClientRect();
      const clips = getComputedStyle(one).overflowX !== "visible" && !one.matches("input, select");
      return box.right > innerWidth + 1 || box.left < -1 || (clips && one.scrollWidth > one.clientWidth + 1);
    }).map(brief),
    // How much of the screen's height is taken for ever; the line that says « loading » takes nothing.
    fixed: () => all("body :not(#loading)").filter((one) => isShown(one) && getComputedStyle(one).position === "fixed")
      .reduce((sum, one) => sum + one.getBoundingClientRect().height, 0),
    widen(css) {
      const own = new CSSStyleSheet();
      own.replaceSync(css);
      document.adoptedStyleSheets = [own];
    },
    // What is wrong with the place of the focus, null where it has left the page.
    place() {
      const one = document.activeElement;
      if (one === document.body || one === document.documentElement) return null;
      const { left, right, top, bottom } = one.getBoundingClientRect(), style = getComputedStyle(one);
      const middle = (from, to, most) => (Math.max(from, 0) + Math.min(to, most)) / 2;
      const above = document.elementFromPoint(middle(left, right, innerWidth), middle(top, bottom, innerHeight));
      const isThere = one.contains(above) || above?.contains(one) || one.labels?.[0]?.contains(above);
      if (!(bottom > 0 && top < innerHeight && isThere)) return `${brief(one)} is under ${above ? brief(above) : "nothing"}`;
      return style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2 ? "" : `${brief(one)} has no outline`;
    },
    moving: () => all("head, body, body *").filter((one) => {
      const style = getComputedStyle(one);
      const lasting = style.transitionDuration.split(", ").some((each) => parseFloat(each) > .011);
      return lasting || style.animationName !== "none" || style.scrollBehavior === "smooth" || style.viewTransitionName !== "none";
    }).map(brief),
    swapped: () => new Promise((resolve) => {
      const look = () => (everyone.settled && !document.querySelector(".htmx-request") ? resolve() : setTimeout(look, 20));
      look();
    }),
    border(one) {
      const { borderTopStyle, borderTopWidth, borderTopColor, boxShadow, fontWeight } = getComputedStyle(one);
      return [borderTopStyle, parseFloat(borderTopWidth), borderTopColor, boxShadow, fontWeight];
    },
  };
  addEventListener("pagereveal", (event) => { everyone.faded = !!event.viewTransition; });
  document.addEventListener("htmx:after:settle", () => { everyone.settled = (everyone.settled ?? 0) + 1; });
})();
