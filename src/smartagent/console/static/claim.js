// SPDX-License-Identifier: Apache-2.0
// Claiming the house: a key that signs the claim once, and a passkey to come back with.
// The link's code stands in the address's fragment, which goes nowhere; it is taken out of the address at once.

const form = document.getElementById("claim");
const failed = document.getElementById("claim-failed");

function base64url(buffer) {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function hex(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function proof(issuer, code) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign"]);
  const publicKey = base64url(await crypto.subtle.exportKey("raw", pair.publicKey));
  const message = ["smartagent/v1/claim", issuer, await hex(code), publicKey].join("\n");
  const signature = await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, new TextEncoder().encode(message));
  return { public_key: publicKey, signature: base64url(signature) };
}

async function claim(code) {
  const options = JSON.parse(form.dataset.creation);
  const name = form.elements.namedItem("name").value.trim();
  options.user.name = options.user.displayName = name;
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await navigator.credentials.create({ publicKey });
  const body = { code, name, ...(await proof(form.dataset.issuer, code)), answer: credential.toJSON() };
  const answer = await fetch("/console/claim", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(`${problem.title || "It was refused."} ${problem.detail || ""}`);
  }
  location.assign("/console");
}

if (form && window.PublicKeyCredential) {
  const given = location.hash.slice(1);
  if (given) {
    history.replaceState(null, "", location.pathname);
    document.getElementById("link-field").hidden = true;
  }
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failed.hidden = true;
    const typed = form.elements.namedItem("link").value.trim();
    try {
      await claim(given || typed.slice(typed.indexOf("#") + 1));
    } catch (error) {
      failed.textContent = error.name === "NotAllowedError" ? "It was cancelled, or took too long. Try again." : error.message;
      failed.hidden = false;
    }
  });
}
