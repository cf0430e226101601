// SPDX-License-Identifier: Apache-2.0
// npm's undici with its agent that reads the environment: undici.mjs <url>
import { createRequire } from "node:module";

const { EnvHttpProxyAgent, request } = createRequire(new URL("../node/", import.meta.url))("undici");
const url = process.argv[2];
const dispatcher = new EnvHttpProxyAgent();
console.log((await (await request(`${url}/v1/files`, { dispatcher })).body.json()).data[0].id);
console.log((await request(`${url}/v1/results`, { dispatcher, method: "POST", body: "x".repeat(100000) })).statusCode);
await dispatcher.close();
