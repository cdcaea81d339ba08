// What only the browser knows: the viewer's zone and theme, the clipboard, and where the focus is.
(() => {
  const root = document.documentElement;
  const theme = () => localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const paint = () => {
    root.dataset.theme = theme();
    window.Quasar?.Dark.set(theme() === "dark");
  };
  paint();
  addEventListener("DOMContentLoaded", paint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
  function say(time) {
    const at = new Date(time.dateTime);
    const seconds = (at - Date.now()) / 1000;
    const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size);
    const words = unit ? relative.format(Math.round(seconds / unit[1]), unit[0]) : seconds > 5 ? "in a moment" : "just now";
    if (time.textContent !== words) time.textContent = words;
    time.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  }
  const times = (under) => under.querySelectorAll?.("time[data-when]").forEach(say);
  // On a phone the places are wider than the screen: the one we are at is shown once, and then left alone.
  const revealed = new Set();
  function reveal(under) {
    for (const where of [".places", ".areas"]) {
      const one = `${where} [aria-current]`;
      const here = revealed.has(where) ? null : under.querySelector?.(one) ?? (under.matches?.(one) ? under : null);
      if (!here) continue;
      revealed.add(where);
      requestAnimationFrame(() => {
        const now = here.isConnected ? here : document.querySelector(one); // the places may have been drawn anew
        if (now) now.parentElement.scrollLeft = now.offsetLeft - now.parentElement.offsetLeft - 40;
      });
    }
  }
  // Fields that only some choice of another field needs; what is disabled is neither checked nor sent.
  function suit(form) {
    for (const part of form.querySelectorAll("[data-of]")) {
      const holds = (asked) => {
        const [name, values] = asked.split("=");
        return values.split("|").includes(form.elements[name]?.value);
      };
      part.hidden = part.disabled = !part.dataset.of.split(" ").every(holds);
    }
    const zone = form.elements.timezone;
    if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
  addEventListener("change", (event) => event.target.form && suit(event.target.form));
  // Before the browser paints, so that no time is seen to change its form.
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) {
      times(node);
      reveal(node);
      if (node.querySelector?.("[data-notify]")) bell();
      node.querySelectorAll?.("form").forEach(suit);
    }
  }).observe(root, { childList: true, subtree: true });
  setInterval(() => times(document), 15000);

  // Told by the browser, for whoever asked for it: one message when more wait than before, from one of the open pages.
  let waited = null;
  const able = "Notification" in window;
  const wished = () => able && localStorage.getItem("notify") === "on" && Notification.permission === "granted";
  function bell() {
    for (const button of document.querySelectorAll("[data-notify]")) {
      button.hidden = !able && isSecureContext;
      if (!button.hidden) button.setAttribute("aria-pressed", wished());
    }
  }
  function explain(words) {
    for (const place of document.querySelectorAll("[data-notify-words]")) {
      place.textContent = words;
      place.hidden = !words;
    }
  }
  function tell(words) {
    try {
      const told = new Notification("OpsAgent", { body: words, tag: "opsagent", icon: "/assets/icon.svg" });
      told.onclick = () => {
        window.focus();
        location.assign("/approvals");
      };
      return true;
    } catch {
      return false; // browsers of phones have the permission and not the means
    }
  }
  async function turn() {
    if (wished()) {
      localStorage.removeItem("notify");
      explain("");
    } else if (!isSecureContext) {
      explain("A browser tells you only over https. Set OpsAgent up behind a proxy with a certificate, or use a channel.");
    } else if ((await Notification.requestPermission()) !== "granted") {
      explain("Your browser does not let this page tell you. Allow notifications for it in the browser's settings.");
    } else if (tell("You are told here when something waits for you, while a page of OpsAgent is open.")) {
      localStorage.setItem("notify", "on");
      explain("");
    } else {
      explain("This browser cannot. Set a channel up that reaches your phone.");
    }
    bell();
  }
  function count() {
    const waiting = Number(/^\((\d+)\)/.exec(document.title)?.[1] ?? 0);
    if (waited !== null && waiting > waited && wished())
      tell(waiting === 1 ? "One question waits for you." : `${waiting} questions wait for you.`);
    waited = waiting;
  }
  addEventListener("DOMContentLoaded", () => {
    waited = Number(/^\((\d+)\)/.exec(document.title)?.[1] ?? 0);
    new MutationObserver(count).observe(document.head, { childList: true, subtree: true, characterData: true });
  });

  // Over http by a name a browser gives no clipboard, and anywhere it may refuse.
  async function copy(button) {
    const shown = button.closest("details, .copied").querySelector("pre");
    try {
      await navigator.clipboard.writeText(shown.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    } catch {
      getSelection().selectAllChildren(shown);
      button.textContent = "Select and copy it by hand";
    }
  }
  addEventListener("click", async (event) => {
    const pressed = event.target.closest?.("[data-theme-switch], [data-copy], [data-sign-out], [data-notify]");
    if (!pressed) return;
    if (pressed.matches("[data-theme-switch]")) {
      localStorage.setItem("theme", theme() === "dark" ? "light" : "dark");
      paint();
    } else if (pressed.matches("[data-notify]")) {
      await turn();
    } else if (pressed.matches("[data-copy]")) {
      await copy(pressed);
    } else {
      await fetch("/api/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": pressed.dataset.csrf } });
      window.written?.clear(); // the next one at this tab is somebody else
      location.assign("/login");
    }
  });

  // Here and not on the server: on a slow line the first letters of a note would arrive as answers.
  addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (key === "Escape" && target.matches?.(".note")) target.blur();
    if (key !== "n" || event.ctrlKey || event.altKey || event.metaKey) return;
    const note = document.querySelector(".chosen:not(.over) .note");
    if (!note || target.closest?.("input, select, textarea") || document.querySelector(".q-dialog")) return;
    event.preventDefault();
    note.focus();
  }, true);

  // Whoever reads the end of a talk follows it; whoever has gone up to read stays where they are.
  addEventListener("scroll", () => {
    root.dataset.reads = innerHeight + scrollY > document.body.scrollHeight - 200 ? "the end" : "above";
  });

  const whole = new WeakMap();
  addEventListener("input", (event) => {
    if (!event.target.matches?.(".find")) return;
    const output = event.target.closest("details").querySelector("pre");
    if (!whole.has(output)) whole.set(output, output.textContent);
    const wanted = event.target.value.toLowerCase();
    const lines = whole.get(output).split("\n");
    output.textContent = (wanted ? lines.filter((line) => line.toLowerCase().includes(wanted)) : lines).join("\n");
  });
})();
