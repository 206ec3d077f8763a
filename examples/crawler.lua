-- Crawls the pages of some hosts, politely: what robots.txt forbids is left out, and each
-- host is asked as slowly as it wishes (Crawl-delay; else twice a second). A slow host
-- holds up no other. Prints status, size and URL of each page.
--   lua5.4 examples/crawler.lua PAGES URL...
local ms = require("multisock")
local core = require("multisock.core")

local NAME, DELAY = "example-crawler", 0.5
local most, starts = tonumber(arg[1]), { select(2, ...) }
if most == nil or #starts == 0 then
  io.stderr:write("usage: lua5.4 examples/crawler.lua PAGES URL...\n")
  os.exit(2)
end

local function origin_of(url)
  return url:match("^https?://[^/?#]+")
end

-- The rules for all robots, or for us: paths and whether they are allowed, and the delay.
-- (Wildcards are left to you.)
local function read_rules(text)
  local rules, ours, in_agents = { delay = DELAY }, false, false
  for line in text:gmatch("[^\r\n]+") do
    local field, value = line:match("^%s*([%a-]+)%s*:%s*([^#]-)%s*$")
    if not field then
      field, value = line:match("^%s*([%a-]+)%s*:%s*([^#]-)%s*#")
    end
    field = field and field:lower()
    if field == "user-agent" then
      local is_ours = value == "*" or value:lower() == NAME
      ours, in_agents = is_ours or in_agents and ours, true
    elseif field then
      in_agents = false
      if ours and (field == "allow" or field == "disallow") and value ~= "" then
        rules[#rules + 1] = { path = value, allowed = field == "allow" }
      elseif ours and field == "crawl-delay" and tonumber(value) then
        rules.delay = math.max(tonumber(value), 0.001)
      end
    end
  end
  return rules
end

-- The longest rule that fits decides.
local function is_allowed(rules, url)
  local path, best = url:match("^https?://[^/?#]+([^#]*)"), nil
  for _, rule in ipairs(rules) do
    if path:sub(1, #rule.path) == rule.path and (best == nil or #rule.path > #best.path) then
      best = rule
    end
  end
  return best == nil or best.allowed
end

local rules_of = {}                 -- by origin

local client = ms.client({
  headers = { ["User-Agent"] = NAME },
  timeout = { attempt = 30 },
  retry = 2,
  max_body = 4 * 1024 * 1024,
  throttle = { limit = 1, key = function(request)
    local origin = origin_of(request.url)
    return origin, { limit = 1, per = rules_of[origin].delay }
  end },
})

-- What cannot be asked for is a site without rules, as of RFC 9309 for 404.
local function learn_rules(origin)
  local response = client:get(origin .. "/robots.txt", { throttle = false })
  local text = response and response.ok and response:text()
  rules_of[origin] = read_rules(text or "")
end

-- Absolute URLs of the pages that a page points to.
local function links_of(response)
  local found = {}
  local text = (response.headers["content-type"] or ""):find("html", 1, true) and response:text()
  for written in (text or ""):gmatch("[hH][rR][eE][fF]%s*=%s*[\"']([^\"'#]+)") do
    local url = core.url(response.url)
    if url:set("url", (written:gsub("&amp;", "&"))) then
      found[#found + 1] = url:get("url")
    end
  end
  return found
end

local seen, count = {}, 0

ms.run(function()
  local wanted = {}
  for _, start in ipairs(starts) do
    local url = assert(core.url(start)):get("url")
    wanted[#wanted + 1] = url
    if rules_of[origin_of(url)] == nil then
      learn_rules(origin_of(url))
    end
  end
  ms.group(function(group)
    local function visit(url)
      local rules = rules_of[origin_of(url) or ""]      -- of our hosts alone
      if seen[url] or rules == nil or not is_allowed(rules, url) or count >= most then
        return
      end
      seen[url], count = true, count + 1
      group:spawn(function()
        local response, err = client:get(url)
        if response == nil then
          return print("failed", url, err.message)
        end
        local links = links_of(response)
        print(response.status, response.sizes.body, url)
        response:close()
        for _, link in ipairs(links) do
          visit(link)
        end
      end)
    end
    for _, url in ipairs(wanted) do
      visit(url)
    end
  end)
end)
client:close()
