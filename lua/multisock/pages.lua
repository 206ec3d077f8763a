-- client:pages: the answers of a list that a server gives page by page.
local compat = require("multisock.base.compat")
local errors = require("multisock.base.errors")
local pairs = compat.pairs
local percent = require("multisock.base.percent")
local request = require("multisock.request")
local ROWS = require("multisock.request.options").rows
local strangers = require("multisock.request.strangers")
local targets = require("multisock.request.targets")
local uncaught = require("multisock.base.uncaught")
local values = require("multisock.base.values")

local pages = {}

local Pages = { __name = "multisock.pages" }
Pages.__index = Pages

-- A page is asked for, and says where the next one is: nothing is sent to that.
local OWN = { next = true, max = true }
local REFUSED = { "method", "body", "json", "form", "multipart" }

local function by_link(page)
  local link = page.links.next
  return link and link.url
end

-- Returns the options of requests; the function that finds the next page; how many.
local function check(options)
  if options ~= nil and type(options) ~= "table" then
    errors.misuse("pages: table of options expected, got " .. values.describe(options))
  end
  local own = {}
  for name, value in pairs(values.unfolded(options, ROWS, OWN) or {}) do
    own[name] = value
  end
  for _, name in ipairs(REFUSED) do
    if own[name] ~= nil then
      errors.misuse(("pages: option '%s': pages are asked for with GET"):format(name))
    end
  end
  local find, max = own.next, own.max
  own.next, own.max = nil, nil
  if find ~= nil and find ~= "link" and type(find) ~= "function" then
    errors.misuse('pages: option \'next\': "link" or function expected, got '
      .. (type(find) == "string" and errors.quote(find) or values.describe(find)))
  elseif max ~= nil and max ~= math.huge and (not compat.is_integer(max) or max < 1) then
    errors.misuse("pages: option 'max': integer of 1 or more expected, got "
      .. errors.quote(max))
  end
  -- A page that failed has no next one: what came would look complete.
  if own.fail_on_error == nil then
    own.fail_on_error = true
  end
  return own, type(find) == "function" and find or by_link, max or math.huge
end

local function fail(self, err)
  self:close()
  uncaught.raise(err)
end

local function refuse(self, kind, message)
  local page = self.page
  fail(self, errors.new(kind, message, { url = page.url, response = page, phase = "receive",
    attempts = page.attempts }))
end

-- What a later page is asked with beside the query of its URL: what the client adds to all
-- requests, where that lacks it, and for the origin of the first page alone.
local function own_query(self, target)
  local client, kept, has = self.client, {}, {}
  local given = client.settings
  if client.base and client.base.origin ~= target.origin then
    given = strangers.of_client(client)
  end
  for field in (targets.url(target):get("query") or ""):gmatch("[^&]+") do
    has[percent.unescape(field:match("^[^=]*"))] = true
  end
  for name, value in pairs(target.origin == self.first.origin and given.own and given.own.query
    or {}) do
    kept[name] = not has[name] and value or nil
  end
  return kept
end

-- The URL that a page names, which may lack what the first one has: user and password.
-- Nil: it is the last one.
local function next_url(self)
  local page = self.page
  local url = self.find(page)
  if url == nil then
    return nil
  elseif type(url) ~= "string" then
    errors.misuse("pages: 'next' returned " .. values.describe(url) .. ": a URL or nil expected")
  end
  local target, err = targets.resolve(targets.get(page.url), url)
  if target == nil then
    refuse(self, "url", "the next page has an invalid URL: " .. err.message)
  elseif self.seen[target.text] then
    refuse(self, "protocol", "the pages go round: the next one was there before")
  end
  self.seen[target.text] = true
  self.options.query = false        -- it is in the URL
  return targets.add_query(target.text, own_query(self, target))
end

-- What the first page was asked with goes to its origin alone.
local function ask(self, url)
  local client, options = self.client, self.options
  local made, err = request.new(client, "GET", url, options)
  if made == nil then
    fail(self, err)
  end
  if self.first == nil then
    self.first = made.target
    self.seen[errors.without_user(made.target.text)] = true
  elseif made.target.origin ~= self.first.origin then
    strangers.estrange(made)
  elseif self.first.has_user and not made.target.has_user then
    made.target = targets.with_user(made.target, self.first)
  end
  local page
  page, err = client.handler(made)
  if page == nil then
    fail(self, err)
  end
  return page
end

--- The next page; the one before is done with.
-- @return response; nil: there is none
-- @raise the err table of what failed
function Pages:__call()
  local url = self.url
  if self.ended then
    return nil
  elseif self.page then
    url = self.count < self.max and next_url(self) or nil
    if url == nil then
      self:close()
      return nil
    end
    self.page:drain()
  end
  self.page, self.count = ask(self, url), self.count + 1
  return self.page
end

--- Ends it; what is unread of its page is dropped. May be called again.
function Pages:close()
  self.ended = true
  if self.page then
    self.page:close()
  end
end

Pages.__close = Pages.close

function Pages:__tostring()
  return ("multisock.pages (%d%s)"):format(self.count, self.ended and ", ended" or "")
end

--- @param url string @param options? as Client:pages has them
function pages.new(client, url, options)
  local own, find, max = check(options)
  return setmetatable({
    client = client, url = url, options = own, find = find, max = max, count = 0, seen = {},
  }, Pages)
end

return pages
