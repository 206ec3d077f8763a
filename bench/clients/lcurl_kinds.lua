-- The kinds of requests, as a user of Lua-cURLv3 writes them: kinds.lua has them
-- as a user of multisock does. A handle is used again and again; what belongs to
-- one request is set for each.
local kinds = {}

local function json_encoder()
  local found, json = pcall(require, "cjson")
  return (found and json or require("dkjson")).encode
end

--- @return table: `handle` is called with each new handle, `request` before each
-- request, `header(state)` makes what gets the header lines, and sets state.found; `right`
-- is called with that
function kinds.find(name, url)
  local number, json_encode = 0, name == "api" and json_encoder()
  local function limit(easy)
    easy:setopt_timeout(120)
  end
  local function find(pattern)
    return function(state)
      return function(line)
        state.found = state.found or line:match(pattern)
        return #line
      end
    end
  end
  local content_type = {
    header = find("^[Cc]ontent%-[Tt]ype:%s*(.-)\r?\n"),
    right = function(found)
      return found
    end,
  }
  local all = {
    ["client-timeout"] = {handle = limit},
    ["first-byte"] = {handle = limit},
    distinct = {request = function(easy)
      number = number + 1
      easy:setopt_url(url .. "?n=" .. number)
    end},
    timeout = {request = function(easy)
      easy:setopt_timeout(30)
    end},
    header = {request = function(easy)
      easy:setopt_httpheader {"X-Request-Id: abc"}
    end},
    query = {request = function(easy)
      easy:setopt_url(url .. "?page=" .. easy:escape("2"))
    end},
    post = {request = function(easy)
      easy:setopt_httpheader {"Content-Type: application/octet-stream"}
      easy:setopt_postfields("hello")
    end},
    api = {request = function(easy)
      easy:setopt_timeout(30)
      easy:setopt_httpheader {
        "Authorization: Bearer abc", "X-Request-Id: abc", "Content-Type: application/json",
      }
      easy:setopt_postfields(json_encode {
        name = "Ada", tags = {"a", "b"}, price = 9.5, active = true,
      })
    end},
    ["look-5"] = content_type, ["look-30"] = content_type,
    ["status-text"] = {
      header = find("^HTTP/%S+ %d+ (.-)\r?\n"),
      right = function(found)
        return found == "OK"
      end,
    },
  }
  return all[name] or {}
end

return kinds
