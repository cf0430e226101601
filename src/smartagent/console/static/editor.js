// SPDX-License-Identifier: Apache-2.0
// A draft is checked while it is written.  What comes back is the editor's page, of which one part takes its place.

const PAUSE_MS = 400;
const form = document.querySelector("[data-editor]");
let timer = 0;
let newest = 0;

function check() {
  const mine = ++newest;
  const fields = new URLSearchParams(new FormData(form));
  fields.set("act", "check");
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.responseType = "document";
  request.setRequestHeader("content-type", "application/x-www-form-urlencoded");
  request.onload = () => {
    const fresh = request.response && request.response.getElementById("checked");
    if (mine === newest && fresh) document.getElementById("checked").replaceWith(document.importNode(fresh, true));
  };
  request.send(fields.toString());
}

form.addEventListener("input", (event) => {
  clearTimeout(timer);
  if (event.target.matches("textarea")) timer = setTimeout(check, PAUSE_MS);
});
