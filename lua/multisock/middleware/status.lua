-- `fail_on_error`: an answer that says no is an error.
local errors = require("multisock.errors")

local status = {}

local function check(response, err)
  if response and response.status >= 400 then
    return nil, errors.new("status", ("HTTP status %d %s"):format(response.status,
      response.status_text), {
        url = response.url, attempts = response.attempts, response = response, phase = "receive",
        retryable = response.status >= 500 or response.status == 429,
      })
  end
  return response, err
end

--- @param next what it is put in front of @return function(request) -> response; or nil, err
function status.wrap(next)
  return function(request)
    if request.settings.fail_on_error then
      return check(next(request))
    end
    return next(request)
  end
end

return status
