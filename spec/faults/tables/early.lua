-- Answers that do not wait for the request's body, and servers that do not read it.
local MIB = 1024 * 1024
local UNREAD = { timeout = { first_byte = 0.4, total = 1 } }
local BODY = "too large\n"

return {
  title = "Uploads that are not waited for",
  on = "h1",
  { "early-413-close", "413, and a reset with the body unread", "413 or closed", body = BODY,
    up = 4 * MIB, again = true },
  { "early-413-linger", "413, and a close; the body is read", "413", body = BODY, up = 4 * MIB },
  { "early-413-keep", "413, and the connection stays", "413", body = BODY, up = 4 * MIB },
  { "early-413", "413; the body is read on", "413", body = BODY, up = 4 * MIB, on = "h2" },
  { "early-413-reset", "413 and RST_STREAM(NO_ERROR)", "413", body = BODY, up = 4 * MIB,
    on = "h2" },
  { "early-413-cancel", "413 and RST_STREAM(CANCEL)", "413 or closed", body = BODY, up = 4 * MIB,
    on = "h2" },
  { "early-200", "200 before the body", "ok", up = 4 * MIB, on = "both" },
  { "early-reset", "reset before the body", "closed", up = 4 * MIB, on = "both", again = true },
  { "early-goaway", "GOAWAY: nothing was processed", "closed or protocol", up = 4 * MIB, on = "h2",
    seen = 6 },
  { "early-reset-in-body", "reset within the body", "closed", up = 4 * MIB, again = true },
  { "early-close", "closed, with the body unread", "closed", up = 4 * MIB, again = true },
  { "early-redirect", "303 before the body", "moved", up = 4 * MIB },
  { "unread", "neither read nor answered", "timeout", up = 8 * MIB, options = UNREAD, memory = 48,
    on = "both" },
  { "slow-reader", "reads the body late", "ok", up = 4 * MIB },
  { "half-answer-while-sending", "half of the answer before the body", "ok", on = "both" },
}
