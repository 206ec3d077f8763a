-- A call of a client, of which anything may be asked: a request is made of it, and passes the
-- client's chain. What is nothing but a URL, or says nothing unusual, goes shorter ways:
-- url_only.lua and usual.lua.
local errors = require("multisock.base.errors")
local new_request = require("multisock.request").new

local calls = {}

--- What becomes of a request: one that is good comes alone, whatever a middleware returned
-- beside it, and whoever gets an error finds the request there.
-- @return response; or nil (false of a middleware), err
function calls.outcome(made, response, err)
  if response then
    return response
  elseif errors.is(err) then
    err.request = made
  end
  return response, err
end
local outcome = calls.outcome

--- Has a request pass its client's chain. @return response; or nil, err
function calls.pass(made)
  return outcome(made, made.client.handler(made))
end
local pass = calls.pass

--- Reads what a call asks for, and sends it.
-- @param method? string: that of the call; nil: that of the options, or what goes with the body
-- @param url, options any
-- @return response; or nil, err @raise on misuse
function calls.any(client, method, url, options)
  local made, err = new_request(client, method, url, options)
  if not made then
    return nil, err
  end
  return pass(made)
end

return calls
