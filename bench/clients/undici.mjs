// The load through undici's Pool. See support.mjs.
import { createRequire } from "node:module";
import { bodyLength, options, run } from "./support.mjs";

const { Pool } = createRequire(`${options.modules}/`)("undici");
const url = new URL(options.url);
const pool = new Pool(url.origin, {
  connections: options.inflight ?? options.connections, headersTimeout: 0, bodyTimeout: 0,
  connect: { rejectUnauthorized: !options.insecure, timeout: 120000 },
});
await run("undici", async () => {
  const { statusCode, body } = await pool.request({ path: url.pathname, method: "GET" });
  if (options.stream || options.save) return [statusCode, await bodyLength(body)];
  return [statusCode, (await body.arrayBuffer()).byteLength];
});
