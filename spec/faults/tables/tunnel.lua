-- Proxies that are asked for a tunnel (CONNECT). All else that a proxy can say is
-- what an origin can, with the transport "proxy".
local SHORT = { timeout = { connect = 0.5, total = 2 } }
local BOUND = { timeout = { connect = 1, total = 2 } }

return {
  title = "Tunnels through a proxy",
  on = { "tunnel" },
  { "tunnel-good", "a good tunnel", "ok" },
  { "tunnel-http10", "`HTTP/1.0 200`", "ok" },
  { "tunnel-no-reason", "`HTTP/1.1 200`", "ok" },
  { "tunnel-299", "299", "ok" },
  { "tunnel-interim", "100 before it", "ok", cannot = "tunnel_interim" },
  { "tunnel-length", "a length, which means nothing there", "ok" },
  { "tunnel-chunked", "chunked, which means nothing there", "ok" },
  { "tunnel-403", "403", "proxy" },
  { "tunnel-407", "407", "proxy" },
  { "tunnel-302", "302", "proxy" },
  { "tunnel-502-endless", "502 with a body that does not come", "proxy or timeout",
    options = SHORT },
  { "tunnel-junk", "junk", "proxy" },
  { "tunnel-greeting", "another protocol's greeting", "proxy or timeout", options = SHORT },
  { "tunnel-close", "closed", "proxy" },
  { "tunnel-reset", "reset", "proxy" },
  { "tunnel-stall", "silence", "timeout", options = SHORT },
  { "tunnel-head-cut", "headers that are cut", "proxy" },
  { "tunnel-head-stall", "silence within the headers", "timeout", options = SHORT },
  { "tunnel-head-folded", "headers that begin with a blank", "proxy or timeout", options = SHORT },
  { "tunnel-head-giant", "a header of 400 KB", "proxy or too_large", options = SHORT },
  { "tunnel-established-close", "a tunnel that closes", "tls or proxy" },
  { "tunnel-established-stall", "a tunnel into silence", "timeout", options = SHORT },
  { "tunnel-established-junk", "a tunnel to no TLS", "tls", options = SHORT },
  -- libcurl reads these a byte at a time, without a pause, up to 300 KiB: 0.2 to 0.5 s.
  { "tunnel-endless-head", "headers without end",
    "proxy or too_large", options = BOUND, gap = 1 },
  { "tunnel-endless-interim", "100 without end", "proxy or too_large or timeout",
    options = BOUND },
  { "tunnel-endless-body", "403 with a body without end", "proxy", options = BOUND },
}
