-- The kinds of requests, as a user of multisock writes them; clients/kinds.c has
-- the same in C. What is not here is the same as `plain`.
local ms = require("multisock")

local kinds = {}

-- A jar with one cookie, which goes everywhere.
local jar = ms.cookies()
jar:set("http://127.0.0.1/", "sid=0123456789abcdef; Path=/")

--- By kind: what its client has beside what all have.
kinds.client = {
  ["api-jar"] = {cookies = jar},
  ["api-all"] = {cookies = jar, retry = true, throttle = {limit = 1000000}},
  ["client-timeout"] = {timeout = 120},
  ["first-byte"] = {timeout = {first_byte = 120}},
}

local number = 0

--- By kind: function(client, url), which fetches.
kinds.fetch = {
  distinct = function(client, url)
    number = number + 1
    return client:get(url .. "?n=" .. number)
  end,
  timeout = function(client, url)
    return client:get(url, {timeout = 30})
  end,
  header = function(client, url)
    return client:get(url, {headers = {["X-Request-Id"] = "abc"}})
  end,
  query = function(client, url)
    return client:get(url, {query = {page = 2}})
  end,
  post = function(client, url)
    return client:post(url, {body = "hello"})
  end,
  api = function(client, url)
    return client:post(url, {
      json = {name = "Ada", tags = {"a", "b"}, price = 9.5, active = true},
      timeout = 30,
      headers = {Authorization = "Bearer abc", ["X-Request-Id"] = "abc"},
    })
  end,
}

kinds.fetch["api-jar"] = kinds.fetch.api
kinds.fetch["api-all"] = kinds.fetch.api

local function content_type(response)
  return response.headers["content-type"] == nil and "the header is not there"
end

--- By kind: function(response): what is wrong with what it looks at, or false.
kinds.look = {
  ["look-5"] = content_type,
  ["look-30"] = content_type,
  ["status-text"] = function(response)
    return response.status_text ~= "OK" and "the status has another text"
  end,
}

return kinds
