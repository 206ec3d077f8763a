-- The option `netrc`: whom a file's users and passwords are sent to. Two servers tell what
-- they get.
local echoed = require("spec.support.echoed")
local fixtures = require("spec.support.fixtures")
local helper = require("spec.helper")
local own_servers = require("spec.support.own_servers")
local packaged = require("spec.support.packaged")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")
local base64 = require("multisock.base.base64")
local ms = require("multisock")

describe("netrc", function()
  local path
  local witness = fixtures.server(own_servers.witness)
  local hostile = fixtures.hostile()
  local client
  setup(function()
    path = os.tmpname()
  end)
  teardown(function()
    os.remove(path)
  end)
  fixtures.each(function()
    client = ms.client({ trust_env = false, timeout = helper.seconds(10),
      tls = { ca = witness.ca } })
    return client
  end)

  -- "user:password" that a server got; nil: none.
  local function sent(url, options)
    local seen, fields = echoed.of(client:get(url, options))
    return seen.headers.authorization or fields.authorization
  end

  local function basic(text)
    return "Basic " .. base64.encode(text)
  end

  local function write(text)
    helper.write_file(path, text)
    return { netrc = path }
  end

  it("is read in all its forms", helper.task(function()
    for text, expected in pairs({
      ["machine localhost login me password pw"] = "me:pw",
      ["machine other login a password b\nmachine localhost\n\tlogin me\n\tpassword pw\n"]
        = "me:pw",
      ["machine LocalHost login me password pw"] = "me:pw",
      ['machine localhost login "me too" password "p\\"w\\\\ \\t#"'] = 'me too:p"w\\ \t#',
      ["# machine localhost login no password no\nmachine localhost login me password pw # x"]
        = "me:pw",
      ["machine localhost login me password p#w"] = "me:p#w",
      ["machine localhost account x login me password pw"] = "me:pw",
      ["macdef init\nmachine localhost login no password no\n\nmachine localhost login me "
        .. "password pw"] = "me:pw",
      ["machine localhost login me"] = "me:",
      ["machine localhost login me password pw machine localhost login no password no"] = "me:pw",
      ["default login all password pw"] = "all:pw",
      ["default login all password no machine localhost login me password pw"] = "me:pw",
      ["machine localhost login machine password default"] = "machine:default",
    }) do
      assert.equal(basic(expected), sent(witness.here, write(text)), text)
    end
    for _, text in ipairs({ "", "machine", "machine localhost", "machine localhost password pw",
      "machine other login a password b", "macdef x\nmachine localhost login no password no",
      '"machine localhost login me', "machine localhos login a password b\0" }) do
      assert.is_nil(sent(witness.here, write(text)), text)
    end
  end))

  it("is not asked unless it is named", helper.task(function()
    write("default login all password pw")
    assert.is_nil(sent(witness.here))
    assert.is_nil(sent(witness.here, { netrc = false }))
    local own = ms.client({ trust_env = false, netrc = path, tls = { ca = witness.ca } })
    for _ = 1, 2 do
      assert.equal(basic("all:pw"), own:get(witness.here):json().headers.authorization)
      assert.is_nil(own:get(witness.here, { netrc = false }):json().headers.authorization)
    end
    local results = own:map({ witness.here, witness.numbered })
    assert.equal(basic("all:pw"), results[1]:json().headers.authorization)
    assert.equal(basic("all:pw"), results[2]:json().headers.authorization)
    own:close()
  end))

  it("is not for what is not encrypted, unless that is allowed", helper.task(function()
    local url = hostile.url("/echo")
    assert.is_nil(sent(url, write("default login all password pw")))
    assert.is_nil(sent(url, { netrc = { path = path } }))
    assert.equal(basic("all:pw"), sent(url, { netrc = { path = path, cleartext = true } }))
  end))

  it("gives way to what the request says", helper.task(function()
    local options = write("default login all password pw")
    options.auth = { bearer = "token" }
    assert.equal("Bearer token", sent(witness.here, options))
    options.auth, options.headers = nil, { AUTHORIZATION = "mine" }
    assert.equal("mine", sent(witness.here, options))
    options.headers = nil
    assert.equal(basic("you:secret"), sent((witness.here:gsub("//", "//you:secret@")), options))
  end))

  it("is for the host that a redirect leads to, and never what is there for all",
    helper.task(function()
      local options = write("machine localhost login me password pw")
      assert.equal(basic("me:pw"), sent(witness.here .. "/to?/x", options))
      assert.is_nil(sent(witness.here .. "/to?" .. witness.numbered, options))
      assert.equal(basic("me:pw"), sent(witness.here .. "/to?" .. witness.numbered .. "/to?"
        .. witness.here, options))
      options = write("machine localhost login me password pw\n"
        .. "machine 127.0.0.1 login it password x")
      assert.equal(basic("it:x"), sent(witness.here .. "/to?" .. witness.numbered, options))
      options = write("machine localhost login me password pw\ndefault login all password no")
      assert.equal(basic("all:no"), sent(witness.numbered, options))
      assert.is_nil(sent(witness.here .. "/to?" .. witness.numbered, options))
      -- From what is not encrypted to what is, and back.
      assert.equal(basic("me:pw"), sent(hostile.url("/redirect?to=" .. witness.here), options))
      assert.is_nil(sent(witness.here .. "/to?" .. hostile.url("/echo"), options))
    end))

  it("is for the host that a middleware sends it to", helper.task(function()
    write("machine localhost login me password pw\nmachine 127.0.0.1 login it password x")
    for _, place in ipairs({ "middleware", "each_attempt" }) do
      local to = witness.numbered
      local own = ms.client({ trust_env = false, netrc = path, tls = { ca = witness.ca },
        [place] = { function(request, next)
          request.url = to
          return next(request)
        end } })
      assert.equal(basic("it:x"), own:get(witness.here):json().headers.authorization)
      to = hostile.url("/echo")
      assert.is_nil(echoed.of(own:get(witness.here)).fields.authorization)
      own:close()
    end
  end))

  it("with a base_url has nothing that is there for all for other origins", helper.task(function()
    write("default login all password no")
    local own = ms.client({ base_url = witness.here, trust_env = false, netrc = path,
      tls = { ca = witness.ca } })
    assert.equal(basic("all:no"), own:get("/x"):json().headers.authorization)
    assert.is_nil(own:get(witness.numbered):json().headers.authorization)
    own:close()
  end))

  it("is an error when the file cannot be read", helper.task(function()
    for _, name in ipairs({ "/nonexistent/netrc", "/tmp", "/dev/zero" }) do
      local err = helper.err_of(client:get(witness.here, { netrc = name }))
      assert.equal("io", err.kind)
      assert.matches("netrc: " .. name, err.message, 1, true)
    end
  end))

  it("true is the file in the home witness.certificates", function()
    local dir = servers.make_dir()
    helper.write_file(dir .. "/.netrc", "default login home password pw")
    local function run(home)
      local said = support.child_in(home, ([[
        local ms = require("multisock")
        local response, err = ms.get("%s", { netrc = true, tls = { ca = "%s/ca.crt" } })
        print(response and response:json().headers.authorization or err.message)]])
        :format(witness.here, witness.certificates))
      return (said:gsub("\n$", ""))
    end
    assert.equal(basic("home:pw"), run("HOME=" .. dir))
    assert.equal("netrc: /nonexistent/.netrc: No such file or directory", run("HOME=/nonexistent"))
    assert.equal("netrc: HOME is not set", run("env -u HOME"))
    os.execute("rm -rf " .. dir)
  end)

  it("raises what it cannot be", helper.task(function()
    assert.matches("option 'netrc': boolean, path or table expected",
      helper.failure(client.get, client, witness.here, { netrc = 5 }), 1, true)
    assert.matches("unknown field", helper.failure(client.get, client, witness.here,
      { netrc = { file = "x" } }), 1, true)
  end))

  describe("beside FTP", function()
    local ftp = fixtures.server(packaged.ftp)

    it("is for its login, where that is allowed", helper.task(function()
      write(("machine 127.0.0.1 login %s password %s"):format("nobody", "wrong"))
      local url = ftp.url("/1k"):gsub("//[^/@]*@", "//")
      local _, err = client:get(url, { protocols = { "ftp" },
        netrc = { path = path, cleartext = true } })
      assert.equal("CURLE_LOGIN_DENIED", err and err.code)
      -- Without it: the anonymous user.
      local response = ms.assert(client:get(url, { protocols = { "ftp" }, netrc = path }))
      assert.equal(1024, #response:text())
    end))
  end)
end)
