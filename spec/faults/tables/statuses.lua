-- Status lines, and what is none.
local function clean(response)
  if response.status_text:find("%c") then
    return "the reason has control characters"
  end
end

local EITHER = "ok or protocol"

return {
  title = "Status lines",
  on = "h1",
  { "status-two-spaces", "`HTTP/1.1  200 OK`", EITHER },
  { "status-tab", "a tab before the status", EITHER },
  { "status-no-reason", "`HTTP/1.1 200`", "ok" },
  { "status-empty-reason", "`HTTP/1.1 200 `", "ok" },
  { "status-lower-case", "`http/1.1 200 OK`", "protocol" },
  { "status-099", "status 099", "protocol" },
  { "status-999", "status 999", "999 or protocol" },
  { "status-1000", "status 1000", "protocol" },
  { "status-two-digits", "status 20", "protocol" },
  { "status-no-digits", "status abc", "protocol" },
  { "status-negative", "status -200", "protocol" },
  { "status-no-status", "`HTTP/1.1`", "protocol" },
  { "status-version-2", "`HTTP/2 200 OK` where HTTP/1.1 is spoken", "protocol" },
  { "status-version-2.0", "`HTTP/2.0 200 OK`", "protocol" },
  { "status-version-3", "`HTTP/3 200 OK`", "protocol" },
  { "status-version-1.2", "`HTTP/1.2 200 OK`", EITHER },
  { "status-version-9.9", "`HTTP/9.9 200 OK`", "protocol" },
  { "status-version-none", "`HTTP 200 OK`", "protocol" },
  { "status-icy", "`ICY 200 OK`", "protocol" },
  { "status-leading-blank", "a blank before `HTTP`", "protocol" },
  { "status-after-blank-lines", "empty lines before it", EITHER },
  { "status-nul", "NUL in the reason", EITHER, check = clean },
  { "status-giant", "a reason of 90 KB", "ok or too_large" },
  { "status-giant-blanks", "a reason of 90 KB of blanks", "ok or too_large" },
  { "http09", "a body without any header (HTTP/0.9)", "protocol" },
  { "other-greeting", "the greeting of another protocol", "protocol" },
  { "binary", "binary bytes", "protocol" },
  { "tls-record", "an alert of TLS", "protocol" },
  { "request-back", "a request", "protocol" },
}
