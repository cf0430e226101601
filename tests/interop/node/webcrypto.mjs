// SPDX-License-Identifier: Apache-2.0
// Node 18 has WebCrypto, but not under its global names; what is imported after this finds it there.

import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
