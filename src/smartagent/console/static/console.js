// SPDX-License-Identifier: Apache-2.0
// What a page can do beside its forms: copy, search while typing, keys, live views, a server that was lost.
// It writes no markup: what is new comes as a document from the server, and its nodes take the old ones' places.

const SEARCH_PAUSE_MS = 200;
const AGAIN_MS = 2000;
const PLACES = { o: "/console", p: "/console/approvals", a: "/console/agents", r: "/console/roles", s: "/console/secrets", l: "/console/audit" };

const lost = document.getElementById("lost");

function load(address) {
  // A document is parsed by the browser itself; nothing here turns text into markup.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = 15000;
    request.onload = () => resolve({ status: request.status, page: request.response });
    request.onerror = request.ontimeout = () => reject(new Error("no answer"));
    request.send();
  });
}

function busy() {
  const focused = document.activeElement;
  const writes = focused && focused.matches("input, select, textarea") && focused.closest("main");
  return writes || document.querySelector("main input[type=checkbox]:checked, dialog[open], main details[open]");
}

function put(id, page) {
  const old = document.getElementById(id);
  const fresh = page.getElementById(id);
  if (!old || !fresh) return;
  const node = document.importNode(fresh, true);
  old.replaceWith(node);
  enliven(node);
}

async function refresh() {
  if (busy()) return;
  const { status, page } = await load(location.href);
  if (status === 401) {
    location.reload();
  } else if (page && status < 500) {
    put("content", page);
  }
}

function enliven(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  for (const form of root.querySelectorAll("[data-search]")) searching(form);
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  const before = button.getAttribute("aria-label");
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    button.classList.remove("copied");
    button.setAttribute("aria-label", before);
  }, 1500);
}

function searching(form) {
  let timer = 0;
  let newest = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const fields = [...new FormData(form)].filter(([, value]) => value);
      const address = `${form.action}?${new URLSearchParams(fields)}`;
      const mine = ++newest;
      const { status, page } = await load(address).catch(() => ({ status: 0 }));
      if (mine !== newest || status !== 200) return;
      history.replaceState(null, "", address);
      put("found", page);
    }, SEARCH_PAUSE_MS);
  });
}

function keys() {
  let before = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const search = document.querySelector("[data-slash]");
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      document.getElementById("keys").showModal();
    } else if (before === "g" && PLACES[event.key]) {
      location.assign(PLACES[event.key]);
    }
    before = event.key;
  });
}

function theme() {
  const button = document.getElementById("theme");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // It holds for this page only, then.
    }
  });
}

function follow(topics) {
  const source = new EventSource("/console/live");
  source.addEventListener("open", () => {
    const returns = !lost.hidden;
    lost.hidden = true;
    document.body.dataset.following = "";
    if (returns) refresh().catch(() => {});
  });
  source.addEventListener("changed", (event) => {
    if (JSON.parse(event.data).some((topic) => topics.includes(topic))) refresh().catch(() => {});
  });
  source.addEventListener("ended", () => {
    source.close();
    again(topics);
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) again(topics);
    else lost.hidden = false;
  });
  addEventListener("pagehide", () => source.close());
}

function again(topics) {
  // The server said no, or is leaving: ask it for the page, which says why or comes back.
  setTimeout(async () => {
    try {
      const { status } = await load("/console/account");
      if (status === 401) location.reload();
      else follow(topics);
    } catch {
      lost.hidden = false;
      again(topics);
    }
  }, AGAIN_MS);
}

enliven(document);
keys();
theme();
if (document.body.dataset.live) follow(document.body.dataset.live.split(" "));
