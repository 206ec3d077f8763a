-- `fail_on_error`: an answer that says no is an error.
local errors = require("multisock.base.errors")

local status = {}

--- "HTTP status 404 Not Found", or without a reason phrase where there is none.
function status.text(response)
  local reason = response.status_text
  return ("HTTP status %d%s"):format(response.status, reason == "" and "" or " " .. reason)
end

--- @return what it was given; or nil, err
function status.check(response, err)
  if response and response.status >= 400 then
    return nil, errors.new("status", status.text(response), {
      url = response.url, attempts = response.attempts, response = response, phase = "receive",
      retryable = response.status >= 500 or response.status == 429,
    })
  end
  return response, err
end

return status
