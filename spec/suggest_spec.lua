-- Messages that say what was meant: near names, and methods called with a dot.
local helper = require("spec.helper")
local suggest = require("multisock.base.suggest")
local ms = require("multisock")

local failure = helper.failure
local URL = "http://127.0.0.1:9/"

describe("a mistyped name", function()
  local function fetch(options)
    return failure(function() ms.get(URL, options) end)
  end

  it("is told the near one, at the caller's line", function()
    for meant, options in pairs({
      headers = { header = {} }, timeout = { timout = 3 }, ["tls.verify"] = { verify = false },
      body = { data = "x" }, query = { params = {} }, redirect = { follow = false },
      ["timeout.connect"] = { connect_timeout = 3 }, ["tls.ca"] = { cacert = "x" },
      decompress = { decompres = true }, max_redirects = { maxRedirects = 3 },
      connect = { timeout = { conect = 3 } }, first_byte = { timeout = { firstbyte = 3 } },
      verify = { tls = { verfy = true } }, basic = { auth = { basc = {} } },
      ["auth.basic"] = { username = "x" }, ["headers['User-Agent']"] = { user_agent = "x" },
      followlocation = { curl = { followlocatoin = true } }, verbose = { curl = { verbos = true } },
      ssl_verifypeer = { curl = { ssl_verifyper = true } },
    }) do
      local err = fetch(options)
      assert.truthy(err:find(("did you mean '%s'?"):format(meant), 1, true), err)
      assert.matches("^spec/suggest_spec%.lua:%d+: ", err)
    end
  end)

  it("is told nothing when none is near", function()
    for _, options in ipairs({ { zzzz = 1 }, { qwertyuiop = 1 }, { [3] = 1 }, { x = 1 },
      { curl = { nonsense = 1 } }, { tls = { zzzz = 1 } }, { [("a"):rep(1000)] = 1 } }) do
      local err = fetch(options)
      assert.matches("unknown", err)
      assert.is_nil(err:find("did you mean", 1, true), err)
    end
  end)

  it("is told in clients, limits, map and use_loop, too", function()
    assert.matches("mean 'headers'", failure(ms.client, { Header = {} }))
    assert.matches("mean 'connections'", failure(ms.client, { limits = { conections = 3 } }))
    assert.matches("mean 'concurrency'", failure(ms.map, {}, { concurency = 3 }))
    assert.matches("options of requests belong to a client", failure(ms.map, {}, { timeout = 3 }))
    assert.matches("mean 'cqueues'", failure(ms.use_loop, "cqueue"))
  end)

  it("is found whatever stands in it, in time", function()
    local started = os.clock()
    for _, name in ipairs({ "", " ", "%", ".*", "\0", ("\255"):rep(30), ("ab"):rep(100000) }) do
      assert.is_nil(suggest.nearest(name, { "headers", "body" }))
      assert.equal("", suggest.hint(name, { headers = true }))
    end
    assert.is_true(os.clock() - started < 1)
    assert.equal("a", suggest.nearest("A", { "a", "b" }))
    assert.equal("headers", suggest.nearest("haeders", { headers = 1, query = 1 }))
    assert.equal("max_body", suggest.nearest("MaxBody", { "max_headers", "max_body" }))
  end)
end)

describe("misuse of a raw option", function()
  it("names the caller's line, in a task, too", function()
    for _, raw in ipairs({ { nonsense = 1 }, { timeout = {} }, { prereqfunction = print },
      { httpheader = "x" }, { ["a\nb"] = 1 } }) do
      for _, options in ipairs({ { curl = raw } }) do
        assert.matches("^spec/suggest_spec%.lua:%d+: ", failure(function()
          ms.get(URL, options)
        end))
        assert.matches("^spec/suggest_spec%.lua:%d+: ", failure(ms.run, function()
          local response = ms.get(URL, options)
          return response
        end))
        local client
        assert.matches("^spec/suggest_spec%.lua:%d+: ", failure(function()
          client = ms.client(options)           -- a name that is none is refused here
          client:get(URL)
        end))
        if client then
          client:close()
        end
      end
    end
  end)

  it("is told though the server's name is not known, and when a client is made", function()
    local told = "option 'curl': unknown option \"useragnt\", did you mean 'useragent'?"
    local wrong = { curl = { UserAgnt = "x", useragent = "y" } }
    for _, fn in ipairs({ ms.client, function(given) ms.get("http://no.invalid/", given) end }) do
      assert.matches(told, failure(fn, wrong):lower(), 1, true)
    end
  end)
end)

describe("a field that nothing is near to", function()
  it("has all of them in its message", function()
    assert.matches("option 'retry': unknown field \"max\", there are backoff, breaker, budget, ",
      failure(ms.client, { retry = { max = 3 } }))
    assert.matches("unknown option \"retries\", did you mean 'retry'?",
      failure(ms.client, { retries = 3 }), 1, true)
    assert.matches("limits: unknown field \"x_y_z\", there are connections, ",
      failure(ms.client, { limits = { x_y_z = 1 } }))
  end)
end)

describe("a method that is called with a dot", function()
  it("says how it is called, at the caller's line", function()
    local client, queue = ms.client(), ms.queue()
    local task = ms.spawn(function() end)
    local group
    ms.group(function(g) group = g end)
    for object, names in pairs({
      client = { "fetch", "get", "head", "post", "put", "patch", "delete", "options", "close",
        "network_changed" },
      task = { "await", "join", "cancel", "status", "on_done" },
      queue = { "put", "get", "close" }, group = { "spawn", "cancel" },
      response = { "text", "json", "read", "save", "discard", "drain", "close", "chunks", "lines",
        "events", "records" },
    }) do
      local value = ({ client = client, task = task, queue = queue, group = group,
        response = ms.response("x") })[object]
      for _, name in ipairs(names) do
        for _, argument in ipairs({ URL, {}, false }) do
          local err = failure(function() value[name](argument or nil) end)
          assert.matches(("^spec/suggest_spec%%.lua:%%d+: %s.%s was called with a dot: "
            .. "call %s:%s%%("):format(object, name, object, name), err)
        end
      end
    end
    assert.matches("client.get was called with a dot", failure(client.get, 5))
    client:close()
    helper.check_leaks()
  end)

  it("and a function of ms with a colon", function()
    assert.matches("call ms.get%(url%) with a dot", failure(function() ms:get(URL) end))
    for _, name in ipairs({ "run", "spawn", "group" }) do
      assert.matches("called with a colon, write ms.NAME", failure(ms[name], ms, print))
    end
  end)

  it("says so, too, where a task is taken for its response", function()
    local task = ms.spawn(function() end)
    for _, name in ipairs({ "text", "json", "lines" }) do
      assert.matches("this is a task, which has no " .. name .. ": task:await%(%)",
        failure(function() task[name](task) end))
    end
    task:await()
  end)
end)
