-- What ms.oauth2 takes, checked: oauth2/init.lua.
local errors = require("multisock.base.errors")
local pairs = require("multisock.base.compat").pairs
local suggest = require("multisock.base.suggest")
local targets = require("multisock.request.targets")
local values = require("multisock.base.values")

local TYPES = {
  token_url = "string", client_id = "string", client_secret = "string", scope = "string",
  refresh_token = "string", params = "table", auth = "string", origins = "table", store = "table",
}

local function check_types(given)
  if type(given) ~= "table" then
    errors.misuse("oauth2: table of options expected, got " .. values.describe(given))
  end
  for name, value in pairs(given) do
    if not TYPES[name] then
      errors.misuse(("oauth2: unknown option %s%s"):format(errors.quote(name),
        suggest.hint(name, TYPES)))
    elseif type(value) ~= TYPES[name] then
      errors.misuse(("oauth2: option '%s': %s expected, got a %s (not shown)"):format(name,
        TYPES[name], type(value)))
    end
  end
end

local function target_of(name, url)
  local target, err = targets.get(type(url) == "string" and url or "")
  if target == nil or not target.web then
    errors.misuse(("oauth2: option '%s': URL of http or https expected, got %s%s"):format(name,
      type(url) == "string" and errors.quote(errors.redact_text(url)) or values.describe(url),
      err and " (" .. err.message .. ")" or ""))
  end
  return target
end

-- What no form can have is said here, not by the first request. (The values may be secret.)
local function check_params(params)
  for name, value in pairs(params or {}) do
    if type(name) ~= "string" then
      errors.misuse("oauth2: option 'params': names must be strings, got " .. errors.quote(name))
    elseif type(value) ~= "table" and values.text(value) == nil then
      errors.misuse(("oauth2: option 'params.%s': string, number or boolean expected, got a %s")
        :format(name, type(value)))
    end
  end
end

local function check_store(store)
  for _, name in ipairs({ "load", "save" }) do
    if store and type(store[name]) ~= "function" then
      errors.misuse(("oauth2: option 'store.%s': function expected, got %s"):format(name,
        values.describe(store[name])))
    end
  end
end

--- @param given table as multisock.OAuth2
-- @return table: the same, `target` of the token URL, and `origins` as a set; raises misuse
return function(given)
  check_types(given)
  local own = { origins = given.origins and {} }
  for name, value in pairs(given) do
    own[name] = own[name] or value
  end
  if not own.client_id then
    errors.misuse("oauth2: option 'client_id': string expected, got nil")
  elseif not (own.client_secret or own.refresh_token or own.store) then
    errors.misuse("oauth2: option 'client_secret', 'refresh_token' or 'store' expected")
  elseif own.auth ~= nil and own.auth ~= "basic" and own.auth ~= "body" then
    errors.misuse('oauth2: option \'auth\': "basic" or "body" expected, got '
      .. errors.quote(own.auth))
  end
  check_params(own.params)
  check_store(own.store)
  own.target = target_of("token_url", given.token_url)
  for i, url in ipairs(given.origins or {}) do
    own.origins[target_of(("origins[%d]"):format(i), url).origin] = true
  end
  return own
end
