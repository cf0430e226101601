// SPDX-License-Identifier: Apache-2.0
// WebSockets: Node's own, then npm's `ws` with Node's agent, which knows the proxy: socket.mjs <url>
import { createRequire } from "node:module";
import { globalAgent } from "node:https";

const url = `${process.argv[2].replace("https:", "wss:")}/v1/chat`;
const said = ["hello", "key?"];

function converse(socket) {
  return new Promise((resolve, reject) => {
    const heard = [];
    socket.onopen = () => said.forEach((text) => socket.send(text));
    socket.onerror = reject;
    socket.onmessage = ({ data }) => {
      heard.push(data);
      if (heard.length === said.length) {
        socket.close();
        resolve(heard);
      }
    };
  });
}

console.log((await converse(new WebSocket(url))).join(" "));
const Ws = createRequire(new URL("../node/", import.meta.url))("ws");
console.log((await converse(new Ws(url, { agent: globalAgent }))).join(" "));
process.exit(0);
