// SPDX-License-Identifier: Apache-2.0
// Writes down what TLS gives a program, decrypted: node --import listen.mjs program.mjs
import { appendFileSync } from "node:fs";
import { TLSSocket } from "node:tls";

const push = TLSSocket.prototype.push;
TLSSocket.prototype.push = function (data, ...more) {
  if (data) appendFileSync("heard", data);
  return push.call(this, data, ...more);
};
