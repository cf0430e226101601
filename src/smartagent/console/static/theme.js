// SPDX-License-Identifier: Apache-2.0
// Before the page is drawn: light or dark, as somebody chose; else as the system says.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // A browser that keeps nothing follows the system.
  }
})();
