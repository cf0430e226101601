// SPDX-License-Identifier: Apache-2.0
// Node's own fetch, with nothing set up: fetch.mjs <url>
const url = process.argv[2];
console.log((await (await fetch(`${url}/v1/files`)).json()).data[0].id);
console.log((await fetch(`${url}/v1/results`, { method: "POST", body: "x".repeat(100000) })).status);
