-- Cookies. No jar was asked for: none is kept, and nothing else comes of them.
local H2 = { { "h2", "ok or too_large or protocol or closed" } }

return {
  title = "Cookies without a jar",
  on = "both",
  { "cookie-plain", "a cookie", "ok" },
  { "cookie-empty", "an empty Set-Cookie", "ok" },
  { "cookie-no-name", "without a name or a value", "ok" },
  { "cookie-other-domain", "for other domains", "ok" },
  { "cookie-prefixes", "`__Host-` and `__Secure-`, wrongly", "ok" },
  { "cookie-dates", "senseless dates", "ok" },
  { "cookie-controls", "control characters", "ok or protocol", but = H2 },
  { "cookie-giant", "60 KB", "ok", but = H2 },
  { "cookie-attributes", "6,000 attributes", "ok", but = H2 },
  { "cookie-many", "1,500 cookies", "ok", but = H2 },
}
