-- Options of core.multi: what the running libcurl has, and what it lacks.
local core = require("multisock.core")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local support = require("spec.support.core_support")

local number = core.version().curl_number

describe("options of a multi", function()
  local nginx = fixtures.nginx()
  fixtures.no_handles_left()

  local function listed()
    local set = {}
    for _, option in ipairs(core.multi_options()) do
      set[option.name] = option
    end
    return set
  end

  it("are listed with name, id and type", function()
    local set = listed()
    assert.same({ name = "socketfunction", id = 20001, type = "function" }, set.socketfunction)
    assert.same({ name = "maxconnects", id = 6, type = "long" }, set.maxconnects)
    assert.equal("off_t", set.chunk_length_penalty_size.type)
    assert.equal("list", set.pipelining_site_bl.type)
    assert.equal("pointer", set.timerdata.type)
    assert.equal(number >= 0x081100, set.notifyfunction ~= nil)
  end)

  it("take a value of their type, and nil for the default", function()
    local values = { long = 3, off_t = 5, list = { "a:80" }, ["function"] = function() end }
    local multi = core.multi()
    for name, option in pairs(listed()) do
      if option.type == "pointer" then
        assert.error_matches(function() multi:setopt(name, 1) end, "it is for the data of a C")
      else
        local value = (name == "network_changed" or name == "quick_exit") and 1
          or values[option.type]
        assert.equal(multi, (multi:setopt(name, value)), name)
        assert.equal(multi, (multi:setopt(name:upper(), nil)), name)
      end
    end
    multi:close()
  end)

  it("say which libcurl they need", function()
    local set, multi = listed(), core.multi()
    for name, version in pairs {
      network_changed = "8.16.0", notifyfunction = "8.17.0", resolve_threads_max = "8.20.0",
      quick_exit = "8.20.0", pushfunction = "8.1.0",
    } do
      if not set[name] then
        local err = helper.err_of(multi:setopt(name, 1))
        assert.equal("curl", err.kind)
        local said = ("option '%s' needs libcurl %s"):format(name, version)
        assert.truthy(err.message:find(said, 1, true))
      end
    end
    multi:close()
  end)

  it("raise for lists that are none", function()
    local multi = core.multi()
    for _, bad in ipairs { "a", 5, { 5 }, { {} } } do
      assert.error_matches(function()
        multi:setopt("pipelining_site_bl", bad)
      end, "list of strings")
    end
    multi:close()
  end)

  it("tell what has ended, or say that libcurl cannot", function()
    local multi, heard = core.multi(), {}
    if number < 0x081100 then
      for _, method in ipairs { "notify_enable", "notify_disable" } do
        local err = helper.err_of(multi[method](multi, "easy_done"))
        assert.truthy(err.message:find(method .. " needs libcurl 8.17.0", 1, true))
      end
      multi:close()
      return
    end
    multi:setopt("notifyfunction", function(kind, easy)
      heard[#heard + 1] = { kind, easy }
      assert.error_matches(function() multi:perform() end, "callback")
      assert.error_matches(function() multi:close() end, "callback")
    end)
    assert.equal(multi, multi:notify_enable("easy_done"))
    assert.equal(multi, multi:notify_enable("info_read"))
    local easy = support.easy { url = nginx.url("/1k") }
    multi:add_handle(easy)
    assert.is_true(support.perform(multi)[easy])
    local kinds = {}
    for _, entry in ipairs(heard) do kinds[entry[1]] = entry[2] or false end
    assert.equal(easy, kinds.easy_done)
    assert.is_false(kinds.info_read)
    assert.equal(multi, multi:notify_disable("info_read"))
    multi:setopt("notifyfunction", function() error("heard", 0) end)
    multi:add_handle(easy)
    local check, ended, err = support.deadline(), false, nil
    while not ended or not err do
      local ok, raised = pcall(multi.perform, multi)
      err = not ok and raised or err
      ended = support.reap(multi, {}) > 0 or ended
      multi:poll(10)
      check()
    end
    assert.equal("heard", err)
    assert.has_error(function() multi:notify_enable("nonsense") end)
    multi:setopt("notifyfunction", nil)
    multi:close()
    easy:close()
  end)
end)
