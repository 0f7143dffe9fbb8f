"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, where = document) => Array.from(where.querySelectorAll(selector));
  root.classList.add("scripted");

  // language and light or dark
  for (const button of all("[data-set-language]")) {
    button.addEventListener("click", () => {
      root.dataset.language = root.lang = button.dataset.setLanguage;
      for (const other of all("[data-set-language]")) other.setAttribute("aria-pressed", String(other === button));
      for (const flow of all(".flow[data-arm]")) flow.begin(); // each language has a graph of its own
    });
  }
  document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // the marked part of a long line of code begins in sight
  const showMarks = () => {
    for (const code of all(".excerpt")) {
      const mark = code.querySelector("mark");
      if (!mark || !code.clientWidth || code.dataset.shown) continue;
      code.dataset.shown = "1";
      const left = mark.getBoundingClientRect().left - code.getBoundingClientRect().left;
      const beyond = left + Math.min(mark.offsetWidth, 0.7 * code.clientWidth) - code.clientWidth + 16;
      if (beyond > 0) code.scrollLeft = beyond;
    }
  };
  showMarks();

  // one tab an arm; without this script all arms stand below each other
  const tabs = all("[role=tab]");
  const openTab = (tab) => {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    for (const flow of all(".flow[data-arm]", document.getElementById(tab.getAttribute("aria-controls")))) flow.begin();
    showMarks();
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => openTab(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = event.key === "Home" ? tabs[0] : event.key === "End" ? tabs[tabs.length - 1]
        : step ? tabs[(index + step + tabs.length) % tabs.length] : null;
      if (!next) return;
      event.preventDefault();
      next.focus();
      openTab(next);
    });
  });

  const wire = (flow) => {
    const canvas = flow.querySelector(".canvas");
    const svg = canvas.querySelector("svg");
    const whole = svg.viewBox.baseVal;
    const home = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
    let view = { ...home };
    let begun = false;
    svg.setAttribute("preserveAspectRatio", "xMidYMid meet");
    svg.setAttribute("tabindex", "-1"); // its frame and its nodes are stops for the Tab key; it is none itself

    // a flat graph gets a flat window
    const shape = () => {
      if (!canvas.clientWidth) return;
      const tallest = Math.min(416, 0.7 * innerHeight);
      const wanted = canvas.clientWidth * home.height / home.width;
      svg.style.height = `${Math.round(Math.max(240, Math.min(tallest, wanted + 24)))}px`;
    };
    const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
    const scale = () => Math.min(canvas.clientWidth / view.width, svg.clientHeight / view.height) || 1;
    const zoom = (factor, x = view.x + view.width / 2, y = view.y + view.height / 2) => {
      const width = Math.min(home.width * 1.5, Math.max(120, view.width / factor));
      const ratio = width / view.width;
      view = { x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio, width, height: view.height * ratio };
      show();
    };
    const fit = () => { view = { ...home }; show(); };
    const move = (dx, dy) => { view.x += dx / scale(); view.y += dy / scale(); show(); };
    const middle = (node) => {
      const box = node.getBBox();
      const at = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2)
        .matrixTransform(svg.getScreenCTM().inverse().multiply(node.getScreenCTM()));
      return at;
    };
    const look = (node, size = 1) => {
      const at = middle(node);
      const width = canvas.clientWidth / size;
      const height = svg.clientHeight / size;
      view = { x: at.x - width / 2, y: at.y - height / 2, width, height };
      if (width >= home.width) view.x = home.x + (home.width - width) / 2;
      else view.x = Math.min(Math.max(view.x, home.x), home.x + home.width - width);
      if (height >= home.height) view.y = home.y + (home.height - height) / 2;
      show();
    };
    const firstCut = () => svg.querySelector(".node.p-cut:not(.off)");
    const toCut = () => { const cut = firstCut(); if (cut) look(cut, 1.1); else fit(); };

    // a graph too wide to read as a whole opens at its first cut, or else at its loss
    flow.begin = () => {
      if (begun || !canvas.clientWidth) return;
      begun = true;
      shape();
      const start = firstCut() || svg.querySelector(".node.term");
      if (scale() < 0.55 && start) look(start, 0.9);
    };

    const choose = (node) => {
      for (const other of all(".node.chosen", svg)) other.classList.remove("chosen");
      for (const detail of all(".detail", flow)) detail.hidden = !node || detail.dataset.node !== node.dataset.node;
      if (node) node.classList.add("chosen");
    };

    let moved = 0;
    const pointers = new Map();
    svg.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event);
      moved = 0;
    });
    svg.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      if (pointers.size === 2) {
        const [a, b] = pointers.values();
        const apart = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        pointers.set(event.pointerId, event);
        const [c, d] = pointers.values();
        zoom(Math.hypot(c.clientX - d.clientX, c.clientY - d.clientY) / Math.max(1, apart));
        moved = 99;
        return;
      }
      moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
      if (moved > 4) {
        // taken only once it is a drag, so that a click still reaches its node
        if (!svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
        canvas.classList.add("dragging");
        move(before.clientX - event.clientX, before.clientY - event.clientY);
      }
      pointers.set(event.pointerId, event);
    });
    const release = (event) => { pointers.delete(event.pointerId); canvas.classList.remove("dragging"); };
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) svg.addEventListener(end, release);
    svg.addEventListener("click", (event) => {
      if (moved > 4) return;
      const node = event.target.closest(".node");
      choose(node);
      const detail = node && flow.querySelector(".detail:not([hidden])");
      if (detail) detail.scrollIntoView({ block: "nearest" });
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      zoom(Math.exp(-event.deltaY / 300), at.x, at.y);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const node = event.target.closest(".node");
      const keys = {
        ArrowLeft: () => move(-60, 0), ArrowRight: () => move(60, 0), ArrowUp: () => move(0, -60), ArrowDown: () => move(0, 60),
        "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": fit, Escape: () => choose(null),
        Enter: () => node && choose(node), " ": () => node && choose(node),
      };
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    svg.addEventListener("focusin", (event) => {
      const node = event.target.closest(".node");
      if (!node || !node.matches(":focus-visible")) return;
      const box = node.getBoundingClientRect();
      const frame = canvas.getBoundingClientRect();
      if (box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom) look(node, Math.max(0.8, scale()));
    });
    for (const button of all("[data-zoom]", flow)) {
      const action = { in: () => zoom(1.3), out: () => zoom(1 / 1.3), fit, cut: toCut }[button.dataset.zoom];
      button.addEventListener("click", action);
    }

    // what leads only to other terms is hidden
    const terms = new Map(all(".detail", flow).map((detail) => [detail.dataset.node, JSON.parse(detail.dataset.terms)]));
    const filters = all("[data-term]", flow);
    for (const button of filters) {
      button.addEventListener("click", () => {
        const wanted = button.dataset.term;
        for (const other of filters) other.setAttribute("aria-pressed", String(other === button));
        const hidden = (name) => wanted !== "" && !(terms.get(name) || []).includes(wanted);
        for (const node of all(".node", svg)) node.classList.toggle("off", hidden(node.dataset.node));
        for (const edge of all(".edge", svg)) edge.classList.toggle("off", hidden(edge.dataset.from) || hidden(edge.dataset.to));
        const chosen = svg.querySelector(".node.chosen");
        if (chosen && chosen.classList.contains("off")) choose(null);
      });
    }
    addEventListener("resize", shape);
    addEventListener("beforeprint", () => { svg.style.height = ""; fit(); });
    addEventListener("afterprint", shape);
  };
  for (const flow of all(".flow[data-arm]")) wire(flow);
  if (tabs.length) openTab(tabs[0]);
  else for (const flow of all(".flow[data-arm]")) flow.begin();
})();
