// What the node clients share: the command line, what counts, and the line of
// JSON, which is that of tally.c.
import { readFileSync, createWriteStream } from "node:fs";
import { once } from "node:events";
import { parseArgs } from "node:util";

const text = { type: "string" }, flag = { type: "boolean" };
export const { values: options } = parseArgs({ options: {
  url: text, connections: text, seconds: text, requests: text, inflight: text, length: text,
  save: text, modules: text, buffer: text, insecure: flag, http2: flag, bare: flag, stream: flag,
} });
for (const name of ["connections", "seconds", "requests", "inflight", "length"])
  if (options[name] !== undefined) options[name] = Number(options[name]);
// The just-in-time compiler needs longer than the others' warm-up.
const WARM_UP = 1000, SAMPLE = 16;

const peakKb = () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status"))[1]);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// The length of a body that is an async iterable of chunks.
export async function bodyLength(body) {
  let length = 0;
  const file = options.save && createWriteStream(options.save);
  for await (const chunk of body) {
    length += chunk.length;
    if (file && !file.write(chunk)) await once(file, "drain");
  }
  if (file) { file.end(); await once(file, "close"); }
  return length;
}

// Runs the load: perform() fetches once and returns [status, length].
export async function run(client, perform) {
  let left = options.inflight ?? options.requests ?? Infinity;
  let expected = options.length, requests = 0, errors = 0, turn = 0, measuring = false;
  let began, usage, seconds;
  const latency = [];
  const failed = (reason) => { if (!errors++) console.error(`${client}: ${reason}`); };
  const open = () => { measuring = true; began = performance.now(); usage = process.cpuUsage(); };
  const close = () => {
    seconds = (performance.now() - began) / 1000; usage = process.cpuUsage(usage);
    measuring = false; left = 0;
  };
  async function worker() {
    while (left > 0) {
      left--;
      const started = turn++ % SAMPLE === 0 ? performance.now() : 0;
      try {
        const [status, length] = await perform();
        expected ??= length;
        if (status !== 200 || length !== expected) failed(`status ${status}, ${length} bytes`);
        else if (measuring) { requests++; if (started) latency.push(performance.now() - started); }
      } catch (error) { failed(error.cause ?? error); }
    }
  }
  if (!options.seconds) open();
  const workers = Array.from({ length: options.inflight ?? options.connections }, worker);
  if (options.seconds) {
    await sleep(WARM_UP); open(); await sleep(options.seconds * 1000); close();
  }
  await Promise.all(workers);
  if (!options.seconds) close();
  latency.sort((a, b) => a - b);
  const at = (share) => latency[Math.min(Math.floor(share * latency.length), latency.length - 1)]
    ?? null;
  const each = Math.max(requests, 1);
  console.log(JSON.stringify({ client, requests, errors, seconds, rate: requests / seconds,
    cpu_us_per_request: (usage.user + usage.system) / each, user_us_per_request: usage.user / each,
    max_rss_kb: peakKb(), p50_ms: at(0.5), p99_ms: at(0.99) }));
  process.exit(errors ? 1 : 0);
}
