// The load through node's own fetch. See support.mjs.
import { bodyLength, options, run } from "./support.mjs";

if (options.insecure) process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
process.removeAllListeners("warning");
await run("fetch", async () => {
  const response = await fetch(options.url);
  if (options.stream || options.save) return [response.status, await bodyLength(response.body)];
  return [response.status, (await response.arrayBuffer()).byteLength];
});
