// SPDX-License-Identifier: Apache-2.0
// What Node before 24 needs to read its proxy from the environment: node --import ./env-proxy.mjs program.mjs
import { createRequire } from "node:module";

const { EnvHttpProxyAgent, setGlobalDispatcher } = createRequire(new URL("../node/", import.meta.url))("undici");
setGlobalDispatcher(new EnvHttpProxyAgent());
