// What is written is kept in this tab until it is sent: neither a restart nor an hour in a pocket loses a word of it.
(() => {
  const FIELDS = "[data-keep]:not([type=password])";
  const START = "written ";
  const who = document.querySelector("meta[name=opsagent-who]")?.content; // another one at this tab sees none of it
  const place = (field) => `${START}${who} ${location.pathname}${location.search} ${field.dataset.keep}`;
  let discards = false;

  function keep(field) {
    if (field.value === field.defaultValue) return forget(field);
    if ("long" in field.dataset) field.dataset.unsaved = "";
    sessionStorage.setItem(place(field), JSON.stringify([field.value, field.dataset.over ?? ""]));
  }
  function forget(field) {
    delete field.dataset.unsaved;
    sessionStorage.removeItem(place(field));
  }
  function restore(field) {
    const [value, over] = JSON.parse(sessionStorage.getItem(place(field)) ?? "[]");
    if (value === undefined || value === field.value) return;
    field.value = value;
    field.dataset.over = over; // it was begun from that version, whatever the page has now
    field.dispatchEvent(new Event("input", { bubbles: true })); // the server learns of it as if it were typed
    if ("long" in field.dataset) window.Quasar?.Notify.create("What you had written here is back. It is not stored yet.");
  }
  const clear = () => Object.keys(sessionStorage).filter((key) => key.startsWith(START)).forEach((key) => sessionStorage.removeItem(key));
  window.written = { keep, forget, clear };

  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) {
      if (node.matches(FIELDS)) restore(node);
      node.querySelectorAll(FIELDS).forEach(restore);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
  addEventListener("input", (event) => event.target.matches?.(FIELDS) && keep(event.target));

  // What somebody writes for long is not lost by a slip of the thumb. A page that comes back by itself asks nothing.
  addEventListener("beforeunload", (event) => {
    const back = "away" in document.documentElement.dataset;
    if (!back && document.querySelector("[data-unsaved]")) event.preventDefault();
  });
  addEventListener("click", (event) => (discards = Boolean(event.target.closest?.("[data-discard]"))));
  addEventListener("pagehide", () => discards && document.querySelectorAll(FIELDS).forEach(forget));
})();
