// SPDX-License-Identifier: Apache-2.0
// A coding agent in small, which knows nothing of a gateway: agent.mjs <url>
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const url = process.argv[2];
const files = await (await fetch(`${url}/v1/files`)).json();
const names = files.data.map(({ id }) => id);
const body = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: `what is in ${names}?` }] });
const headers = { "content-type": "application/json", authorization: "Bearer none-of-mine" };
const streamed = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body });
let events = "";
for await (const piece of streamed.body.pipeThrough(new TextDecoderStream())) events += piece;
const answer = events
  .split("\n\n")
  .filter((event) => event.startsWith("data: {"))
  .map((event) => JSON.parse(event.slice(6)).choices[0].delta.content)
  .join("");
spawnSync("git", ["clone", "-q", `${url}/git/notes.git`, "clone"], { stdio: "inherit" });
const result = `${names}: ${answer} ${readFileSync("clone/README")}`;
const posted = await fetch(`${url}/v1/results`, { method: "POST", body: result });
if (!posted.ok) throw new Error(`the result was not taken: ${posted.status}`);
writeFileSync("result.txt", `${result}\n${JSON.stringify(files)}`);
writeFileSync("environment.txt", JSON.stringify(process.env));
// A tool of its own that stays, so that somebody can look at it.
spawnSync("sh", ["-c", "echo done; cat"], { stdio: "inherit" });
