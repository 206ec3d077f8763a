-- `fail_on_error`: an answer that says no is an error.
local errors = require("multisock.base.errors")

local status = {}

--- @return what it was given; or nil, err
function status.check(response, err)
  if response and response.status >= 400 then
    return nil, errors.new("status", ("HTTP status %d %s"):format(response.status,
      response.status_text), {
        url = response.url, attempts = response.attempts, response = response, phase = "receive",
        retryable = response.status >= 500 or response.status == 429,
      })
  end
  return response, err
end

return status
