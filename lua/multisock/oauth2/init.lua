-- ms.oauth2: an `each_attempt` that gets a token (RFC 6749: client credentials, refresh),
-- sends it with requests to one's own origins (RFC 6750), and renews it.
local asked = require("multisock.middleware.asked")
local base64 = require("multisock.base.base64")
local clock = require("multisock.base.clock")
local core = require("multisock.core")
local errors = require("multisock.base.errors")
local headers = require("multisock.request.headers")
local pairs = require("multisock.base.compat").pairs
local pause = require("multisock.middleware.pause")
local read_options = require("multisock.oauth2.options")
local request = require("multisock.request")
local scheduler = require("multisock.tasks.scheduler")
local strangers = require("multisock.request.strangers")
local targets = require("multisock.request.targets")
local tasks = require("multisock.tasks")
local values = require("multisock.base.values")

local oauth2 = {}

--- What ms.oauth2 takes.
-- @class multisock.OAuth2
-- @field token_url string where tokens are got
-- @field client_id string who asks
-- @field client_secret? string not of a public client
-- @field auth? "basic"|"body" how id and secret are sent: as Basic credentials (the default), or
-- in the form
-- @field scope? string
-- @field params? table<string, string> more fields of the form, such as `audience`
-- @field refresh_token? string tokens are got for this one, which may be replaced by each
-- answer; without it by the client's own credentials
-- @field origins? string[] URLs: the token goes to their origins (scheme, host, port) and no
-- others; without it to that of the client's `base_url`
-- @field store? table `load`, a function that is called once, and `save`, called with each new
-- `{access_token =, refresh_token =, expires_at =}`

---- Tokens --------------------------------------------------------------------

-- A token with less of its time left is renewed.
local MOST_AHEAD = 30
-- What a token server may take, and say.
local MOST_SECONDS, MOST_BYTES = 30, 1024 * 1024

local function escape(text)
  return (targets.encode_form("oauth2", { x = text }):sub(3))
end

-- The request for a token, by its client's own connections; its chain is not passed, nor
-- does the token server get what is for others.
local function make_request(self, client)
  local form = {}
  for name, value in pairs(self.params or {}) do
    form[name] = value
  end
  form.scope = self.scope
  if self.refresh_token then
    form.grant_type, form.refresh_token = "refresh_token", self.refresh_token
  else
    form.grant_type = "client_credentials"
  end
  local in_body = self.auth == "body" or not self.client_secret
  if in_body then
    form.client_id, form.client_secret = self.client_id, self.client_secret
  end
  local made, err = request.new(client, "POST", self.token_url, {
    form = form, max_body = MOST_BYTES, timeout = { total = MOST_SECONDS },
    headers = { Accept = "application/json" },
  })
  if made == nil then
    return nil, err
  end
  strangers.estrange(made)
  if not in_body then
    made.headers = headers.merge(made:fields(), { { "Authorization", "Basic " .. base64.encode(
      escape(self.client_id) .. ":" .. escape(self.client_secret)) } })
  end
  made.simple = false                 -- its headers are not those that it was made with
  made.deadline = scheduler.now() + MOST_SECONDS
  return made
end

local function failure(response, kind, message)
  return nil, errors.new(kind, "oauth2: " .. core.plain(message), { url = response.url,
    response = response, phase = "receive", attempts = response.attempts,
    retryable = response.status >= 500 })
end

