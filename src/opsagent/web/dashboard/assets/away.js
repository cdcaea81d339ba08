// While the server cannot be heard nothing that is pressed arrives: so nothing is pressed, and nothing is sent late.
(() => {
  const WORDS = "Not connected: nothing you press arrives. On the server: opsagent pause";
  const PATIENCE_MS = 3000; // of a page that has just come; it is connected within a fraction of that, or not at all
  const WORKS = "a, summary, input, select, textarea, label, [data-copy]"; // what only the browser does
  const root = document.documentElement;
  const changed = new Set();
  let told = null;

  function leave() {
    if (told) return;
    told = document.createElement("div");
    told.className = "away";
    told.setAttribute("role", "alert");
    told.textContent = WORDS;
    document.body.prepend(told);
    root.dataset.away = "";
  }
  function come() {
    if (!told) return;
    told.remove();
    told = null;
    delete root.dataset.away;
    for (const field of changed)
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    changed.clear();
    document.activeElement?.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
  }
  // socket.io would keep what is sent while it is away, and send it all at once when it is back.
  function listen(socket) {
    const emit = socket.emit;
    socket.emit = (...sent) => (socket.connected ? emit.apply(socket, sent) : socket);
    socket.on("disconnect", leave);
    socket.on("connect", come);
    setTimeout(() => socket.connected || leave(), PATIENCE_MS);
  }
  new MutationObserver((_, observer) => {
    if (!window.socket) return;
    observer.disconnect();
    listen(window.socket);
  }).observe(root, { childList: true, subtree: true });

  const swallow = (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  addEventListener("click", (event) => told && !event.target.closest?.(WORKS) && swallow(event), true);
  addEventListener("keydown", (event) => {
    const writes = event.target.closest?.("input, select, textarea");
    const held = event.ctrlKey || event.altKey || event.metaKey;
    // Escape would close a sheet here, and not for the server.
    if (told && (event.key === "Escape" || (event.key.trim().length === 1 && !writes && !held))) swallow(event);
  }, true);
  addEventListener("input", (event) => told && changed.add(event.target), true);
})();
