// SPDX-License-Identifier: Apache-2.0
// Signing in with a passkey, and adding one.

const failed = document.getElementById("passkey-failed");

function say(text) {
  failed.textContent = text;
  failed.hidden = false;
}

async function send(address, body, headers = {}) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (answer.ok) return;
  const problem = await answer.json().catch(() => ({}));
  throw new Error(`${problem.title || "It was refused."} ${problem.detail || ""}`);
}

async function guarded(act) {
  failed.hidden = true;
  try {
    await act();
  } catch (error) {
    say(error.name === "NotAllowedError" ? "It was cancelled, or took too long. Try again." : error.message);
  }
}

const use = document.getElementById("use-passkey");
if (use && window.PublicKeyCredential) {
  document.getElementById("with-passkey").hidden = false;
  use.addEventListener("click", () => guarded(async () => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(use.dataset.request));
    const credential = await navigator.credentials.get({ publicKey });
    await send("/console/sign-in/passkey", { answer: credential.toJSON() });
    if (location.pathname === "/console/sign-in") location.assign("/console");
    else location.reload();
  }));
}

const add = document.getElementById("add-passkey");
if (add && window.PublicKeyCredential) {
  add.hidden = false;
  add.addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(async () => {
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(add.dataset.creation));
      const credential = await navigator.credentials.create({ publicKey });
      const name = add.elements.namedItem("name").value;
      const csrf = add.elements.namedItem("csrf").value;
      await send("/console/account/passkeys", { name, answer: credential.toJSON() }, { "x-csrf": csrf });
      location.reload();
    });
  });
}
