-- What the specs of retries share: a server that answers as it is told, try by try, and what
-- came of asking it.
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local ms = require("multisock")

local attempted = {}

--- Has hostile.py for the specs of a `describe`.
-- @return server, client_of(retry, options), script(words, head), ask(client, words, head,
-- options), statuses(the same)
function attempted.hostile()
  local hostile, count = fixtures.hostile(), 0

  local function client_of(retry, options)
    options = options or {}
    options.retry = retry
    return ms.client(options)
  end

  -- A URL whose requests get these answers, one after the other.
  local function script(words, head)
    count = count + 1
    local key = tostring(count)
    return hostile.url(("/script?key=%s&words=%s&head=%s"):format(key, words,
      helper.escape(head or ""))), function()
      return ms.assert(ms.get(hostile.url("/script-log?key=" .. key))):json()
    end
  end

  -- What came of it, and how often the server was asked; response, err.
  local function ask(client, words, head, options)
    local url, log = script(words, head)
    local response, err = client:fetch(url, options)
    local status = response and response.status or err.kind
    if response then
      response:close()
    end
    return status, #log(), response, err
  end

  local function statuses(...)
    local status, tries = ask(...)
    return status, tries
  end

  return hostile, client_of, script, ask, statuses
end

return attempted
