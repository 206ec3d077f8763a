-- `auth = {negotiate = true}` with a real ticket: a KDC, and a server that asks for it.
local command = require("spec.support.command")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local kerberos = require("spec.support.kerberos")
local servers = require("spec.support.servers")
local core = require("multisock.core")

describe("auth.negotiate", function()
  local missing = not core.version().features.SPNEGO and "this libcurl has no SPNEGO"
    or kerberos.missing()
  if missing then
    pending("with a ticket: " .. missing)
    return
  end

  local server = fixtures.server(kerberos.start)

  -- What a program of its own prints: the system's library reads the environment once.
  local function run(text, ticket)
    local program = server.dir .. "/program.lua"
    helper.write_file(program, ([[
      local ms = require("multisock")
      local url, auth = %q, { negotiate = true }
    ]]):format(server.url("/kept")) .. text)
    return servers.output(("%s LUA_PATH='%s' LUA_CPATH='%s' %s %s 2>&1"):format(
      server.environment(ticket), package.path, package.cpath, command.interpreter, program))
  end

  it("lets in who has a ticket, and nobody else", function()
    local asks = [[
      local response = ms.assert(ms.get(url, { auth = auth }))
      print(response.status, (response:text():gsub("%s+$", "")))
      print(ms.get(url).status, ms.get(url).headers["WWW-Authenticate"])
    ]]
    assert.equal("200\tkept\n401\tNegotiate", run(asks, true))
    assert.matches("^401\t.*\n401\tNegotiate$", run(asks, false))
  end)

  it("serves many at once, and bodies", function()
    assert.equal("20\n200 200 200", run([[
      ms.run(function()
        local client, urls = ms.client({ auth = auth }), {}
        for i = 1, 20 do
          urls[i] = url
        end
        local count = 0
        for _, response in ipairs((client:map(urls))) do
          count = count + (response:text() == "kept\n" and 1 or 0)
        end
        print(count)
        local pieces = { "a", "b" }
        print(client:post(url, { body = "text" }).status .. " "
          .. client:post(url, { json = { a = 1 } }).status .. " "
          .. client:post(url, { body = { replay = function()
            local i = 0
            return function()
              i = i + 1
              return pieces[i]
            end
          end } }).status)
      end)
    ]], true))
  end)

  it("does not follow a redirect to another host", function()
    assert.equal("401", run([[
      local agent = ms.client({ auth = auth, base_url = "http://127.0.0.1:1/" })
      print(agent:get(url).status)
    ]], true))
  end)
end)
