// SPDX-License-Identifier: Apache-2.0
// Deciding with the keyboard: j and k go from card to card, a and d ask about the one that is chosen.
// Nothing is decided here: the keys open the page that shows the card again.

let chosen = "";
let before = "";

function cards() {
  return [...document.querySelectorAll("[data-card]")];
}

function current() {
  const all = cards();
  return all.find((card) => card.contains(document.activeElement)) || all.find((card) => card.id === chosen) || (all.length === 1 ? all[0] : null);
}

function choose(card) {
  if (!card) return;
  chosen = card.id;
  card.focus();
  card.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = cards();
  const here = all.indexOf(current());
  choose(all[here < 0 ? 0 : Math.min(Math.max(here + by, 0), all.length - 1)]);
}

document.addEventListener("keydown", (event) => {
  const writing = event.target.matches("input:not([type=radio]), select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || writing || document.querySelector("dialog[open]")) return;
  const follows = before === "g";
  before = event.key;
  if (follows) return;
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "a" || event.key === "d") current()?.querySelector(event.key === "a" ? "[data-approve]" : "[data-deny]")?.click();
});

// When what is live was loaded again, the chosen card is another node: it stays the chosen one.
new MutationObserver(() => {
  if (document.activeElement === document.body && chosen) choose(document.getElementById(chosen));
}).observe(document.getElementById("main"), { childList: true });

// A pattern is written where it is chosen.
const pattern = document.querySelector("[data-decide] .pattern");
if (pattern) {
  const show = () => {
    pattern.hidden = !document.querySelector("[name=grant][value=pattern]").checked;
  };
  for (const each of document.querySelectorAll("[name=grant]")) each.addEventListener("change", show);
  show();
}