-- What a server says of an error: {error =, error_description =}.
local function refusal(response, answer)
  local said = { ("the token server answered %d"):format(response.status) }
  for _, name in ipairs({ "error", "error_description" }) do
    local text = type(answer) == "table" and answer[name]
    said[#said + 1] = type(text) == "string" and text or nil
  end
  return failure(response, "status", table.concat(said, ": "))
end

-- Whether it can stand in a header.
local function is_token(text)
  return type(text) == "string" and text ~= "" and not text:find("[^\33-\126]")
end

-- A token; or nil, err.
local function ask(self, client)
  local made, err = make_request(self, client)
  local response
  if made then
    response, err = client.perform(made)
  end
  if response == nil then
    return nil, err
  end
  local text, answer
  text, err = response:text()
  if text == nil then
    return nil, err
  end
  answer, err = response:json()
  if response.status ~= 200 then
    return refusal(response, answer)
  elseif type(answer) ~= "table" then
    return failure(response, "protocol", err and err.message or "the answer is no object")
  end
  local token, kind = answer.access_token, answer.token_type
  if not is_token(token) then
    return failure(response, "protocol", "the answer has no access_token")
  elseif kind ~= nil and (type(kind) ~= "string" or kind:lower() ~= "bearer") then
    return failure(response, "protocol", "the token is not of the type Bearer")
  end
  local seconds = tonumber(answer.expires_in)
  local refresh = answer.refresh_token
  return {
    access_token = token, refresh_token = self.refresh_token and type(refresh) == "string"
      and refresh or self.refresh_token,
    expires_at = seconds and seconds >= 0 and seconds < 1e10 and clock.time() + seconds or nil,
    seconds = seconds,
  }
end

-- What was stored once, as it is now.
local function load(self)
  self.is_loaded = true
  local kept = self.store and self.store.load()
  if kept ~= nil and type(kept) ~= "table" then
    errors.misuse("oauth2: store.load returned " .. values.describe(kept) .. ": a table expected")
  end
  if kept and type(kept.refresh_token) == "string" then
    self.refresh_token = kept.refresh_token
  end
  if kept and is_token(kept.access_token) then
    self.token = {
      access_token = kept.access_token, refresh_token = self.refresh_token,
      expires_at = tonumber(kept.expires_at),
    }
  end
end

local function is_good(token)
  return token and not (token.expires_at and token.expires_at
    - math.min(MOST_AHEAD, (token.seconds or math.huge) / 10) <= clock.time())
end

-- A token that is not `refused`; or nil, err.
local function obtain(self, client, refused)
  if not self.is_loaded then
    load(self)
  end
  local old = self.token
  if old ~= refused and is_good(old) then
    return old
  end
  local token, err = ask(self, client)
  if token == nil then
    if old and old ~= refused and old.expires_at > clock.time() then
      return old                      -- it was early
    end
    return nil, err
  end
  self.token, self.refresh_token = token, token.refresh_token
  if self.store then
    self.store.save({ access_token = token.access_token, refresh_token = token.refresh_token,
      expires_at = token.expires_at })
  end
  return token
end

-- The same, once at a time: others wait for what comes of it. In a task of its own, since
-- who has asked for it may be cancelled.
local function obtain_once(self, made, refused)
  if self.is_loaded and self.token ~= refused and is_good(self.token) then
    return self.token
  end
  local running = self.running
  if running == nil then
    running = tasks.spawn_outside(obtain, self, made.client, refused)
    self.running, self.asker = running, made.client
    tasks.when_done(running, function()
      self.running = nil
    end)
  end
  local asker, token, err = self.asker
  if made.deadline then
    token, err = tasks.with_timeout(math.max(0, made.deadline - scheduler.now()), running.await,
      running)
  else
    token, err = running:await()
  end
  if token == nil and made.deadline and scheduler.now() >= made.deadline then
    return nil, pause.too_late(made)
  elseif token == nil and asker.closed and not made.client.closed then
    return obtain_once(self, made, refused)     -- another client has asked, and was closed
  end
  return token, err
end

---- Requests ------------------------------------------------------------------

-- Whether it goes where the token is for.
local function is_ours(self, made, url)
  local target = targets.get(url)
  local base = made.client.base
  if self.origins then
    return target and self.origins[target.origin]
  elseif base == nil then
    errors.misuse("oauth2: for whom is the token? It needs the option 'origins', or a client "
      .. "with base_url")
  end
  return target and target.origin == base.origin
end

--- @param options see ms.oauth2
-- @return function(request, next) for each_attempt
function oauth2.new(options)
  local self = read_options(options)
  return function(view, next)
    asked.check("oauth2", view)
    local made = view._made
    -- Who says by himself who he is, is that.
    if not is_ours(self, made, view.url) or view.headers.Authorization or made.settings.auth then
      return next(view)
    end
    local token, err = obtain_once(self, made, nil)
    if token == nil then
      return nil, err
    end
    view.headers.Authorization = "Bearer " .. token.access_token
    local response
    response, err = next(view)
    if response == nil or response.status ~= 401 or not made:can_replay() then
      return response, err
    end
    local fresh = obtain_once(self, made, token)
    if fresh == nil or fresh == token then
      return response                 -- it says more than that there is no other token
    end
    response:drain()
    view.headers.Authorization = "Bearer " .. fresh.access_token
    return next(view)
  end
end

return oauth2
