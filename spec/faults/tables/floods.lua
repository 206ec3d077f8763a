-- HTTP/2: floods of frames.
local BOUND = { max_body = 4 * 1024 * 1024, timeout = { total = 2 } }
-- seen: see frames.lua.
local EITHER = "ok or protocol or closed"
local ANY = "too_large or protocol or closed"

return {
  title = "HTTP/2: floods",
  on = "h2",
  { "flood-settings", "SETTINGS, for 0.5 s", EITHER, seen = 2, options = BOUND },
  { "flood-ping", "PING, for 0.5 s", EITHER, seen = 2, options = BOUND },
  { "flood-ack", "10,000 acknowledgements of nothing", EITHER, seen = 2, options = BOUND },
  { "flood-window", "20,000 WINDOW_UPDATE", "ok", options = BOUND },
  { "flood-priority", "20,000 PRIORITY", EITHER, seen = 2, options = BOUND },
  { "flood-empty-data", "empty DATA, for 0.5 s", EITHER, options = BOUND },
  { "flood-padding", "padding alone, for 0.5 s", EITHER, options = BOUND },
  { "flood-rst", "10,000 RST_STREAM", "closed or protocol", seen = 2, options = BOUND },
  { "flood-unknown", "10,000 frames of unknown type", EITHER, seen = 2, options = BOUND },
  { "flood-continuation", "a header block without end", ANY, seen = 2, options = BOUND },
  { "flood-empty-continuation", "the same of empty frames", ANY, seen = 2, options = BOUND },
  { "flood-push", "1,000 pushes that were forbidden", "protocol or closed", seen = 2,
    options = BOUND },
  { "flood-interim", "103 without end", ANY .. " or timeout", options = BOUND },
  { "flood-trailers", "trailers without end", ANY, options = BOUND },
}
