// The two doors: signing in, and setting a password by an invitation. Both ask the API for a session.
const form = document.getElementById("sign-in");
const trouble = document.getElementById("trouble");
const query = new URLSearchParams(location.search);

function target() {
  // Only a path of this server: `//elsewhere` and `/\elsewhere` would leave it.
  const wanted = query.get("next") ?? "/";
  if (!wanted.startsWith("/")) return "/";
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : "/";
}

function asked() {
  const fields = form.elements;
  if ("invitation" in form.dataset) {
    if (fields.password.value !== fields.again.value) throw new Error("The two passwords differ.");
    // The token stands behind the #, which no browser sends by itself and no log has.
    return ["/api/v1/session/invitation", { token: location.hash.slice(1), password: fields.password.value }];
  }
  const key = fields.key.value.trim();
  if (key) return ["/api/v1/session", { key }];
  const tenant = query.get("tenant");
  const person = { login: fields.login.value.trim(), password: fields.password.value };
  return ["/api/v1/session", tenant ? { ...person, tenant } : person];
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  trouble.hidden = true;
  const pressed = form.querySelector("button");
  pressed.disabled = true;
  try {
    const [path, body] = asked();
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return location.replace(target());
    const said = await answer.json();
    trouble.textContent = `${said.detail} ${said.fix}`;
  } catch (error) {
    const unreachable = error instanceof TypeError;
    trouble.textContent = unreachable ? "The server does not answer. Look whether it runs, and try again." : error.message;
  }
  trouble.hidden = false;
  pressed.disabled = false;
});
// Until here, Enter does nothing: a form without its script would be sent to where nobody takes it.
form.querySelector("button").disabled = false;

// Below everything else, so that nothing moves when the answer comes.
const elsewhere = document.getElementById("elsewhere");
if (elsewhere) {
  fetch("/api/v1/session/ways")
    .then((answer) => answer.json())
    .then(({ singleSignOn }) => {
      if (!singleSignOn) return;
      elsewhere.href = `${singleSignOn}?${new URLSearchParams({ to: target() })}`;
      elsewhere.hidden = false;
    })
    .catch(() => {}); // signing in says that the server does not answer
}
